import { expect, test } from 'vitest';
import {
  commandFor,
  objectFor,
  type Registration,
} from '../../../../webhook/identity/registration.ts';

const registration: Registration = {
  spiffeId: 'spiffe://example.org/ns/shop/sa/orders',
  parentId: 'spiffe://example.org/ns/spire/sa/spire-agent',
  namespace: 'shop',
  workload: 'orders',
  container: 'auth-helper',
  selectors: ['k8s:ns:shop', 'k8s:sa:orders', 'k8s:container-name:auth-helper'],
  labels: { app: 'orders' },
  federatesWith: ['other.org', 'third.org'],
  dnsNames: [],
  hint: '',
  x509SvidTtlS: 0,
  jwtSvidTtlS: 0,
  isPrefetched: true,
};

test('a command names each trust domain that the workload federates with', () => {
  expect(commandFor(registration)).toContain(
    '  -selector k8s:container-name:auth-helper \\\n  -federatesWith spiffe://other.org \\\n  -federatesWith spiffe://third.org\n',
  );
});

test('an object selects the pods by namespace and labels, and in them one container', () => {
  expect(objectFor(registration)).toEqual({
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterSPIFFEID',
    metadata: { name: 'shop.orders.auth-helper' },
    spec: {
      spiffeIDTemplate: 'spiffe://example.org/ns/shop/sa/orders',
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } },
      podSelector: { matchLabels: { app: 'orders' } },
      workloadSelectorTemplates: ['k8s:ns:shop', 'k8s:sa:orders', 'k8s:container-name:auth-helper'],
      federatesWith: ['other.org', 'third.org'],
    },
  });
});

test('without a foreign trust domain nothing is said about federation', () => {
  const alone = { ...registration, federatesWith: [] };
  expect(commandFor(alone)).not.toContain('federatesWith');
  expect(JSON.stringify(objectFor(alone))).not.toContain('federatesWith');
});

const inFull: Registration = {
  ...registration,
  dnsNames: ['orders', 'orders.shop.svc'],
  hint: "the shop's",
  x509SvidTtlS: 600,
  jwtSvidTtlS: 60,
  isPrefetched: false,
};

test('a command says names, lives and hint, quoted for a shell, and that no X.509-SVID is asked for ahead of time', () => {
  expect(commandFor(inFull)).toContain(
    [
      '  -dns orders',
      '  -dns orders.shop.svc',
      '  -federatesWith spiffe://other.org',
      '  -federatesWith spiffe://third.org',
      '  -x509SVIDTTL 600',
      '  -jwtSVIDTTL 60',
      "  -hint 'the shop'\\''s'",
      '  -disableX509SVIDPrefetch\n',
    ].join(' \\\n'),
  );
});

test('an object says names, lives and hint', () => {
  expect(objectFor(inFull)['spec']).toMatchObject({
    dnsNameTemplates: ['orders', 'orders.shop.svc'],
    ttl: '600s',
    jwtTtl: '60s',
    hint: "the shop's",
  });
});
