import { expect, test } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import type { HelperState } from '../../../../sidecar/helper/helper-state.ts';
import { identitiesPage } from '../../../../sidecar/helper/identities-page.ts';

const web = parseSpiffeId('spiffe://example.org/ns/shop/sa/web');
const token = { token: 'head.body.signature', spiffeId: web, issuedAtS: 1, expiresAtS: 301 };
const held = { audience: 'ledger', token, problem: undefined, isRequired: true };
const state: HelperState = {
  tokens: [
    held,
    { ...held, audience: 'of a route', isRequired: false },
    { ...held, audience: 'late', token: undefined, problem: 'k8s:ns:NAMESPACE has no entry' },
  ],
  bundles: { trustDomains: ['b.test', 'a.test'], problem: undefined },
  isDraining: false,
};

test('names and times of what the settings ask for, and no token', () => {
  const page = identitiesPage(state, { namespace: 'shop' });
  expect(JSON.parse(page)).toEqual({
    tokens: [
      { audience: 'ledger', spiffeId: web, issuer: 'example.org', validUntil: 301 },
      { audience: 'late', problem: 'k8s:ns:shop has no entry' },
    ],
    trustDomains: ['a.test', 'b.test'],
  });
  expect(page).not.toContain('head');
});

test('a helper that validates nothing has no trust domains to tell of', () => {
  const page = identitiesPage({ ...state, tokens: [], bundles: undefined }, {});
  expect(JSON.parse(page)).toEqual({ tokens: [] });
});
