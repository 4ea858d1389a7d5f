/** What a caBundle should hold, from what it holds. Pure. */
import { isLive, readCertificates, unique, type CertificateView } from './certificate-view.ts';

export interface BundleFacts {
  /** Authorities that must be trusted, the newest first. */
  readonly wanted: readonly CertificateView[];
  /** Whether a certificate that nobody wants may stay for now. */
  readonly mayStay: (certificate: CertificateView) => boolean;
  /** Unix seconds. */
  readonly nowS: number;
}

/** @returns the PEM text to write; undefined when nothing has to change: order and white space do not count. */
export function planBundle(text: string, facts: BundleFacts): string | undefined {
  const there = readCertificates(text);
  const wanted = unique(facts.wanted);
  const isWanted = new Set(wanted.map((each) => each.fingerprint));
  const staying = unique(there).filter(
    (each) => !isWanted.has(each.fingerprint) && isLive(each, facts.nowS) && facts.mayStay(each),
  );
  const target = [...wanted, ...staying];
  const thereNow = new Set(there.map((each) => each.fingerprint));
  const isSame =
    hasOnlyCertificates(text, there) &&
    there.length === target.length &&
    target.every((each) => thereNow.has(each.fingerprint));
  return isSame ? undefined : target.map((each) => each.pem).join('');
}

/** A block that cannot be read makes the API server refuse the whole bundle. */
function hasOnlyCertificates(text: string, there: readonly CertificateView[]): boolean {
  return (text.match(/-----BEGIN /g) ?? []).length === there.length && there.length > 0;
}
