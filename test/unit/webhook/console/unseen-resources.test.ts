import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { missingRights } from '../../../../webhook/console/unseen-resources.ts';

const verbs = ['list', 'watch'];
const denied = [
  { group: '', resource: 'namespaces', verbs, consequence: 'a' },
  { group: '', resource: 'pods', verbs, consequence: 'b' },
  { group: 'apps', resource: 'deployments', verbs, consequence: 'c' },
];

it('says nothing where nothing is missing', () => {
  expect(missingRights([], undefined)).toBeUndefined();
});

it('asks for the least that gives it: a Role where one namespace is looked at', () => {
  const { rights, role } = missingRights(denied, 'shop') ?? { rights: [], role: '' };
  expect(rights[2]).toEqual({ what: 'list and watch deployments.apps', consequence: 'c' });
  const objects = parseAllDocuments(role).map((each) => each.toJS() as unknown);
  expect(objects).toMatchObject([
    { kind: 'ClusterRole', rules: [{ apiGroups: [''], resources: ['namespaces'], verbs }] },
    {
      kind: 'Role',
      metadata: { namespace: 'shop' },
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs },
        { apiGroups: ['apps'], resources: ['deployments'], verbs },
      ],
    },
  ]);
  const wide = parseAllDocuments(missingRights(denied, undefined)?.role ?? '');
  expect(wide.map((each) => each.get('kind'))).toEqual(['ClusterRole']);
});
