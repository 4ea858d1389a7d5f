/** Registrations for tests of their forms. */
import { plainTerms, type Registration } from '../../webhook/identity/registration.ts';

export const orders: Registration = {
  ...plainTerms,
  spiffeId: 'spiffe://example.org/ns/shop/sa/orders',
  parentId: 'spiffe://example.org/ns/spire/sa/spire-agent',
  namespace: 'shop',
  workload: 'orders',
  container: 'auth-helper',
  selectors: ['k8s:ns:shop', 'k8s:sa:orders', 'k8s:container-name:auth-helper'],
  labels: { app: 'orders' },
  federatesWith: ['other.org', 'third.org'],
  dnsNames: [],
};

export const ordersInFull: Registration = {
  ...orders,
  dnsNames: ['orders', 'orders.shop.svc'],
  hint: "the shop's",
  x509SvidTtlS: 600,
  jwtSvidTtlS: 60,
  isPrefetched: false,
};
