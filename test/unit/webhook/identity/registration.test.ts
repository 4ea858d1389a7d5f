import { expect, test } from 'vitest';
import { mergeSimilar } from '../../../../webhook/identity/registration.ts';
import { orders, ordersInFull } from '../../../fakes/registrations.ts';

test('registrations that SPIRE takes for one become one, with what any of them asks for', () => {
  const other = {
    ...orders,
    workload: 'orders-2',
    selectors: orders.selectors.toReversed(),
    federatesWith: ['first.org', 'other.org'],
    dnsNames: ['orders-2'],
  };
  expect(mergeSimilar([ordersInFull, other])).toEqual([
    {
      ...ordersInFull,
      federatesWith: ['first.org', 'other.org', 'third.org'],
      dnsNames: ['orders', 'orders.shop.svc', 'orders-2'],
    },
  ]);
});

test('another parent, identity or selector is another registration', () => {
  const others = [
    { ...orders, parentId: 'spiffe://example.org/other' },
    { ...orders, spiffeId: 'spiffe://example.org/other' },
    { ...orders, selectors: [...orders.selectors, 'k8s:pod-uid:1'] },
  ];
  expect(mergeSimilar([orders, ...others])).toHaveLength(4);
});
