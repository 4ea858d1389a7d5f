/** What the admin page of an Envoy of Istio's says of its secrets, with certificates of SPIRE's form or of istiod's. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { JsonObject } from '#kernel/json.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const notBefore = new Date(Date.UTC(2025, 11, 31, 23));
const notAfter = new Date(Date.UTC(2026, 0, 1, 1));
/** Unix seconds. */
export const proxyValidUntilS = notAfter.getTime() / 1_000;
export const proxyId = 'spiffe://example.org/ns/shop/sa/frontend';

interface Issuer {
  readonly pem: string;
  issue(...uris: readonly string[]): Promise<string>;
}

export async function proxyIssuer(name: string): Promise<Issuer> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const common = { notBefore, notAfter, signingAlgorithm: algorithm };
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    name: `CN=${name}`,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    pem: authority.toString('pem'),
    async issue(...uris) {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const names = uris.map((value) => ({ type: 'url' as const, value }));
      const leaf = await x509.X509CertificateGenerator.create({
        ...common,
        issuer: authority.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [new x509.SubjectAlternativeNameExtension(names)],
      });
      return leaf.toString('pem');
    },
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function secret(name: string, value: JsonObject): JsonObject {
  return { name, version_info: '1', secret: { name, ...value } };
}

function certificate(chainPem: string): JsonObject {
  return secret('default', {
    tls_certificate: {
      certificate_chain: { inline_bytes: base64(chainPem) },
      private_key: { inline_bytes: base64('[redacted]') },
    },
  });
}

/** @param bundles PEM by trust domain */
export function pageOfSpire(
  chainPem: string,
  bundles: Readonly<Record<string, string>>,
): JsonObject {
  const trust_domains = Object.entries(bundles).map(([name, pem]) => ({
    name,
    trust_bundle: { inline_bytes: base64(pem) },
  }));
  const validator = { name: 'envoy.tls.cert_validator.spiffe', typed_config: { trust_domains } };
  const roots = secret('ROOTCA', { validation_context: { custom_validator_config: validator } });
  return { configs: [certificate(chainPem), roots] };
}

export function pageOfIstiod(chainPem: string, rootPem: string): JsonObject {
  const trusted_ca = { inline_bytes: base64(rootPem) };
  return {
    configs: [certificate(chainPem), secret('ROOTCA', { validation_context: { trusted_ca } })],
  };
}
