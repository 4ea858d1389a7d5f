import { describe, expect, test } from 'vitest';
import { parseTrustDomain } from '#kernel/spiffe-id.ts';
import { readJwtBundle } from '../../../../sidecar/jwt/bundle.ts';
import { makeKey } from '../../../fakes/token-maker.ts';

const domain = parseTrustDomain('example.org');
const { jwk } = makeKey('k1');
const read = (keys: unknown, origin: 'workload_api' | 'file'): number[] => {
  const { bundle, skippedKeys } = readJwtBundle(domain, JSON.stringify({ keys }), origin);
  return [bundle.keys.length, skippedKeys];
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
