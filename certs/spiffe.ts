/**
 * The certificate from SPIRE: an X.509-SVID with the DNS name that the API server calls. SPIRE's agent renews it; this module
 * serves it and keeps the trust bundle in every caBundle. SPIRE publishes a new authority long before it signs with it.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Timers } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import type { Log } from '#kernel/observe.ts';
import { splitDer } from './der.ts';
import { readLeaf, type Leaf } from './key-ring.ts';
import { coversHost, viewOf, type CertificateView } from './plan/certificate-view.ts';
import type { Leadership } from './certificate-ports.ts';
import { Rounds } from './rounds.ts';
import { ServedLeaf } from './served-leaf.ts';
import type { Trust } from './trust.ts';

/** DER, as the Workload API sends it. */
interface Svid {
  readonly spiffeId: string;
  /** Concatenated certificates, the leaf first. */
  readonly certificates: Buffer;
  /** PKCS #8. */
  readonly privateKey: Buffer;
  /** Concatenated certificates of the trust domain. */
  readonly bundle: Buffer;
}

/** Always the newest SVIDs of this workload. */
export interface SvidSource {
  current(): { readonly svids: readonly Svid[] } | undefined;
  problem(): string | undefined;
  onChange(listener: () => void): () => void;
  start(signal: AbortSignal): void;
}

export interface SpiffeOptions {
  readonly svids: SvidSource;
  readonly trust: Trust;
  readonly leadership: Leadership;
  /** What the API server calls: the SVID must have all of them. */
  readonly hosts: readonly string[];
  readonly timers: Timers;
  readonly log: Log;
  /** Gives from 0 up to 1. */
  readonly random: () => number;
  /** Milliseconds between checks. */
  readonly tickMs: number;
}

export class SpiffeCertificates {
  readonly served: ServedLeaf;
  readonly #options: SpiffeOptions;
  readonly #rounds: Rounds;
  #problem: string | undefined;

  constructor(options: SpiffeOptions) {
    this.#options = options;
    const { timers, trust, log, random, tickMs } = options;
    this.served = new ServedLeaf({ trust, log, clock: timers });
    this.#rounds = new Rounds({
      timers,
      random,
      tickMs,
      work: () => this.#round(),
      failed: (thrown, retryMs) => {
        const fields = { fault: messageOf(thrown), retryMs: Math.round(retryMs) };
        log.warn(fields, 'cannot update the caBundle right now, trying again');
      },
    });
  }

  /** Consecutive rounds that failed. */
  get failures(): number {
    return this.#rounds.failures;
  }

  /** Why there is no SVID to serve; undefined when there is one. */
  problem(): string | undefined {
    return this.#problem ?? this.#options.svids.problem();
  }

  /** Follows the Workload API, caBundles and leadership until `signal` aborts. */
  start(signal: AbortSignal): void {
    const { svids, trust, leadership } = this.#options;
    const wake = (): void => {
      this.#rounds.wake();
    };
    const ends = [svids, trust, leadership].map((each) => each.onChange(wake));
    signal.addEventListener('abort', () => {
      for (const end of ends) end();
    });
    svids.start(signal);
    this.#rounds.start(signal);
  }

  async #round(): Promise<void> {
    const { svids, trust, leadership } = this.#options;
    const state = svids.current();
    if (state === undefined) return;
    const chosen = this.#chosen(state.svids);
    if (chosen === undefined) return;
    const isLeader = leadership.isLeader();
    this.served.offer(chosen.leaf);
    await trust.keep(chosen.authorities, { isLeader, serving: this.served.chain() });
  }

  #chosen(
    svids: readonly Svid[],
  ): { readonly leaf: Leaf; readonly authorities: readonly CertificateView[] } | undefined {
    const { hosts, log } = this.#options;
    const before = this.#problem;
    try {
      for (const svid of svids) {
        const leaf = leafOf(svid);
        if (!hosts.every((host) => coversHost(leaf.view, host))) continue;
        this.#problem = undefined;
        return { leaf, authorities: certificatesOf(svid.bundle) };
      }
      const ids = svids.map((each) => each.spiffeId).join(', ');
      this.#problem = `no X.509-SVID of ${ids} has the DNS name ${hosts.join(', ')}; create the entry with -dns`;
    } catch (thrown) {
      this.#problem = `an X.509-SVID cannot be used: ${messageOf(thrown)}`;
    }
    if (this.#problem !== before) log.error({ fault: this.#problem }, 'no new SVID to serve');
    return undefined;
  }
}

/** @throws {AppError} CERTIFICATE_INVALID */
export function leafOf(svid: Svid): Leaf {
  const certificate = certificatesOf(svid.certificates)
    .map((each) => each.pem)
    .join('');
  return readLeaf({ certificate, key: keyPem(svid.privateKey) });
}

function keyPem(der: Buffer): string {
  try {
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    return key.export({ format: 'pem', type: 'pkcs8' }).toString();
  } catch {
    // The cause is left out: messages of the key parser might quote what it read.
    throw new TypeError('its private key is not a PKCS #8 key');
  }
}

/** Of concatenated DER. @throws {TypeError} when it is none */
export function certificatesOf(der: Buffer): readonly CertificateView[] {
  return splitDer(der).map((each) => viewOf(new X509Certificate(each)));
}
