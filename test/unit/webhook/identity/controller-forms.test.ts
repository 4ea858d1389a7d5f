import { expect, test } from 'vitest';
import {
  clusterSpiffeId,
  clusterStaticEntry,
  staticAlias,
} from '../../../../webhook/identity/controller-forms.ts';
import { nodeAlias } from '../../../../webhook/identity/registration.ts';
import { orders, ordersInFull } from '../../../fakes/registrations.ts';

test('a ClusterSPIFFEID selects the pods by namespace and labels, and in them one container', () => {
  expect(clusterSpiffeId(orders, '')).toEqual({
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
  const alone = { ...orders, federatesWith: [] };
  expect(JSON.stringify(clusterSpiffeId(alone, ''))).not.toContain('federatesWith');
  expect(JSON.stringify(clusterStaticEntry(alone, ''))).not.toContain('federatesWith');
});

test('both objects say class, names, lives and hint', () => {
  expect(clusterSpiffeId(ordersInFull, 'mine')['spec']).toMatchObject({
    className: 'mine',
    dnsNameTemplates: ['orders', 'orders.shop.svc'],
    ttl: '600s',
    jwtTtl: '60s',
    hint: "the shop's",
  });
  expect(clusterStaticEntry(ordersInFull, 'mine')['spec']).toEqual({
    className: 'mine',
    spiffeID: 'spiffe://example.org/ns/shop/sa/orders',
    parentID: 'spiffe://example.org/ns/spire/sa/spire-agent',
    selectors: ['k8s:ns:shop', 'k8s:sa:orders', 'k8s:container-name:auth-helper'],
    dnsNames: ['orders', 'orders.shop.svc'],
    federatesWith: ['other.org', 'third.org'],
    x509SVIDTTL: '600s',
    jwtSVIDTTL: '60s',
    hint: "the shop's",
  });
});

test("the alias of nodes is an entry under the server, named by the agents' SPIFFE ID", () => {
  const alias = nodeAlias('spiffe://example.org/ns/spire/sa/Spire_agent', [
    'k8s_psat:cluster:demo',
  ]);
  expect(staticAlias(alias, '')).toMatchObject({
    metadata: { name: 'example.org.ns.spire.sa.spire.agent' },
    spec: {
      spiffeID: 'spiffe://example.org/ns/spire/sa/Spire_agent',
      parentID: 'spiffe://example.org/spire/server',
      selectors: ['k8s_psat:cluster:demo'],
    },
  });
});
