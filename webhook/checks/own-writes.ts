/** The policy that bounds what svidecar itself writes: it names an account, and kustomize does not change that with the namespace. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { nameLabel, noRevision, ownName, revisionIn } from '../request/revision.ts';
import type { Finding } from './check-contract.ts';
import { metadataOf, nameOf, whereOf, type Subject } from './facts.ts';
import { serviceOf } from './inspected-hooks.ts';

const account = /'(system:serviceaccount:([^:']+):[^:']+)'/;

export function isOwnWrites(policy: JsonObject): boolean {
  const labels = objectAt(metadataOf(policy), 'labels');
  return labels[nameLabel] === ownName && nameOf(policy).startsWith('svidecar-own-writes');
}

/** @param hooks of all installations: by what they call it is known where one runs */
export function unboundWrites(
  policies: readonly Subject[],
  hooks: readonly Subject[],
): readonly Finding[] {
  return policies.flatMap((policy): readonly Finding[] => {
    const revision = revisionIn(metadataOf(policy.object)) ?? noRevision;
    const home = serviceOf(hooks, revision)?.namespace;
    const [, name = '', namespace] = account.exec(conditionsOf(policy.object)) ?? [];
    if (home === undefined || namespace === undefined || namespace === home) return [];
    return [
      {
        severity: 'warning',
        where: whereOf(policy, ''),
        message: `bounds what ${name} writes, and svidecar runs in namespace ${home}: nothing bounds its writes`,
        hint: 'name its account in the condition is-svidecar, as the chart and svidecar revision render do',
      },
    ];
  });
}

function conditionsOf({ spec }: JsonObject): string {
  const conditions = listAt(isObject(spec) ? spec : {}, 'matchConditions').filter(isObject);
  return conditions.map((each) => stringAt(each, 'expression') ?? '').join('\n');
}
