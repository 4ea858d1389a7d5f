import { expect, test } from 'vitest';
import { rightOf } from '../../../../webhook/kube/denied-rights.ts';

test.each([
  ['/api/v1/pods?limit=500', { verb: 'list', group: '', resource: 'pods' }],
  [
    '/apis/apps/v1/namespaces/shop/deployments?limit=1',
    { verb: 'list', group: 'apps', resource: 'deployments', namespace: 'shop' },
  ],
  [
    '/api/v1/namespaces/shop/configmaps/a.b',
    { verb: 'get', group: '', resource: 'configmaps', namespace: 'shop', name: 'a.b' },
  ],
  ['/api/v1/namespaces', { verb: 'list', group: '', resource: 'namespaces' }],
  ['/api/v1/namespaces/shop', { verb: 'get', group: '', resource: 'namespaces', name: 'shop' }],
  [
    '/api/v1/namespaces/shop/pods/http:web-1:9011/proxy/identities',
    { verb: 'get', group: '', resource: 'pods/proxy', namespace: 'shop' },
  ],
])('GET %s', (path, right) => {
  expect(rightOf('get', path)).toEqual(right);
});

test.each(['/version', '/healthz', '/openapi/v3'])('%s is no resource', (path) => {
  expect(rightOf('get', path)).toBeUndefined();
});
