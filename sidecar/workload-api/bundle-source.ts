/** Always the newest JWT bundles: from the stream, through agent restarts, in memory. */
import { messageOf } from '#kernel/errors.ts';
import { parseTrustDomain, type TrustDomain } from '#kernel/spiffe-id.ts';
import { readJwtBundle, type LeftOutKey } from '../jwt/jwt-bundle.ts';
import type { BundleSource, JwtBundle } from '../jwt/token-ports.ts';
import type { JwtBundles, WorkloadApi } from './api.ts';
import { Listeners } from './listeners.ts';
import { StreamKeeper, type SourceContext } from './stream-keeper.ts';

export interface BundleSourceOptions extends SourceContext {
  readonly api: Pick<WorkloadApi, 'address' | 'watchJwtBundles'>;
}

interface Known {
  readonly document: Buffer;
  readonly bundle: JwtBundle;
  readonly leftOut: readonly LeftOutKey[];
}

/**
 * The last state stays in force while the agent is away: keys change rarely, and refusing every request would
 * turn a restart of the agent into an outage.
 */
export class JwtBundleSource implements BundleSource {
  /** Resolves with the first message; never rejects. */
  readonly ready: Promise<void>;
  readonly #keeper: StreamKeeper<JwtBundles>;
  readonly #listeners = new Listeners();
  readonly #setReady: () => void;
  #known: ReadonlyMap<TrustDomain, Known> = new Map();
  /** Trust domains of the last message, readable or not. */
  #count = 0;
  #generation = 0;
  #hasState = false;
  #documentFault: string | undefined;

  constructor({ api, timers, random }: BundleSourceOptions) {
    const ready = Promise.withResolvers<undefined>();
    this.ready = ready.promise;
    this.#setReady = () => {
      ready.resolve(undefined);
    };
    this.#keeper = new StreamKeeper({
      timers,
      random,
      address: api.address,
      wanted: 'JWT bundle',
      watch: api.watchJwtBundles,
      onMessage: (message) => {
        this.#take(message);
      },
    });
  }

  get generation(): number {
    return this.#generation;
  }

  /** True from the first message on: what is not known now is not trusted. */
  get hasState(): boolean {
    return this.#hasState;
  }

  bundleFor(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.#known.get(trustDomain)?.bundle;
  }

  /** The trust domains whose tokens can be accepted now. */
  trustDomains(): readonly TrustDomain[] {
    return [...this.#known.keys()];
  }

  /**
   * The only trust domain of the last message. A workload always gets its own, so this is it; undefined where others
   * are federated with it, and while nothing has come.
   */
  soleTrustDomain(): TrustDomain | undefined {
    return this.#count === 1 ? this.trustDomains()[0] : undefined;
  }

  /** Keys that are not trusted, by trust domain. */
  leftOut(): ReadonlyMap<TrustDomain, readonly LeftOutKey[]> {
    return new Map([...this.#known].map(([domain, { leftOut }]) => [domain, leftOut]));
  }

  /** Why the bundles may be missing or old, in words an operator can act on; undefined while all is well. */
  problem(): string | undefined {
    return this.#keeper.problem() ?? this.#documentFault;
  }

  /** Calls back after each change; returns how to stop. */
  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  start(signal?: AbortSignal): void {
    this.#keeper.start(signal);
  }

  close(): void {
    this.#keeper.close();
  }

  /** A message is the complete state: a trust domain it leaves out is withdrawn. */
  #take(message: JwtBundles): void {
    const next = new Map<TrustDomain, Known>();
    this.#documentFault = undefined;
    for (const [id, document] of message) {
      const known = this.#read(id, document);
      if (known !== undefined) next.set(known.bundle.trustDomain, known);
    }
    const isSame =
      message.size === this.#count &&
      next.size === this.#known.size &&
      [...next].every(([domain, known]) => this.#known.get(domain) === known);
    this.#count = message.size;
    this.#known = next;
    this.#hasState = true;
    this.#setReady();
    if (isSame) return;
    this.#generation++;
    this.#listeners.call();
  }

  /** Undefined for what cannot be read: that trust domain fails closed, the others go on. */
  #read(id: string, document: Buffer): Known | undefined {
    try {
      const trustDomain = parseTrustDomain(id);
      const known = this.#known.get(trustDomain);
      // The same bytes keep their bundle, and with it the imported keys and the verdicts.
      if (known?.document.equals(document) === true) return known;
      const read = readJwtBundle(trustDomain, document.toString('utf8'), 'workload_api');
      return { document, ...read };
    } catch (fault) {
      this.#documentFault = messageOf(fault);
      return undefined;
    }
  }
}
