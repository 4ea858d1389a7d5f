import { expect, test } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { stateFamilies, type HelperState } from '../../../../sidecar/helper/helper-state.ts';
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

test('keys that may be old are told of with the reason', () => {
  const trustDomains = ['a.test'];
  const bundles = { trustDomains, problem: 'no answer: is k8s:ns:NAMESPACE registered?' };
  const page = identitiesPage({ ...state, tokens: [], bundles }, { namespace: 'shop' });
  const keysProblem = 'no answer: is k8s:ns:shop registered?';
  expect(JSON.parse(page)).toEqual({ tokens: [], trustDomains, keysProblem });
  const valueOf = (told: HelperState): unknown =>
    stateFamilies(told).find(({ name }) => name === 'svidecar_bundles_current')?.samples[0]?.value;
  expect(valueOf({ ...state, bundles })).toBe(0);
  expect(valueOf(state)).toBe(1);
  expect(valueOf({ ...state, bundles: undefined })).toBeUndefined();
});

test('a helper that validates nothing has no trust domains to tell of', () => {
  const page = identitiesPage({ ...state, tokens: [], bundles: undefined }, {});
  expect(JSON.parse(page)).toEqual({ tokens: [] });
});
