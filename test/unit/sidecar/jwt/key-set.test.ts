import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseTrustDomain } from '#kernel/spiffe-id.ts';
import type { JsonObject } from '#kernel/json.ts';
import { readJwtBundle } from '../../../../sidecar/jwt/jwt-bundle.ts';
import { keySetOf } from '../../../../sidecar/jwt/key-set.ts';
import { makeKey } from '../../../fakes/token-maker.ts';

const domain = parseTrustDomain('example.org');
const setOf = (...keys: readonly JsonObject[]) =>
  keySetOf(readJwtBundle(domain, JSON.stringify({ keys }), 'workload_api').bundle);

describe('the key set for Envoy', () => {
  test.each([
    ['P-256', 'ES256'],
    ['P-384', 'ES384'],
    ['P-521', 'ES512'],
  ] as const)('has a %s key, for %s alone', (kind, alg) => {
    const { jwk } = makeKey('k', kind);
    const [key] = setOf({ ...jwk, x5c: ['certificate'] });
    expect(key).toEqual({ ...jwk, use: 'sig', alg });
  });

  test('has an RSA key, with the algorithm that the bundle says', () => {
    const { jwk } = makeKey('k', 'RSA');
    expect(setOf(jwk)).toEqual([{ ...jwk, use: 'sig', alg: undefined }]);
    expect(setOf({ ...jwk, alg: 'PS256' })).toEqual([{ ...jwk, use: 'sig', alg: 'PS256' }]);
    const [key = {}] = setOf(jwk);
    expect(createPublicKey({ key: { ...key }, format: 'jwk' }).asymmetricKeyType).toBe('rsa');
  });

  const { jwk } = makeKey('good');
  const ed = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  test.each<[string, JsonObject]>([
    ['of X.509', { ...jwk, kid: 'x', use: 'x509-svid' }],
    ['of an unknown use', { ...jwk, kid: 'x', use: 'enc' }],
    ['that is symmetric', { kty: 'oct', kid: 'x', k: 'c2VjcmV0' }],
    ['of Ed25519', { kty: 'OKP', crv: 'Ed25519', kid: 'x', x: ed.x ?? '' }],
    ['on another curve', { ...makeKey('x', 'secp256k1').jwk }],
    ['that is too short', { ...makeKey('x', 'RSA-1024').jwk }],
    ['for another algorithm', { ...jwk, kid: 'x', alg: 'ES384' }],
    ['for encryption', { ...makeKey('x', 'RSA').jwk, alg: 'RSA-OAEP' }],
    ['of RSA for HMAC', { ...makeKey('x', 'RSA').jwk, alg: 'HS256' }],
    ['without an id', { ...jwk, kid: undefined }],
    ['that may not verify', { ...jwk, kid: 'x', key_ops: ['sign'] }],
    ['that is no point of its curve', { ...jwk, kid: 'x', y: 'AAAA' }],
  ])('has no key %s, and still its neighbour', (_words, key) => {
    expect(setOf(key, jwk).map(({ kid }) => kid)).toEqual(['good']);
  });
});

test.each([
  [{ spiffe_refresh_hint: 300 }, 300],
  [{ spiffe_refresh_hint: 0 }, undefined],
  [{ spiffe_refresh_hint: 'soon' }, undefined],
  [{}, undefined],
])('of a bundle with %j the refresh hint is %s', (members, hint) => {
  const document = JSON.stringify({ keys: [], ...members });
  expect(readJwtBundle(domain, document, 'workload_api').bundle.refreshHintS).toBe(hint);
});
