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
          spec: {
            serviceAccountName: 'orders',
            containers: [{ name: 'app' }, { name: 'envoy', image: 'envoyproxy/envoy:v1.36.0' }],
          },
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
      selectors: ['k8s:ns:shop', 'k8s:sa:orders', 'k8s:container-name:auth-helper'],
      labels: { app: 'orders', tier: 'back' },
      federatesWith: [],
      dnsNames: [],
      hint: '',
      x509SvidTtlS: 0,
      jwtSvidTtlS: 0,
      isPrefetched: true,
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

test('labels of the pods select too where they are asked for', () => {
  const [registration] = registrationsOf(orders(), { ...options, podLabels: ['app', 'tier'] });
  expect(registration?.selectors).toEqual([
    'k8s:ns:shop',
    'k8s:sa:orders',
    'k8s:pod-label:app:orders',
    'k8s:pod-label:tier:back',
    'k8s:container-name:auth-helper',
  ]);
});

test('without one of the labels nothing is registered, since others would meet the entry', () => {
  const asked = { ...options, podLabels: ['app', 'zone', 'constructor'] };
  expect(() => registrationsOf(orders(), asked)).toThrow(
    expect.objectContaining({
      code: 'LABEL_MISSING',
      message: expect.stringContaining(
        'Deployment shop/orders: its pod template does not have the label zone, constructor, ',
      ) as string,
    }),
  );
  expect(registrationsOf(orders(), { ...asked, hasHelper: false })).toEqual([]);
});

test('the pod template says with whom the workload federates', () => {
  const [registration] = registrationsOf(
    orders({
      'spiffe.io/federatesWith': ' third.org, ,other.org',
      'svidecar.dev/federates-with': 'spiffe://other.org, fourth.org',
    }),
    options,
  );
  expect(registration?.federatesWith).toEqual(['fourth.org', 'other.org', 'third.org']);
});

test('images select too where that is asked for: the injected one, and those of the pod', () => {
  const asked = { ...options, containers: ['envoy'], selectsImage: true };
  expect(registrationsOf(orders(), asked).map(({ selectors }) => selectors.slice(2))).toEqual([
    ['k8s:container-name:auth-helper', 'k8s:container-image:docker.io/svidecar/helper:0.2.0'],
    ['k8s:container-name:envoy', 'k8s:container-image:docker.io/envoyproxy/envoy:v1.36.0'],
  ]);
});

test('terms of the configuration are those of each registration', () => {
  const terms = { hint: 'svidecar', x509SvidTtlS: 600, jwtSvidTtlS: 60, isPrefetched: false };
  expect(registrationsOf(orders(), { ...options, terms })).toMatchObject([terms]);
});

test("our annotation and the former registrar's add up, without the own trust domain and what is none", () => {
  const [registration] = registrationsOf(
    orders({
      'inject.svidecar.dev/templates': 'jwt-validate',
      'svidecar.dev/federates-with': 'third.org, spiffe://example.org',
      'spiffe.io/federatesWith': 'spiffe://other.org, Bad Name, third.org, __proto__',
    }),
    options,
  );
  expect(registration?.federatesWith).toEqual(['__proto__', 'other.org', 'third.org']);
});

test("the own trust domain is the SPIFFE ID's", () => {
  const [registration] = registrationsOf(
    orders({
      'inject.svidecar.dev/templates': 'jwt-validate',
      'svidecar.dev/spiffe-id': 'spiffe://other.org/orders',
      'svidecar.dev/federates-with': 'example.org, other.org',
    }),
    options,
  );
  expect(registration?.federatesWith).toEqual(['example.org']);
});
