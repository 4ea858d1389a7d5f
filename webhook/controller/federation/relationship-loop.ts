/**
 * Looks at SPIRE's federation relationships now and then, and when the configuration changes. Only the leader works; it goes
 * on without any in the configuration until what was ours has gone.
 */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/observe.ts';
import { ApiRefusal } from '../../kube/kubernetes-api.ts';
import type { InjectorConfig } from '../../request/injector-config.ts';
import type { SpireServerApi } from '../../spire/spire-server-api.ts';
import { FailuresInARow } from '../registrations/failures-in-a-row.ts';
import { retriesFor, type RegistrationLimits } from '../registrations/registration-limits.ts';
import { WakingSleep } from '../registrations/waking-sleep.ts';
import {
  leavingOf,
  relationshipCounts,
  RelationshipKeeper,
  type RelationshipCounts,
  type RelationshipState,
} from './relationship-keeper.ts';
import type { RelationshipRecord } from './relationship-record.ts';

export interface RelationshipLoopOptions {
  readonly record: RelationshipRecord;
  readonly leads: () => boolean;
  /** The newest. */
  readonly config: () => InjectorConfig;
  /** For the newest configuration. */
  readonly api: () => Promise<SpireServerApi>;
  /** Which trust domains go, or whether there is work, is another than before. */
  readonly changed: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RegistrationLimits;
  /** Gives [0, 1). */
  readonly random: () => number;
}

const nobody: ReadonlySet<string> = new Set();
const forbidden = 403;

export class RelationshipLoop {
  readonly #options: RelationshipLoopOptions;
  readonly #keeper: RelationshipKeeper;
  readonly #sleep = new WakingSleep();
  /** Whether something of ours may be in SPIRE. */
  #hasOurs = false;
  #state: RelationshipState | undefined;
  /** Whose it is. */
  #server = '';
  #lastSuccessMs: number | undefined;
  readonly #failures: FailuresInARow;
  /** What `changed` was last called about. */
  #told = '';

  constructor(options: RelationshipLoopOptions) {
    this.#options = options;
    this.#keeper = new RelationshipKeeper(options);
    this.#failures = new FailuresInARow(
      'cannot keep the federation relationships in SPIRE, trying again',
      options,
    );
  }

  get lastSuccessMs(): number | undefined {
    return this.#lastSuccessMs;
  }

  /** Whether somebody has to lead for it. */
  isNeeded(): boolean {
    this.#hasOurs ||= this.#options.config().federation.length > 0;
    return this.#hasOurs;
  }

  /** By the last look, of what is configured now; undefined where another leads, or none at that server succeeded yet. */
  counts(): RelationshipCounts | undefined {
    const { federation, spire } = this.#options.config();
    const state = this.#server === spire.server ? this.#state : undefined;
    return state === undefined ? undefined : relationshipCounts(state, federation);
  }

  /** Trust domains of ours that go: no entry of ours is to name them. */
  leaving(): ReadonlySet<string> {
    const state = this.#state;
    return state === undefined ? nobody : leavingOf(state, this.#options.config().federation);
  }

  /** There is a new configuration, or another leader. */
  revise(): void {
    this.#sleep.wake();
  }

  /** Runs until `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#remember(signal);
    while (!signal.aborted) {
      const delayMs = await this.#turn(signal);
      await this.#sleep.for(delayMs, signal);
    }
  }

  /** What a former life left is looked after, also where the configuration names nothing any more. */
  async #remember(signal: AbortSignal): Promise<void> {
    while (!this.isNeeded() && !signal.aborted) {
      try {
        this.#hasOurs = await this.#keeper.hasRecord(signal);
        if (this.#hasOurs) this.#tell();
        return;
      } catch (thrown) {
        // Without the right to read the Lease there was never one to write it.
        if (thrown instanceof ApiRefusal && thrown.status === forbidden) return;
        await this.#sleep.for(this.#options.limits.failed.lastRetryMs, signal);
      }
    }
  }

  async #turn(signal: AbortSignal): Promise<number> {
    const { leads, config, api, limits, clock } = this.#options;
    if (!leads() || !this.isNeeded()) {
      this.#state = undefined;
      this.#lastSuccessMs = undefined;
      this.#failures.clear();
      return limits.idleMs;
    }
    const { federation, spire } = config();
    try {
      const state = await this.#keeper.reconcile(await api(), federation, signal);
      this.#state = state;
      this.#server = spire.server;
      this.#lastSuccessMs = clock.now();
      this.#failures.clear();
      const isLeaving = leavingOf(state, federation).size > 0;
      this.#hasOurs = federation.length > 0 || isLeaving;
      this.#tell();
      // Those that go wait for entries, which are written at once.
      return isLeaving ? limits.idleMs : spire.pollSeconds * 1_000;
    } catch (thrown) {
      return signal.aborted ? 0 : this.#failures.add(thrown, retriesFor(thrown, limits));
    }
  }

  #tell(): void {
    const now = JSON.stringify([this.#hasOurs, [...this.leaving()]]);
    if (now === this.#told) return;
    this.#told = now;
    this.#options.changed();
  }
}
