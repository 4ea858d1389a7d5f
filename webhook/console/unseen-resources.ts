/** What a person may not read, told once, with the Role that gives it. */
import type { MissingRight, MissingRights } from './console-model.ts';

/** A resource that was asked for in vain. */
export interface DeniedResource {
  /** As in RBAC: `apps` and `deployments`; the core group is empty. */
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** What is not seen without it, in a sentence. */
  readonly consequence: string;
}

/** @param namespace the one that was chosen; absent: all. Undefined where nothing is denied. */
export function missingRights(
  denied: readonly DeniedResource[],
  namespace: string | undefined,
): MissingRights | undefined {
  if (denied.length === 0) return undefined;
  return {
    rights: denied.map(rightOf),
    role: roleText(denied, namespace),
  };
}

function rightOf({ group, resource, verbs, consequence }: DeniedResource): MissingRight {
  const what = `${verbs.join(' and ')} ${resource}${group === '' ? '' : `.${group}`}`;
  return { what, consequence };
}

/** Of a resource without namespaces, or over all of them, only a ClusterRole can speak. */
const withoutNamespace: ReadonlySet<string> = new Set([
  'namespaces',
  'mutatingwebhookconfigurations',
]);

function roleText(denied: readonly DeniedResource[], namespace: string | undefined): string {
  const isWide = ({ resource }: DeniedResource): boolean =>
    namespace === undefined || withoutNamespace.has(resource);
  const wide = denied.filter(isWide);
  const narrow = denied.filter((each) => !isWide(each));
  return [
    ...(wide.length === 0 ? [] : [role('ClusterRole', wide, undefined)]),
    ...(narrow.length === 0 ? [] : [role('Role', narrow, namespace)]),
  ].join('---\n');
}

const roleName = 'svidecar-console';

function role(
  kind: 'Role' | 'ClusterRole',
  denied: readonly DeniedResource[],
  namespace: string | undefined,
): string {
  const byKey = Map.groupBy(denied, ({ group, verbs }) => JSON.stringify([group, verbs]));
  const rules = [...byKey.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const resources = same.map(({ resource }) => resource).join(', ');
    return [
      `  - apiGroups: ["${first.group}"]`,
      `    resources: [${resources}]`,
      `    verbs: [${first.verbs.join(', ')}]`,
    ];
  });
  const within = namespace === undefined ? [] : [`  namespace: ${namespace}`];
  return `${[
    'apiVersion: rbac.authorization.k8s.io/v1',
    `kind: ${kind}`,
    'metadata:',
    `  name: ${roleName}`,
    ...within,
    'rules:',
    ...rules,
  ].join('\n')}\n`;
}
