import { expect, test } from 'vitest';
import { entryName, namespaceOfEntry } from '../../../../webhook/identity/entry-name.ts';

const parts = {
  spiffeId: 'spiffe://example.org/ns/shop/sa/orders',
  parentId: 'spiffe://example.org/node',
  selectors: ['k8s:ns:shop', 'k8s:sa:orders'],
};

test('an entry is named after its namespace and what it is, in whatever order its selectors stand', () => {
  const name = entryName('', 'shop', parts);
  expect(name).toMatch(/^svidecar\.shop\.[0-9a-f]{32}$/);
  const reversed = { ...parts, selectors: parts.selectors.toReversed() };
  expect(entryName('', 'shop', reversed)).toBe(name);
  expect(entryName('blue', 'shop', parts)).toBe(name.replace('svidecar', 'svidecar-blue'));
});

test.each([
  { spiffeId: 'spiffe://example.org/other' },
  { parentId: 'spiffe://example.org/other' },
  { selectors: ['k8s:ns:shop'] },
])('%j makes it another entry', (change) => {
  expect(entryName('', 'shop', { ...parts, ...change })).not.toBe(entryName('', 'shop', parts));
});

const digest = '0123456789abcdef0123456789abcdef';

test.each([
  ['', `svidecar.shop.${digest}`, 'shop'],
  ['blue', `svidecar-blue.shop.${digest}`, 'shop'],
  ['', `svidecar-blue.shop.${digest}`, undefined],
  ['blue', `svidecar.shop.${digest}`, undefined],
  ['blue', `svidecar-blue-green.shop.${digest}`, undefined],
  ['', `svidecar.shop.${digest}.more`, undefined],
  ['', `svidecar.shop.${digest.slice(1)}`, undefined],
  ['', `svidecar.shop.${digest.toUpperCase()}`, undefined],
  ['', `svidecar..${digest}`, undefined],
  ['', `svidecar.sh/op.${digest}`, undefined],
  ['', `svidecar.shop.app-1`, undefined],
  ['', `scm.shop.${digest}`, undefined],
  ['', '6f6a1c5e-7c5a-4b0a-9d8a-111111111111', undefined],
])('with cluster "%s", %s is an entry of ours for %s', (cluster, id, namespace) => {
  expect(namespaceOfEntry(cluster, id)).toBe(namespace);
});
