/** A throw-away certificate authority for one test run. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;

/** PEM texts; the key is PKCS #8. */
export interface Certificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

interface CertificateRequest {
  readonly commonName: string;
  /** Kubernetes reads them as groups. */
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses that the certificate is good for. */
  readonly hosts?: readonly string[];
}

export interface Authority {
  readonly caPem: string;
  readonly caKeyPem: string;
  /** A certificate for clients and servers, good for a day. */
  issue(request: CertificateRequest): Promise<Certificate>;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** Valid since an hour ago, so that a clock set back in a test does no harm. */
function validity(): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - dayMs / 24), notAfter: new Date(now + dayMs) };
}

export async function createAuthority(name: string): Promise<Authority> {
  const keys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign |
          x509.KeyUsageFlags.cRLSign |
          x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    caPem: ca.toString('pem'),
    caKeyPem: await pemOf(keys.privateKey),
    issue: (request) => issue(request, ca, keys.privateKey),
  };
}

async function issue(
  request: CertificateRequest,
  ca: x509.X509Certificate,
  signingKey: webcrypto.CryptoKey,
): Promise<Certificate> {
  const keys = await newKeys();
  const { organizations = [], hosts = [] } = request;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [
      { CN: [request.commonName] },
      ...organizations.map((organization) => ({ O: [organization] })),
    ],
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    ...validity(),
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.clientAuth,
        x509.ExtendedKeyUsage.serverAuth,
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(ca),
      ...(hosts.length === 0
        ? []
        : [
            new x509.SubjectAlternativeNameExtension(
              hosts.map((host) => ({ type: /^[\d.]+$|:/.test(host) ? 'ip' : 'dns', value: host })),
            ),
          ]),
    ],
  });
  return { certificatePem: certificate.toString('pem'), keyPem: await pemOf(keys.privateKey) };
}
