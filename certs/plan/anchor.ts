/** Whether a client that trusts a bundle accepts a served chain. Pure. */
import { coversHost, isLive, isSignedBy, type CertificateView } from './certificate-view.ts';

export interface ServedChain {
  /** The leaf first. */
  readonly chain: readonly CertificateView[];
  /** What the client calls: a DNS name or an IP address. */
  readonly host: string;
}

/** Certificates between leaf and anchor; real chains have one or two. */
const longestChain = 8;

/**
 * The certificate of the bundle that the chain leads to, as Go's x509.Verify finds it.
 * @param nowS Unix seconds; every certificate on the way must be live
 * @returns undefined when the client would refuse the handshake
 */
export function anchorOf(
  served: ServedChain,
  bundle: readonly CertificateView[],
  nowS: number,
): CertificateView | undefined {
  const [leaf, ...between] = served.chain;
  if (leaf === undefined || !coversHost(leaf, served.host)) return undefined;
  let certificate = leaf;
  const left = [...between];
  for (let i = 0; i < longestChain; i += 1) {
    const current = certificate;
    if (!isLive(current, nowS)) return undefined;
    const anchor = bundle.find(
      (each) =>
        each.fingerprint === current.fingerprint ||
        (isLive(each, nowS) && each.isAuthority && isSignedBy(current, each)),
    );
    if (anchor !== undefined) return anchor;
    const above = left.findIndex((each) => each.isAuthority && isSignedBy(current, each));
    const [next] = above === -1 ? [] : left.splice(above, 1);
    if (next === undefined) return undefined;
    certificate = next;
  }
  return undefined;
}
