/** The leaf that this replica serves, and whether a newer one may take its place. */
import type { Log } from '#kernel/observe.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Leaf } from './key-ring.ts';
import { isLive, type CertificateView } from './plan/certificate-view.ts';
import type { CertificateSource, ServingPair } from './certificate-ports.ts';
import type { Trust } from './trust.ts';

export interface ServedLeafOptions {
  readonly trust: Trust;
  readonly clock: Clock;
  readonly log: Log;
}

export class ServedLeaf implements CertificateSource {
  readonly #options: ServedLeafOptions;
  readonly #listeners = new Set<(pair: ServingPair) => void>();
  #leaf: Leaf | undefined;

  constructor(options: ServedLeafOptions) {
    this.#options = options;
  }

  get leaf(): Leaf | undefined {
    return this.#leaf;
  }

  current(): ServingPair | undefined {
    return this.#leaf?.pair;
  }

  /** What is served, the leaf first. */
  chain(): readonly CertificateView[] | undefined {
    return this.#leaf?.chain;
  }

  onChange(listener: (pair: ServingPair) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Serves it, unless it has expired, or the current one still works and API servers may not trust the new one yet: then
   * offer it again later.
   */
  offer(leaf: Leaf): void {
    const nowS = this.#options.clock.now() / 1000;
    if (!isLive(leaf.view, nowS)) return;
    const hand = this.#leaf;
    if (hand?.view.fingerprint === leaf.view.fingerprint) return;
    if (hand !== undefined && isLive(hand.view, nowS) && this.#mustWait(hand, leaf)) return;
    this.#leaf = leaf;
    if (hand !== undefined) {
      const notAfter = new Date(leaf.pair.notAfter * 1000).toISOString();
      this.#options.log.info({ notAfter }, 'serving certificate replaced');
    }
    for (const listener of this.#listeners) listener(leaf.pair);
  }

  #mustWait(hand: Leaf, newer: Leaf): boolean {
    const { trust } = this.#options;
    if (trust.verdict(hand.chain).kind !== 'trusted') return false;
    const verdict = trust.verdict(newer.chain);
    if (verdict.kind === 'unknown') return false;
    return verdict.kind === 'untrusted' || !trust.isConfirmed(verdict.anchor.fingerprint);
  }
}
