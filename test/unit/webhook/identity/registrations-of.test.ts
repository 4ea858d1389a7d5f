import { expect, test } from 'vitest';
import { registrationsOf } from '../../../../webhook/identity/registrations-of.ts';
import { locate, type Located } from '../../../../webhook/request/locate.ts';
import { engineFor } from '../../../fakes/engine.ts';

function orders(annotations: Readonly<Record<string, string>> = {}): Located {
  const located = locate(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'orders' },
      spec: {
        template: {
          metadata: { labels: { app: 'orders', tier: 'back' }, annotations },
          spec: { serviceAccountName: 'orders', containers: [{ name: 'app' }, { name: 'envoy' }] },
        },
      },
    },
    'shop',
  );
  if (located === undefined) throw new TypeError('a Deployment has a pod template');
  return located;
}
const options = { facts: engineFor(), hasHelper: true, podLabels: [], containers: [] };

test('the helper is registered by namespace and service account', () => {
  expect(registrationsOf(orders(), options)).toEqual([
    {
      spiffeId: 'spiffe://example.org/ns/shop/sa/orders',
      parentId: 'spiffe://example.org/ns/spire/sa/spire-agent',
      namespace: 'shop',
      workload: 'orders',
      container: 'auth-helper',
      selectors: ['k8s:ns:shop', 'k8s:sa:orders'],
      labels: { app: 'orders', tier: 'back' },
      federatesWith: [],
    },
  ]);
});

test('of other containers only those that the workload has are registered', () => {
  const asked = { ...options, containers: ['envoy', 'proxy'] };
  const of = (hasHelper: boolean): readonly string[] =>
    registrationsOf(orders(), { ...asked, hasHelper }).map(({ container }) => container);
  expect(of(true)).toEqual(['auth-helper', 'envoy']);
  expect(of(false)).toEqual(['envoy']);
});

test('labels of the pods select too where they are asked for and there', () => {
  const [registration] = registrationsOf(orders(), { ...options, podLabels: ['app', 'zone'] });
  expect(registration?.selectors).toEqual([
    'k8s:ns:shop',
    'k8s:sa:orders',
    'k8s:pod-label:app:orders',
  ]);
});

test('the pod template says with whom the workload federates', () => {
  const [registration] = registrationsOf(
    orders({ 'spiffe.io/federatesWith': ' other.org, ,third.org' }),
    options,
  );
  expect(registration?.federatesWith).toEqual(['other.org', 'third.org']);
});
