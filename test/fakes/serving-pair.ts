/** Serving certificates for tests: self-signed, for localhost and 127.0.0.1, made at once. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

export interface TestPair {
  readonly certificate: string;
  readonly key: string;
}

export interface TestPairOptions {
  /** Tells one pair from another in a test. */
  readonly name?: string;
  /** Milliseconds from now; negative = ended already. */
  readonly endsInMs?: number;
  readonly algorithm?: 'ECDSA' | 'Ed25519';
  /** One more DNS name that it is good for. */
  readonly host?: string;
}

const day = 24 * 60 * 60 * 1000;

export async function makeServingPair(options: TestPairOptions = {}): Promise<TestPair> {
  const algorithm =
    options.algorithm === 'Ed25519'
      ? { name: 'Ed25519' }
      : { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  // generateKey gives a pair for both algorithms; its type also knows single keys.
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${options.name ?? 'svidecar test'}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - 2 * day),
    notAfter: new Date(now + (options.endsInMs ?? day)),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
        ...(options.host === undefined ? [] : [{ type: 'dns' as const, value: options.host }]),
      ]),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: certificate.toString('pem'),
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  };
}
