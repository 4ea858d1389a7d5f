import { expect, test } from 'vitest';
import { readUnverifiedIssuedToken } from '../../../../sidecar/jwt/issued.ts';
import { makeKey, makeToken } from '../../../fakes/token-maker.ts';

const key = makeKey('k1');
const claims = { sub: 'spiffe://example.org/a', aud: ['b'], exp: 2_000, iat: 1_000 };

test('an issued token says whose it is and how long it lives', () => {
  const token = makeToken({ key, claims });
  expect(readUnverifiedIssuedToken(token, 1_001)).toEqual({
    kind: 'issued',
    issued: { token, spiffeId: 'spiffe://example.org/a', issuedAtS: 1_000, expiresAtS: 2_000 },
  });
});

test('without iat it counts from when it was received', () => {
  const token = makeToken({ key, claims: { ...claims, iat: undefined } });
  expect(readUnverifiedIssuedToken(token, 1_001)).toMatchObject({ issued: { issuedAtS: 1_001 } });
});

test.each([
  ['garbage', 'x', 'malformed'],
  ['no expiry', makeToken({ key, claims: { ...claims, exp: undefined } }), 'no_expiry'],
  ['no SPIFFE ID', makeToken({ key, claims: { ...claims, sub: 'x' } }), 'subject'],
])('an agent that sends %s is not believed', (_name, token, reason) => {
  expect(readUnverifiedIssuedToken(token, 1_001)).toEqual({ kind: 'refused', reason });
});
