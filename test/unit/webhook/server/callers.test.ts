import 'reflect-metadata';
import { X509Certificate, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { expect, test } from 'vitest';
import { namesOf } from '../../../../webhook/server/callers.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

async function certificateFor(
  commonNames: readonly string[],
  alternatives: x509.JsonGeneralNames,
): Promise<X509Certificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: commonNames.map((name) => ({ CN: [name] })),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension(alternatives)],
  });
  return new X509Certificate(made.toString('pem'));
}

test('common name, DNS names and URIs are the names of a certificate', async () => {
  const certificate = await certificateFor(
    ['api-server'],
    [
      { type: 'dns', value: 'a.example' },
      { type: 'url', value: 'spiffe://example.org/api-server' },
      { type: 'ip', value: '127.0.0.1' },
    ],
  );
  expect(namesOf(certificate)).toEqual([
    'api-server',
    'a.example',
    'spiffe://example.org/api-server',
  ]);
});

test.each([['x, DNS:evil, y'], ['x", DNS:evil, "y'], ['x\\", DNS:evil, \\"y'], ['DNS:evil']])(
  'a name that looks like several, %s, is not taken apart',
  async (value) => {
    const certificate = await certificateFor(
      ['c'],
      [
        { type: 'dns', value },
        { type: 'dns', value: 'last.example' },
      ],
    );
    expect(namesOf(certificate)).not.toContain('evil');
    expect(namesOf(certificate)).toContain('last.example');
  },
);

test('of several common names none counts: which one is meant is not clear', async () => {
  expect(namesOf(await certificateFor(['a', 'b'], [{ type: 'dns', value: 'c' }]))).toEqual(['c']);
});
