/** Certificates as values: read from PEM text, who signed them and how long they are valid. Pure. */
import { X509Certificate } from 'node:crypto';

/** How long a certificate is good for. */
export interface LifeView {
  /** Unix seconds. */
  readonly notBefore: number;
  /** Unix seconds. */
  readonly notAfter: number;
}

export interface CertificateView extends LifeView {
  /** One PEM block with a line feed at its end. */
  readonly pem: string;
  /** SHA-256 of the DER, hex. */
  readonly fingerprint: string;
  readonly isAuthority: boolean;
  readonly x509: X509Certificate;
}

const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Every certificate that can be read, in order; the rest of the text does not matter. */
export function readCertificates(text: string): readonly CertificateView[] {
  return (text.match(block) ?? []).flatMap((pem) => {
    try {
      return [viewOf(new X509Certificate(pem))];
    } catch {
      // Damaged: counts as absent.
      return [];
    }
  });
}

/** The same from DER. @throws what node:crypto throws when it is not a certificate */
export function viewOf(x509: X509Certificate): CertificateView {
  return {
    pem: `${x509.toString().trimEnd()}\n`,
    fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBefore: Math.floor(x509.validFromDate.getTime() / 1000),
    notAfter: Math.floor(x509.validToDate.getTime() / 1000),
    isAuthority: x509.ca,
    x509,
  };
}

/** @param nowS Unix seconds */
export function isLive(life: LifeView, nowS: number): boolean {
  return life.notBefore <= nowS && nowS < life.notAfter;
}

/** By names, key identifiers and signature; whether either is live is another question. */
export function isSignedBy(certificate: CertificateView, authority: CertificateView): boolean {
  return (
    certificate.x509.checkIssued(authority.x509) &&
    certificate.x509.verify(authority.x509.publicKey)
  );
}

/** The first of `authorities` that signed it. */
export function issuerOf(
  certificate: CertificateView,
  authorities: readonly CertificateView[],
): CertificateView | undefined {
  return authorities.find((authority) => isSignedBy(certificate, authority));
}

/** Whether it is an IP address: no DNS name has a colon, or ends in a number. */
export function isAddress(host: string): boolean {
  return /:|(^|\.)\d+$/.test(host);
}

/** Whether a client that calls `host` finds it among the subject alternative names. */
export function coversHost(certificate: CertificateView, host: string): boolean {
  const { x509 } = certificate;
  if (isAddress(host)) return x509.checkIP(host) !== undefined;
  return x509.checkHost(host, { subject: 'never' }) !== undefined;
}

/** Each certificate once, in the order of first occurrence. */
export function unique(certificates: readonly CertificateView[]): readonly CertificateView[] {
  return [...new Map(certificates.map((each) => [each.fingerprint, each])).values()];
}
