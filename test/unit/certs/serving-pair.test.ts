import { describe, expect, test } from 'vitest';
import { makeServingPair } from '../../fakes/serving-pair.ts';
import { checkPair } from '../../../certs/serving-pair.ts';

const nowS = Date.now() / 1000;

test('takes a matching pair and says when it ends', async () => {
  const { certificate, key } = await makeServingPair({ endsInMs: 60_000 });
  const pair = checkPair(certificate, key, nowS);
  expect(pair.notAfter).toBeGreaterThan(nowS + 50);
  expect(pair.notAfter).toBeLessThan(nowS + 70);
});

describe('refuses with a message that names the fault and shows no key', () => {
  test.each([
    ['a key of another certificate', {}, { key: {} }, /tls\.key does not match/],
    ['an ended certificate', { endsInMs: -60_000 }, {}, /tls\.crt expired at 20/],
    ['an Ed25519 key', { algorithm: 'Ed25519' as const }, {}, /use an ECDSA or RSA key/],
  ])('%s', async (...row) => {
    const [, options, other, words] = row;
    const pair = await makeServingPair(options);
    const key = 'key' in other ? (await makeServingPair()).key : pair.key;
    expect(() => checkPair(pair.certificate, key, nowS)).toThrow(words);
  });

  test.each([
    ['an empty file', ''],
    ['half a file', '-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n'],
  ])('a key that is %s', async (_name, key) => {
    const { certificate } = await makeServingPair();
    expect(() => checkPair(certificate, key, nowS)).toThrow(/tls\.key holds no unencrypted PEM/);
    expect(() => checkPair(certificate, key, nowS)).not.toThrow(/secret/);
  });

  test('a certificate that is none', async () => {
    const { key } = await makeServingPair();
    expect(() => checkPair('nonsense', key, nowS)).toThrow(/tls\.crt does not begin/);
  });
});
