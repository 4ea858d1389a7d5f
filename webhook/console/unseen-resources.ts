/** What a person may not read, told once, with the roles that give it. */
import { workloadKinds } from '../objects/kinds.ts';
import { rolesText, unknownUser, type WantedRight } from '../objects/roles-for.ts';
import type { MissingRight, MissingRights } from './console-model.ts';

/** A resource that was asked for in vain. */
export interface DeniedResource {
  /** As in RBAC: `apps` and `deployments`; the core group is empty. */
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** The one object that was asked for, where it is one. */
  readonly one?: { readonly namespace: string; readonly name: string } | undefined;
  /** What is not seen without it, in a sentence. */
  readonly consequence: string;
}

/** For whom, and for what. */
export interface RightsOf {
  /** As the API server names them; undefined where it does not say. */
  readonly user: string | undefined;
  /** The one that was chosen; absent: all. */
  readonly namespace: string | undefined;
}

/** Undefined where nothing is denied. */
export function missingRights(
  denied: readonly DeniedResource[],
  { user, namespace }: RightsOf,
): MissingRights | undefined {
  if (denied.length === 0) return undefined;
  const wanted = denied.flatMap((each) => rightsTo(each, namespace));
  return {
    rights: denied.map(rightOf),
    hidesWorkloads: denied.some(isListOfWorkloads),
    role: rolesText(wanted, user ?? unknownUser),
    ...(user === undefined ? { placeholder: unknownUser } : {}),
  };
}

/** Pods among them, which tell of workloads of kinds that svidecar does not know. */
const listedForWorkloads: ReadonlySet<string> = new Set(
  workloadKinds.map(({ resource }) => resource),
);

function isListOfWorkloads({ resource, verbs }: DeniedResource): boolean {
  return verbs.includes('list') && listedForWorkloads.has(resource);
}

function rightOf({ group, resource, verbs, one, consequence }: DeniedResource): MissingRight {
  const named = `${resource}${group === '' ? '' : `.${group}`}`;
  const what = `${listed(verbs)} ${one === undefined ? named : `${named}/${one.name} in ${one.namespace}`}`;
  return { what, consequence };
}

/** `get, list and watch`. */
function listed(verbs: readonly string[]): string {
  const [last = '', ...others] = verbs.toReversed();
  return others.length === 0 ? last : `${others.toReversed().join(', ')} and ${last}`;
}

/** Of a resource without namespaces only a ClusterRole can speak. */
const withoutNamespace: ReadonlySet<string> = new Set([
  'namespaces',
  'mutatingwebhookconfigurations',
]);

function rightsTo(
  { group, resource, verbs, one }: DeniedResource,
  namespace: string | undefined,
): readonly WantedRight[] {
  const within = withoutNamespace.has(resource) ? undefined : namespace;
  return verbs.map((verb) => ({ verb, group, resource, namespace: within, ...one }));
}
