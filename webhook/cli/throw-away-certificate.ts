/** A serving certificate for one run on loopback; its key never leaves the process. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { checkPair } from '../server/certificate.ts';
import type { ServingPair } from '../server/ports.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 60 * 60 * 1000;

/**
 * Self-signed for localhost and 127.0.0.1, good for a day; clients trust the certificate itself.
 * @param nowMs milliseconds since the Unix epoch
 */
export async function throwAwayCertificate(nowMs: number): Promise<ServingPair> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=svidecar on this machine',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(nowMs - dayMs),
    notAfter: new Date(nowMs + dayMs),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const pem = x509.PemConverter.encode(key, 'PRIVATE KEY');
  return checkPair(certificate.toString('pem'), pem, nowMs / 1000);
}
