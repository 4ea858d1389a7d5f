/** X.509-SVIDs of the embedded trust domain. @see X.509-SVID §2–5 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from '@peculiar/x509';
import type { Clock } from '#kernel/clock.ts';
import type { TrustDomain } from '#kernel/spiffe-id.ts';

/** DER, ready for the wire. */
export interface IssuedX509Svid {
  readonly certificates: Buffer;
  /** PKCS#8. */
  readonly privateKey: Buffer;
  readonly bundle: Buffer;
}

export interface X509Authority {
  readonly bundle: Buffer;
  issue(spiffeId: string, ttlS: number): Promise<IssuedX509Svid>;
}

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Milliseconds. */
const dayMs = 86_400_000;
/** Milliseconds by which a certificate begins before now: the reader's clock may be a little behind. */
const beginEarlierMs = 10_000;

/** Makes a CA of its own: a day long, which outlives a session with `npm start`. */
export async function createX509Authority(
  trustDomain: TrustDomain,
  clock: Clock,
): Promise<X509Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `O=SPIFFE, CN=${trustDomain} embedded`,
    keys,
    signingAlgorithm: ecdsa,
    ...validity(clock, dayMs),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      uriName(`spiffe://${trustDomain}`),
    ],
  });
  const bundle = Buffer.from(certificate.rawData);
  return {
    bundle,
    issue: async (spiffeId, ttlS) => {
      const own = await newKeys();
      const issuer = { certificate, key: keys.privateKey };
      const leaf = await issueLeaf(spiffeId, own.publicKey, {
        issuer,
        ...validity(clock, ttlS * 1_000),
      });
      const privateKey = await webcrypto.subtle.exportKey('pkcs8', own.privateKey);
      return {
        certificates: Buffer.from(leaf.rawData),
        privateKey: Buffer.from(privateKey),
        bundle,
      };
    },
  };
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

function validity(clock: Clock, lifeMs: number): Validity {
  const nowMs = clock.now();
  return { notBefore: new Date(nowMs - beginEarlierMs), notAfter: new Date(nowMs + lifeMs) };
}

function issueLeaf(
  spiffeId: string,
  publicKey: webcrypto.CryptoKey,
  options: Validity & {
    readonly issuer: { certificate: X509Certificate; key: webcrypto.CryptoKey };
  },
): Promise<X509Certificate> {
  const { issuer, notBefore, notAfter } = options;
  return X509CertificateGenerator.create({
    subject: 'O=SPIFFE',
    issuer: issuer.certificate.subject,
    publicKey,
    signingKey: issuer.key,
    signingAlgorithm: ecdsa,
    notBefore,
    notAfter,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      uriName(spiffeId),
    ],
  });
}

function uriName(uri: string): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension([{ type: 'url', value: uri }]);
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
}
