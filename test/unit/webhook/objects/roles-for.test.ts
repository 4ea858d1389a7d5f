import { expect, test } from 'vitest';
import { rolesFor, rolesText } from '../../../../webhook/objects/roles-for.ts';

const pods = { verb: 'list', group: '', resource: 'pods' };
const services = { ...pods, resource: 'services' };
const one = { verb: 'get', group: '', resource: 'configmaps', namespace: 'shop', name: 'a' };

test('what has no namespace is a ClusterRole, and each namespace has a Role, each with its binding', () => {
  const [wide, wideBinding, role, binding, ...others] = rolesFor([one, pods, services], 'jo');
  expect(others).toEqual([]);
  expect(wide).toMatchObject({
    kind: 'ClusterRole',
    rules: [{ apiGroups: [''], resources: ['pods', 'services'], verbs: ['list'] }],
  });
  expect(wideBinding).toMatchObject({
    kind: 'ClusterRoleBinding',
    roleRef: { kind: 'ClusterRole' },
    subjects: [{ kind: 'User', name: 'jo' }],
  });
  expect(role).toMatchObject({
    kind: 'Role',
    metadata: { namespace: 'shop' },
    rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['a'], verbs: ['get'] }],
  });
  expect(binding).toMatchObject({ kind: 'RoleBinding', metadata: { namespace: 'shop' } });
});

test('the same rights have the same name in any order, others another: nothing applied is taken away', () => {
  const nameOf = (...rights: Parameters<typeof rolesFor>[0]): unknown =>
    rolesFor(rights, 'jo')[0]?.['metadata'];
  expect(nameOf(pods, services)).toEqual(nameOf(services, pods));
  expect(nameOf(pods)).not.toEqual(nameOf(pods, services));
});

test('a name with a slash still gives objects with a name', () => {
  expect(JSON.stringify(rolesFor([pods], 'https://login.test/jo%1')[0]?.['metadata'])).toMatch(
    /^\{"name":"svidecar-cli:https:__login\.test_jo_1:[0-9a-f]{8}"\}$/,
  );
});

test('names that kubectl would read as other types are quoted', () => {
  const text = rolesText([{ ...one, namespace: 'on', name: 'y' }], 'no');
  expect(text).toContain('namespace: "on"');
  expect(text).toContain('resourceNames: ["y"]');
  expect(text).toContain('name: "no"');
  expect(text).not.toContain('%YAML');
});
