/** Makes certificates: an authority, and leaves of it. ECDSA P-256, which every API server takes. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { isAddress } from './plan/certificate-view.ts';
import { backdateS } from './plan/lives.ts';

/** PEM texts; the key is PKCS #8. */
export interface PemPair {
  readonly certificate: string;
  readonly key: string;
}

export interface Validity {
  /** Unix seconds. */
  readonly nowS: number;
  /** Seconds from now. */
  readonly lifeS: number;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A self-signed authority that may sign leaves only. Its name is its own, so that no client takes one for another. */
export async function makeAuthority(validity: Validity): Promise<PemPair> {
  const keys = await newKeys();
  const name = Buffer.from(webcrypto.getRandomValues(new Uint8Array(4))).toString('hex');
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=svidecar webhook CA ${name}`,
    keys,
    signingAlgorithm: algorithm,
    ...datesOf(validity),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pemOf(certificate, keys.privateKey);
}

/**
 * A leaf for the webhook's server. It does not outlive its authority.
 * @param hosts DNS names and IP addresses, at least one
 */
export async function issueLeaf(
  authority: PemPair,
  hosts: readonly string[],
  validity: Validity,
): Promise<PemPair> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await newKeys();
  const { notBefore, notAfter } = datesOf(validity);
  const certificate = await x509.X509CertificateGenerator.create({
    // The name is in the subject alternative names, where clients look; here it may be at most 64 characters long.
    subject: 'CN=svidecar webhook',
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await signingKeyOf(authority),
    signingAlgorithm: algorithm,
    notBefore,
    notAfter: new Date(Math.min(notAfter.getTime(), issuer.notAfter.getTime())),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return pemOf(certificate, keys.privateKey);
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  x509.cryptoProvider.set(webcrypto);
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function signingKeyOf({ key }: PemPair): Promise<webcrypto.CryptoKey> {
  const der = x509.PemConverter.decodeFirst(key);
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

async function pemOf(
  certificate: x509.X509Certificate,
  privateKey: webcrypto.CryptoKey,
): Promise<PemPair> {
  const key = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`,
  };
}

function datesOf({ nowS, lifeS }: Validity): { readonly notBefore: Date; readonly notAfter: Date } {
  const beginS = Math.floor(nowS - backdateS(lifeS));
  return { notBefore: new Date(beginS * 1000), notAfter: new Date((nowS + lifeS) * 1000) };
}
