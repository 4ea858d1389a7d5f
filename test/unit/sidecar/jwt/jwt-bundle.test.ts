import { describe, expect, test } from 'vitest';
import { stringAt } from '#kernel/json.ts';
import { parseTrustDomain } from '#kernel/spiffe-id.ts';
import { readJwtBundle } from '../../../../sidecar/jwt/jwt-bundle.ts';
import { makeKey } from '../../../fakes/token-maker.ts';

const domain = parseTrustDomain('example.org');
const { jwk } = makeKey('k1');
const read = (keys: unknown, origin: 'workload_api' | 'file'): number[] => {
  const { bundle, leftOut } = readJwtBundle(domain, JSON.stringify({ keys }), origin);
  return [bundle.keys.length, leftOut.length];
};

describe('a JWKS document', () => {
  test.each([
    ['from the Workload API without use', { ...jwk }, 'workload_api', [1, 0]],
    ['from the Workload API for jwt-svid', { ...jwk, use: 'jwt-svid' }, 'workload_api', [1, 0]],
    ['from the Workload API for x509-svid', { ...jwk, use: 'x509-svid' }, 'workload_api', [0, 1]],
    ['from the Workload API for sig', { ...jwk, use: 'sig' }, 'workload_api', [0, 1]],
    ['from a file without use', { ...jwk }, 'file', [0, 1]],
    ['from a file for jwt-svid', { ...jwk, use: 'jwt-svid' }, 'file', [1, 0]],
    ['from a file for x509-svid', { ...jwk, use: 'x509-svid' }, 'file', [0, 1]],
    ['with a key without kid', { ...jwk, kid: undefined }, 'workload_api', [0, 1]],
    ['with a key whose kid is empty', { ...jwk, kid: '' }, 'workload_api', [0, 1]],
    ['with something that is no key', 'key', 'workload_api', [0, 1]],
  ] as const)('%s', (...[, key, origin, expected]) => {
    expect(read([key], origin)).toEqual(expected);
    const neighbour = { ...makeKey('k2').jwk, use: 'jwt-svid' };
    expect(read([key, neighbour], origin)).toEqual([expected[0] + 1, expected[1]]);
  });

  test('without keys is valid', () => {
    expect(read([], 'workload_api')).toEqual([0, 0]);
  });

  test.each(['', 'null', '[]', '{}', '{"keys":{}}', '{"keys":'])('%j is none', (text) => {
    expect(() => readJwtBundle(domain, text, 'workload_api')).toThrow(
      expect.objectContaining({ code: 'BUNDLE_INVALID' }),
    );
  });
});

describe('keys that are not trusted', () => {
  const rsa = makeKey('r', 'RSA').jwk;
  const short = makeKey('s', 'RSA-1024').jwk;
  const ed = { kty: 'OKP', crv: 'Ed25519', x: 'AAAA', kid: 'k' };
  /** On no curve: one bit of `y` is another. */
  const turned = (text: string): string => {
    const bytes = Buffer.from(text, 'base64url');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    return bytes.toString('base64url');
  };
  test.each<[string, object, string]>([
    ['symmetric', { kty: 'oct', k: 'c2VjcmV0', kid: 'k' }, 'key_type'],
    ['of Ed25519', ed, 'key_type'],
    ['without a type', { ...jwk, kty: undefined }, 'key_type'],
    ['whose type is a name that objects have', { ...jwk, kty: 'constructor' }, 'key_type'],
    ['on another curve', makeKey('k', 'secp256k1').jwk, 'curve'],
    ['with the curve of another one', { ...makeKey('k', 'P-384').jwk, crv: 'P-256' }, 'malformed'],
    ['off its curve', { ...jwk, y: turned(stringAt(jwk, 'y') ?? '') }, 'malformed'],
    [
      'at infinity',
      {
        ...jwk,
        x: Buffer.alloc(32).toString('base64url'),
        y: Buffer.alloc(32).toString('base64url'),
      },
      'malformed',
    ],
    ['with a short coordinate', { ...jwk, y: 'AAAA' }, 'malformed'],
    [
      'with something else than base64url',
      { ...rsa, n: `${stringAt(rsa, 'n') ?? ''}!` },
      'malformed',
    ],
    ['without an exponent', { ...rsa, e: undefined }, 'malformed'],
    ['with exponent 1', { ...rsa, e: 'AQ' }, 'exponent'],
    ['with exponent 3', { ...rsa, e: 'Aw' }, 'exponent'],
    ['with an even exponent', { ...rsa, e: 'AQAA' }, 'exponent'],
    ['with 1,024 bits', short, 'modulus_bits'],
    ['with its private half', { ...jwk, d: 'AAAA' }, 'private_part'],
    ['of RSA with a prime', { ...rsa, p: 'AAAA' }, 'private_part'],
    ['with a secret', { ...rsa, k: 'AAAA' }, 'private_part'],
    ['for signing', { ...jwk, key_ops: ['sign'] }, 'operations'],
  ])('%s: left out by name and reason, and its neighbours stay', (_name, key, reason) => {
    const named = { ...key, kid: 'bad' };
    const keys = [named, { ...jwk, kid: 'good' }, { ...rsa, kid: 'good-rsa' }];
    const { bundle, leftOut } = readJwtBundle(domain, JSON.stringify({ keys }), 'workload_api');
    expect(leftOut).toEqual([{ keyId: 'bad', reason }]);
    expect(bundle.keys.map(({ keyId }) => keyId)).toEqual(['good', 'good-rsa']);
  });

  test('a padded number and one with zeros before it are the same number', () => {
    const n = Buffer.concat([Buffer.alloc(3), Buffer.from(stringAt(rsa, 'n') ?? '', 'base64url')]);
    const keys = [{ ...rsa, n: n.toString('base64'), e: 'AAEAAQ==' }].map((key) => ({
      ...key,
      n: n.toString('base64').replaceAll('+', '-').replaceAll('/', '_'),
    }));
    expect(readJwtBundle(domain, JSON.stringify({ keys }), 'workload_api').leftOut).toEqual([]);
  });
});
