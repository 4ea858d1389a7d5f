/**
 * Callers that show X.509-SVIDs, and the certificate that they are shown in return: both from the Workload API, always the
 * newest. A certificate counts only if an authority of its own trust domain stands behind it.
 * @see X509-SVID §4, §5
 */
import type { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import { messageOf } from '#kernel/errors.ts';
import {
  parseTrustDomain,
  spiffeIdFault,
  trustDomainOf,
  trustDomainText,
  type SpiffeId,
} from '#kernel/spiffe-id.ts';
import { certificatesOf, leafOf } from '../../certs/spiffe.ts';
import type { CertificateSource, ServingPair } from '../../certs/certificate-ports.ts';
import type { CertificateView } from '../../certs/plan/certificate-view.ts';
import type { X509Svids } from '../../sidecar/workload-api/api.ts';
import type { LatestSource } from '../../sidecar/workload-api/x509-source.ts';
import { Problem } from '../service/problem.ts';

/** What the newest message of the Workload API comes to. */
interface Trusted {
  readonly pair: ServingPair;
  /** Authorities by trust domain. */
  readonly authorities: ReadonlyMap<string, readonly CertificateView[]>;
}

/** Certificates between a leaf and its authority. */
const maxIntermediates = 5;

export class PeerCallers implements CertificateSource {
  readonly #source: Pick<LatestSource<X509Svids>, 'current' | 'onChange' | 'problem'>;
  readonly #spiffeId: string | undefined;
  readonly #listeners = new Set<(pair: ServingPair) => void>();
  /** What is known of open connections, under the trust of which it was found. */
  readonly #known = new WeakMap<TLSSocket, { readonly trusted: Trusted; readonly id: SpiffeId }>();
  #trusted: Trusted | undefined;
  #fault: string | undefined;

  /** @param spiffeId which of several SVIDs is served; undefined: the first */
  constructor(
    source: Pick<LatestSource<X509Svids>, 'current' | 'onChange' | 'problem'>,
    spiffeId: string | undefined,
  ) {
    this.#source = source;
    this.#spiffeId = spiffeId;
    source.onChange(() => {
      this.#take();
    });
    this.#take();
  }

  current(): ServingPair | undefined {
    return this.#trusted?.pair;
  }

  onChange(listener: (pair: ServingPair) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Why there is no X.509-SVID to serve, or no newer one. */
  problem(): string | undefined {
    return this.#fault ?? this.#source.problem();
  }

  /** PEM of all authorities, for the TLS context. */
  authorities(): string[] {
    return [...(this.#trusted?.authorities.values() ?? [])].flat().map(({ pem }) => pem);
  }

  /** Who is at the other end; undefined where it has shown no certificate. @throws {Problem} */
  idOf(socket: Socket, nowMs: number): SpiffeId | undefined {
    const trusted = this.#trusted;
    if (trusted === undefined)
      throw new Problem('not_ready', 'there is no trust bundle yet', { retryAfterS: 1 });
    if (!(socket instanceof TLSSocket)) return undefined;
    const peer = socket.getPeerX509Certificate();
    if (peer === undefined) return undefined;
    if (peer.validToDate.getTime() <= nowMs) throw unknown('the certificate has expired');
    const known = this.#known.get(socket);
    if (known?.trusted === trusted) return known.id;
    const id = this.#judge(peer, socket.authorized, trusted);
    this.#known.set(socket, { trusted, id });
    return id;
  }

  #judge(peer: X509Certificate, isAuthorized: boolean, { authorities }: Trusted): SpiffeId {
    if (!isAuthorized) throw unknown('the certificate is of no authority in the trust bundle');
    const id = idIn(peer);
    if (!leadsTo(peer, authorities.get(trustDomainOf(id)) ?? []))
      throw unknown('the certificate is of no authority of its own trust domain');
    return id;
  }

  #take(): void {
    const state = this.#source.current();
    if (state === undefined) return;
    try {
      const trusted = trustedIn(state, this.#spiffeId);
      this.#fault = undefined;
      this.#trusted = trusted;
      for (const listener of this.#listeners) listener(trusted.pair);
    } catch (thrown) {
      // The last good one stays in force until it expires.
      this.#fault = messageOf(thrown);
    }
  }
}

/** @throws {AppError} CERTIFICATE_INVALID @throws {TypeError} in words for people */
function trustedIn({ svids, federatedBundles }: X509Svids, spiffeId: string | undefined): Trusted {
  const served = svids.find((each) => spiffeId === undefined || each.spiffeId === spiffeId);
  if (served === undefined) throw new TypeError(`no X.509-SVID of ${spiffeId ?? 'this workload'}`);
  const authorities = new Map<string, readonly CertificateView[]>();
  for (const [id, bundle] of federatedBundles)
    authorities.set(parseTrustDomain(id), certificatesOf(bundle));
  for (const { spiffeId: id, bundle } of svids)
    authorities.set(trustDomainText(id), certificatesOf(bundle));
  return { pair: leafOf(served).pair, authorities };
}

/** The one URI in it. @throws {Problem} */
function idIn(peer: X509Certificate): SpiffeId {
  // Node writes values with odd characters as JSON strings: such a value is no SPIFFE ID.
  const uris = (peer.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice('URI:'.length));
  const [uri = ''] = uris;
  if (peer.ca || uris.length !== 1 || spiffeIdFault(uri) !== undefined)
    throw unknown('the certificate is no X.509-SVID of a workload');
  // Checked above.
  return uri as SpiffeId;
}

function leadsTo(peer: X509Certificate, authorities: readonly CertificateView[]): boolean {
  let current = peer;
  for (let passed = 0; passed <= maxIntermediates; passed += 1) {
    const isOwn = authorities.some(({ x509 }) => isIssuedBy(current, x509));
    if (isOwn) return true;
    const next = current.issuerCertificate;
    if (next?.ca !== true || !isIssuedBy(current, next)) return false;
    current = next;
  }
  return false;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function unknown(detail: string): Problem {
  return new Problem('caller_unknown', detail);
}
