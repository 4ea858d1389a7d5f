import { createPublicKey, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { bundleMessage } from '../../../../webhook/spire/bundle-document.ts';
import { jwtKey, publishedBundle, x509Key } from '../../../fakes/published-bundle.ts';

const of = (...keys: readonly unknown[]): string => JSON.stringify({ keys });

test('a published bundle becomes what SPIRE takes: certificates, public keys, sequence and hint', () => {
  const { x509Authorities, jwtAuthorities, ...rest } = bundleMessage('b.test', publishedBundle);
  expect(rest).toEqual({ trustDomain: 'b.test', refreshHint: 300n, sequenceNumber: 7n });
  const [authority] = x509Authorities.map(({ asn1 }) => new X509Certificate(asn1));
  expect(authority?.subjectAltName).toBe('URI:spiffe://b.test');
  const [key] = jwtAuthorities.map(({ publicKey }) =>
    createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' }),
  );
  expect(key?.export({ format: 'jwk' })).toEqual({
    kty: jwtKey.kty,
    crv: jwtKey.crv,
    x: jwtKey.x,
    y: jwtKey.y,
  });
  expect(jwtAuthorities.map(({ keyId }) => keyId)).toEqual(['first']);
});

test('keys of other uses, and of none, are passed over', () => {
  const { use: _use, ...useless } = jwtKey;
  const message = bundleMessage('b.test', of(x509Key, { ...jwtKey, use: 'wit-svid' }, useless, 1));
  expect([message.x509Authorities.length, message.jwtAuthorities.length]).toEqual([1, 0]);
});

test.each([-1, 1.5, '7', null, 2 ** 60])('a sequence of %j counts as none', (spiffe_sequence) => {
  const text = JSON.stringify({ keys: [jwtKey], spiffe_sequence });
  expect(bundleMessage('b.test', text).sequenceNumber).toBe(0n);
});

test.each([
  ['no JSON', 'secret-word'],
  ['a list', '["secret-word"]'],
  ['a certificate that is missing', of({ use: 'x509-svid', kid: 'secret-word' })],
  ['a public key that is none', of({ ...jwtKey, x: 'secret-word' })],
])('%s is refused with the trust domain and what to do, quoting nothing', (_what, text) => {
  const refused = (): unknown => bundleMessage('b.test', text);
  expect(refused).toThrow(
    expect.objectContaining({
      code: 'BUNDLE_INVALID',
      message: expect.stringMatching(/b\.test.*spire-server bundle show/) as unknown,
    }),
  );
  expect(refused).not.toThrow('secret-word');
  expect(causesOf(refused)).not.toContain('secret-word');
});

/** The messages below a failure: logs show them too. */
function causesOf(refused: () => unknown): string {
  try {
    refused();
  } catch (thrown) {
    return thrown instanceof Error ? String(thrown.cause) : '';
  }
  return '';
}
