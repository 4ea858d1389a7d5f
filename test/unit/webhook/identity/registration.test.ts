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
  selectors: ['k8s:ns:shop', 'k8s:sa:orders'],
  labels: { app: 'orders' },
  federatesWith: ['other.org', 'third.org'],
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
