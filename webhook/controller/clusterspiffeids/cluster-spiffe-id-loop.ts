/**
 * Keeps our ClusterSPIFFEID objects as wanted while the configuration says so; otherwise they stay as they are.
 * Only the leader works. Other sets of trust domains are written at once; what others changed is put right at an interval.
 * @see docs/adr/0112-one-clusterspiffeid-for-each-set-of-trust-domains.md
 */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/observe.ts';
import type { StoredFederations } from '../../desired/cluster-spiffe-ids.ts';
import { hasOwnEnvoy } from '../../desired/workload-identity.ts';
import type { KubernetesApi } from '../../kube/kubernetes-api.ts';
import type { InjectorConfig } from '../../request/injector-config.ts';
import { FailuresInARow } from '../registrations/failures-in-a-row.ts';
import type { RegistrationLimits } from '../registrations/registration-limits.ts';
import type { StoredWishes } from '../registrations/registration-loop.ts';
import { WakingSleep } from '../registrations/waking-sleep.ts';
import { ClusterSpiffeIdKeeper } from './cluster-spiffe-id-keeper.ts';

export interface ClusterSpiffeIdLoopOptions {
  readonly api: KubernetesApi;
  readonly wishes: StoredWishes;
  readonly leads: () => boolean;
  /** The newest. */
  readonly config: () => InjectorConfig;
  /** Namespaces that are never touched, our own among them. */
  readonly ignoredNamespaces: () => ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RegistrationLimits;
  /** Gives [0, 1). */
  readonly random: () => number;
}

export class ClusterSpiffeIdLoop {
  readonly #options: ClusterSpiffeIdLoopOptions;
  readonly #keeper: ClusterSpiffeIdKeeper;
  readonly #sleep = new WakingSleep();
  /** Federations that the last look was about. */
  #lookedAt: string | undefined;
  #dueAtMs = 0;
  readonly #failures: FailuresInARow;
  #lastSuccessMs: number | undefined;

  constructor(options: ClusterSpiffeIdLoopOptions) {
    this.#options = options;
    this.#failures = new FailuresInARow(
      'cannot keep ClusterSPIFFEID objects, trying again',
      options,
    );
    this.#keeper = new ClusterSpiffeIdKeeper({
      ...options,
      stored: { federations: () => this.#federations(), isCurrent: () => this.#isClear() },
    });
  }

  get keeper(): ClusterSpiffeIdKeeper {
    return this.#keeper;
  }

  get lastSuccessMs(): number | undefined {
    return this.#lastSuccessMs;
  }

  /** Some workload federates otherwise, perhaps. */
  changed(): void {
    if (this.#isNeeded()) this.#sleep.wake();
  }

  /** Looks at everything again: there is a new configuration, or another leader. */
  reviseAll(): void {
    this.#dueAtMs = 0;
    this.#sleep.wake();
  }

  /** Runs until `signal` aborts; never rejects. Call it once everything is listed. */
  async run(signal: AbortSignal): Promise<void> {
    const { limits } = this.#options;
    while (!signal.aborted) {
      const delayMs = await this.#turn(signal);
      const isWoken = await this.#sleep.for(delayMs, signal);
      if (isWoken) await this.#sleep.gather(limits.gatherMs, signal);
    }
  }

  /** @returns milliseconds until the next turn is due although nothing changes */
  async #turn(signal: AbortSignal): Promise<number> {
    const { leads, limits, clock } = this.#options;
    if (!this.#isNeeded() || !leads()) {
      this.#keeper.forget();
      this.#lookedAt = undefined;
      this.#dueAtMs = 0;
      this.#lastSuccessMs = undefined;
      this.#failures.clear();
      return limits.idleMs;
    }
    const federations = JSON.stringify(this.#federations());
    const isOther = federations !== this.#lookedAt && !this.#failures.any;
    if (!isOther && clock.now() < this.#dueAtMs) return this.#dueAtMs - clock.now();
    try {
      await this.#bring(signal);
      this.#lookedAt = federations;
    } catch (thrown) {
      if (!signal.aborted) this.#failed(thrown);
    }
    return Math.max(0, this.#dueAtMs - clock.now());
  }

  async #bring(signal: AbortSignal): Promise<void> {
    const { config, clock, log } = this.#options;
    const againInMs = await this.#keeper.reconcile(signal);
    const pollMs = config().spire.pollSeconds * 1000;
    if (this.#failures.any) log.info({}, 'ClusterSPIFFEID objects can be written again');
    this.#failures.clear();
    this.#lastSuccessMs = clock.now();
    this.#dueAtMs = clock.now() + Math.min(pollMs, againInMs ?? pollMs);
  }

  #failed(thrown: unknown): void {
    const { clock, limits } = this.#options;
    this.#dueAtMs = clock.now() + this.#failures.add(thrown, limits.failed);
  }

  #isNeeded(): boolean {
    return this.#options.config().registration === 'clusterspiffeid';
  }

  /** Each set once, where svidecar acts. */
  #federations(): StoredFederations {
    const { wishes } = this.#options;
    const all = new Map<string, readonly string[]>();
    const envoys = new Map<string, readonly string[]>();
    for (const namespace of wishes.namespaces()) {
      if (wishes.standing(namespace) !== 'acts') continue;
      for (const { wish } of wishes.groups(namespace)) {
        if (wish.kind !== 'identity') continue;
        const { federatesWith } = wish.identity;
        const key = JSON.stringify(federatesWith);
        all.set(key, federatesWith);
        if (hasOwnEnvoy(wish)) envoys.set(key, federatesWith);
      }
    }
    return { all: sortedByKey(all), envoys: sortedByKey(envoys) };
  }

  /** What cannot be told may federate with anybody. */
  #isClear(): boolean {
    const { wishes } = this.#options;
    const isClearIn = (namespace: string): boolean =>
      wishes.groups(namespace).every(({ wish }) => wish.kind !== 'unclear');
    return wishes.isCurrent() && wishes.namespaces().every(isClearIn);
  }
}

function sortedByKey(sets: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  return [...sets.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, set]) => set);
}
