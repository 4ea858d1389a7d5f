/** The RBAC objects that would give a user what it lacks. */
import { createHash } from 'node:crypto';
import { Document, isScalar, visit } from 'yaml';
import type { Json, JsonObject } from '#kernel/json.ts';

/** What one rule is about; an `AccessRight` of the API fits. */
export interface WantedRight {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

const apiVersion = 'rbac.authorization.k8s.io/v1';
const apiGroup = 'rbac.authorization.k8s.io';
/** Hexadecimal digits of what tells two sets of rules for one user apart: applying one must not take the other away. */
const nameDigits = 8;
/** Stands where nobody said who the user is. */
export const unknownUser = 'NAME-OF-THE-USER';

/**
 * A ClusterRole with its binding for what is about the whole cluster, and for each namespace a Role with its binding.
 * Verbs on one resource are one rule, and resources of one group with the same verbs too.
 * @param user as the API server names it; a ServiceAccount's name works as well
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/
 */
export function rolesFor(rights: readonly WantedRight[], user: string): readonly JsonObject[] {
  // Empty: the whole cluster, which comes first.
  const places = [...new Set(rights.map(({ namespace = '' }) => namespace))].sort();
  return places.flatMap((namespace) => {
    const rules = rulesFor(rights.filter((right) => (right.namespace ?? '') === namespace));
    const isWide = namespace === '';
    const metadata = { name: nameFor(user, rules), ...(isWide ? {} : { namespace }) };
    const kind = isWide ? 'ClusterRole' : 'Role';
    return [
      { apiVersion, kind, metadata, rules: [...rules] },
      {
        apiVersion,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup, kind, name: metadata.name },
        subjects: [{ apiGroup, kind: 'User', name: user }],
      },
    ];
  });
}

/** {@link rolesFor} as YAML documents, to be applied as they are. */
export function rolesText(rights: readonly WantedRight[], user: string): string {
  return rolesFor(rights, user)
    .map((object) => `---\n${yamlOf(object)}`)
    .join('');
}

/** Lists of names stay on their line. */
function yamlOf(object: JsonObject): string {
  // Kubectl reads YAML 1.1: a namespace may be called "on".
  const document = new Document(object, { version: '1.1' });
  visit(document, {
    Seq: (_key, list) => {
      list.flow = list.items.every((item) => isScalar(item));
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** Names of RBAC objects are segments of a path. */
function nameFor(user: string, rules: readonly JsonObject[]): string {
  const hash = createHash('sha256').update(JSON.stringify(rules)).digest('hex');
  return `svidecar-cli:${user.replaceAll(/[/%]/g, '_')}:${hash.slice(0, nameDigits)}`;
}

/** Sorted, so that the same rights have the same name in whatever order they were asked for. */
function rulesFor(rights: readonly WantedRight[]): readonly JsonObject[] {
  const sorted = [...rights].sort((one, other) => textOf(one).localeCompare(textOf(other)));
  const byResource = grouped(sorted, ({ group, resource, name }) => [group, resource, name ?? '']);
  const merged = byResource.map((same) => ({
    group: same[0].group,
    resource: same[0].resource,
    name: same[0].name,
    verbs: [...new Set(same.map(({ verb }) => verb))].sort(),
  }));
  return grouped(merged, ({ group, name, verbs }) => [group, name ?? '', ...verbs]).map((same) => {
    const { group, name, verbs } = same[0];
    const resources: Json = [...new Set(same.map(({ resource }) => resource))].sort();
    const named = name === undefined ? {} : { resourceNames: [name] };
    return { apiGroups: [group], resources, ...named, verbs };
  });
}

function textOf({ group, resource, verb, name = '' }: WantedRight): string {
  return [group, resource, verb, name].join(' ');
}

/** In the order of the first of each group; no group is empty. */
function grouped<T>(
  items: readonly T[],
  keyOf: (item: T) => readonly string[],
): readonly (readonly [T, ...T[]])[] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const key = JSON.stringify(keyOf(item));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
