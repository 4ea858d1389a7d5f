/** The part of the configuration that says who may request reviews. */
import { X509Certificate } from 'node:crypto';
import * as z from 'zod';

const block = /-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]*-----END \1-----/g;
const maxCertificates = 20;

const authorities = z
  .string()
  .max(100_000)
  .superRefine((pem, context) => {
    const fault = authoritiesFault(pem);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  });

/** Without it anybody who reaches the port may request them, and answers name positions only. */
export const callerSchema = z.strictObject({
  /** PEM of the authorities that sign the API servers' client certificates; not their keys. */
  ca: authorities,
  /** Common names, DNS names or URIs; a certificate has to be for one of them. */
  names: z.array(z.string().min(1).max(2_048)).min(1).max(100),
});

function authoritiesFault(pem: string): string | undefined {
  const blocks = [...pem.matchAll(block)];
  if (pem.includes('PRIVATE KEY')) return 'must hold certificates only; a key does not belong here';
  if (blocks.length === 0) return 'must be certificates as PEM (-----BEGIN CERTIFICATE-----)';
  if (blocks.length > maxCertificates) return `must be at most ${maxCertificates} certificates`;
  const place = blocks.findIndex(([text]) => !isAuthority(text));
  if (place >= 0) return `block ${place + 1} of the PEM is not a CA certificate`;
  return undefined;
}

function isAuthority(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}
