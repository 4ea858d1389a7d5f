/** The ConfigMaps that workloads mount or are made from, and no others. */
import { mountedConfigMaps } from '../checks/assess.ts';
import { nameOf, type Reading, type Subject } from '../checks/facts.ts';
import { stringAt } from '#kernel/json.ts';
import { metadataOf } from '../checks/facts.ts';
import { readList, type ListSource } from '../kube/read-list.ts';
import type { SurveyOptions } from './site.ts';

const source: ListSource = { apiVersion: 'v1', kind: 'ConfigMap', resource: 'configmaps' };
/** Lists that are read at once; a page of large ConfigMaps is heavy. */
const listsAtOnce = 4;

export async function readConfigMaps(
  users: readonly Subject[],
  { api, signal }: SurveyOptions,
): Promise<Reading> {
  const wanted = new Map<string, Set<string>>();
  for (const { object } of users) {
    const namespace = stringAt(metadataOf(object), 'namespace') ?? '';
    const names = wanted.get(namespace) ?? new Set();
    for (const name of mountedConfigMaps(object)) names.add(name);
    wanted.set(namespace, names);
  }
  const left = [...wanted].filter(([, names]) => names.size > 0);
  const subjects: Subject[] = [];
  const reasons = new Set<string>();
  while (left.length > 0) {
    const lists = await Promise.all(
      left
        .splice(0, listsAtOnce)
        .map(([namespace, names]) =>
          readList(api, source, { namespace, keep: (each) => names.has(nameOf(each)), signal }),
        ),
    );
    for (const list of lists) {
      if (list.kind === 'unknown') reasons.add(list.reason);
      else subjects.push(...list.objects.map((object) => ({ object })));
    }
  }
  // A missing list would look like missing ConfigMaps.
  if (reasons.size > 0) return { kind: 'unknown', reasons: [...reasons] };
  return { kind: 'known', subjects };
}
