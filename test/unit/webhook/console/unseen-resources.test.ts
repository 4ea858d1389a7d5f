import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { missingRights } from '../../../../webhook/console/unseen-resources.ts';

const verbs = ['get', 'list', 'watch'];
const denied = [
  { group: '', resource: 'namespaces', verbs, consequence: 'a' },
  { group: '', resource: 'pods', verbs, consequence: 'b' },
  { group: 'apps', resource: 'deployments', verbs, consequence: 'c' },
];
const own = {
  group: '',
  resource: 'configmaps',
  verbs: ['get'],
  one: { namespace: 'svidecar', name: 'svidecar' },
  consequence: 'd',
};
const jo = { user: 'jo', namespace: 'shop' };

function objectsOf(...[all, of]: Parameters<typeof missingRights>): readonly unknown[] {
  return parseAllDocuments(missingRights(all, of)?.role ?? '').map(
    (each) => each.toJS() as unknown,
  );
}

it('says nothing where nothing is missing', () => {
  expect(missingRights([], jo)).toBeUndefined();
});

it.each([
  ['pods', true],
  ['deployments', true],
  ['cronjobs', true],
  ['namespaces', false],
  ['configmaps', false],
])('that no %s may be listed may hide workloads: %s', (resource, hidesWorkloads) => {
  const one = { group: '', resource, verbs, consequence: 'a' };
  expect(missingRights([one], jo)).toMatchObject({ hidesWorkloads });
  expect(missingRights([{ ...one, verbs: ['get'] }], jo)).toMatchObject({ hidesWorkloads: false });
});

it('hides workloads where one of several resources does', () => {
  const [namespaces, pods] = denied;
  for (const some of [
    [namespaces, pods],
    [pods, namespaces],
  ])
    expect(
      missingRights(
        some.flatMap((each) => each ?? []),
        jo,
      ),
    ).toMatchObject({ hidesWorkloads: true });
});

it.each(['namespaces', 'mutatingwebhookconfigurations'])(
  'asks for a ClusterRole for %s, which have no namespace, whichever is looked at',
  (resource) => {
    const kinds = objectsOf([{ group: '', resource, verbs, consequence: 'a' }], jo);
    expect(kinds).toMatchObject([{ kind: 'ClusterRole' }, { kind: 'ClusterRoleBinding' }]);
  },
);

it('asks for the least that gives it: a Role where one namespace is looked at, or one object', () => {
  const all = [...denied, own];
  expect(missingRights(all, jo)?.rights.map(({ what }) => what)).toEqual([
    'get, list and watch namespaces',
    'get, list and watch pods',
    'get, list and watch deployments.apps',
    'get configmaps/svidecar in svidecar',
  ]);
  expect(missingRights(all, jo)?.rights.map(({ consequence }) => consequence)).toEqual([
    'a',
    'b',
    'c',
    'd',
  ]);
  expect(objectsOf(all, jo)).toMatchObject([
    { kind: 'ClusterRole', rules: [{ apiGroups: [''], resources: ['namespaces'], verbs }] },
    { kind: 'ClusterRoleBinding', subjects: [{ kind: 'User', name: 'jo' }] },
    {
      kind: 'Role',
      metadata: { namespace: 'shop' },
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs },
        { apiGroups: ['apps'], resources: ['deployments'], verbs },
      ],
    },
    { kind: 'RoleBinding' },
    {
      kind: 'Role',
      metadata: { namespace: 'svidecar' },
      rules: [{ resources: ['configmaps'], resourceNames: ['svidecar'], verbs: ['get'] }],
    },
    { kind: 'RoleBinding' },
  ]);
  expect(objectsOf(denied, { ...jo, namespace: undefined })).toMatchObject([
    { kind: 'ClusterRole' },
    { kind: 'ClusterRoleBinding' },
  ]);
});

it('names what stands for a user whom the server does not tell', () => {
  const { role, placeholder } = missingRights(denied, { ...jo, user: undefined }) ?? {};
  expect(placeholder).toBe('NAME-OF-THE-USER');
  expect(role).toContain('name: NAME-OF-THE-USER');
  expect(missingRights(denied, jo)?.placeholder).toBeUndefined();
});
