/** The lists of one group of objects, read where they are to be read. */
import { stringAt, type JsonObject } from '#kernel/json.ts';
import { known, metadataOf, type Reading } from '../checks/facts.ts';
import { usualRootNamespace } from '../istio/provider.ts';
import type { KubernetesApi } from '../kube/kubernetes-api.ts';
import { readList, type Listed } from '../kube/read-list.ts';
import type { Group } from './sources.ts';

interface GroupOptions {
  readonly api: KubernetesApi;
  /** Absent: all namespaces. */
  readonly namespace: string | undefined;
  readonly signal: AbortSignal;
}

/** Several lists become one group; where only some may be read, it is partly known. */
export async function readGroup(
  { scope, sources, keep: isWanted }: Group,
  { api, namespace, signal }: GroupOptions,
): Promise<Reading> {
  const keep = (object: JsonObject): boolean => isStaying(object) && isWanted(object);
  const places = placesOf(scope, namespace);
  const lists = await Promise.all(
    sources.flatMap((source) =>
      places.map(({ query, ...place }) =>
        readList(api, query === undefined ? source : { ...source, query }, {
          ...place,
          keep,
          signal,
        }),
      ),
    ),
  );
  return asReading(lists);
}

/** Absent: everywhere. */
interface Place {
  readonly namespace?: string;
  readonly query?: string;
}

function placesOf(scope: Group['scope'], namespace: string | undefined): readonly Place[] {
  if (scope === 'cluster' || namespace === undefined) return [{}];
  // The one chosen Namespace is a list of one.
  if (scope === 'named')
    return [{ query: `fieldSelector=metadata.name%3D${encodeURIComponent(namespace)}` }];
  const others = scope === 'mesh' && namespace !== usualRootNamespace ? [usualRootNamespace] : [];
  return [namespace, ...others].map((each) => ({ namespace: each }));
}

function asReading(lists: readonly Listed[]): Reading {
  const reasons = lists.flatMap((list) => (list.kind === 'unknown' ? [list.reason] : []));
  const subjects = lists.flatMap((list) =>
    list.kind === 'known' ? list.objects.map((object) => ({ object })) : [],
  );
  if (reasons.length === lists.length) return { kind: 'unknown', reasons };
  if (reasons.length > 0) return { kind: 'partial', subjects, reasons };
  const isAbsent = lists.every((list) => list.kind === 'known' && list.isAbsent === true);
  return isAbsent ? { kind: 'known', subjects, isAbsent } : known(subjects);
}

/** What is being deleted needs no checks. */
function isStaying(object: JsonObject): boolean {
  return stringAt(metadataOf(object), 'deletionTimestamp') === undefined;
}
