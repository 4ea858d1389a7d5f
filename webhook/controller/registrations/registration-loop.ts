/**
 * Keeps our entries in SPIRE as wanted: what the watches bring is written at once, and what SPIRE has is read now and then,
 * because it tells nobody of changes. Only the leader works; it begins by reading everything.
 * @see docs/adr/0110-the-leader-writes-entries.md
 */
import { setImmediate as breathe } from 'node:timers/promises';
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import type { Log } from '#kernel/observe.ts';
import type { OwnerReference } from '../../desired/desired.ts';
import { openRegistrations, wantedRegistrations } from '../../desired/registrations.ts';
import type {
  IdentityGroup,
  RegistrationProblem,
  WantedRegistrations,
} from '../../desired/registrations.ts';
import type { InjectorConfig } from '../../request/injector-config.ts';
import type { NamespaceStanding } from '../../request/namespace-standing.ts';
import type { SpireServerApi } from '../../spire/spire-server-api.ts';
import { EntryWriter } from './entry-writer.ts';
import { FailuresInARow } from './failures-in-a-row.ts';
import { planRegistrations, type EntryPlan, type EntryStep } from './plan-registrations.ts';
import type { RegistrationBoard } from './registration-board.ts';
import { retriesFor, type RegistrationLimits } from './registration-limits.ts';
import { awaitedProblem, openProblem, problemsOf, spireProblem } from './registration-problems.ts';
import { readSpire, type SpireView } from './spire-view.ts';
import { WakingSleep } from './waking-sleep.ts';

/** The stored objects, as far as they matter here. */
export interface StoredWishes {
  namespaces(): readonly string[];
  groups(namespace: string): readonly IdentityGroup[];
  standing(namespace: string): NamespaceStanding;
  /** True while all lists are complete and current: only then is what we don't see known not to be. */
  isCurrent(): boolean;
}

export interface RegistrationLoopOptions {
  readonly wishes: StoredWishes;
  readonly leads: () => boolean;
  /** The newest. */
  readonly config: () => InjectorConfig;
  /** For the newest configuration. */
  readonly api: () => Promise<SpireServerApi>;
  readonly board: RegistrationBoard;
  /** Trust domains that go, which no entry is to name any more. */
  readonly leaving: () => ReadonlySet<string>;
  /** On what it is told that SPIRE does not answer. */
  readonly place: { readonly namespace: string; readonly object: OwnerReference };
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RegistrationLimits;
  /** Gives [0, 1). */
  readonly random: () => number;
}

/** What became of a namespace at the last look. */
interface Look {
  readonly wanted: WantedRegistrations;
  readonly plan: EntryPlan;
}

export interface RegistrationCounts {
  readonly registered: number;
  /** Wanted, and not there. */
  readonly awaited: number;
  /** Wanted, and made by others. */
  readonly foreign: number;
  /** Not wanted any more, and not removed yet. */
  readonly unwanted: number;
}

export class RegistrationLoop {
  readonly #options: RegistrationLoopOptions;
  readonly #writer: EntryWriter;
  readonly #sleep = new WakingSleep();
  readonly #dirty = new Set<string>();
  readonly #looks = new Map<string, Look>();
  /** Namespaces that are to be looked at although nothing changes, and when. */
  readonly #dueMs = new Map<string, number>();
  #view: SpireView | undefined;
  /** What of the configuration the view was read with. */
  #viewOf = '';
  /** Whose it is. */
  #server: string | undefined;
  #pollAtMs = 0;
  #notBeforeMs = 0;
  readonly #failures: FailuresInARow;
  #lastSuccessMs: number | undefined;

  constructor(options: RegistrationLoopOptions) {
    this.#options = options;
    this.#writer = new EntryWriter(options);
    this.#failures = new FailuresInARow(
      'cannot keep the registrations in SPIRE, trying again',
      options,
    );
  }

  get lastSuccessMs(): number | undefined {
    return this.#lastSuccessMs;
  }

  get writes(): Readonly<Record<string, number>> {
    return this.#writer.counts;
  }

  /** Something that matters for entries has changed there. */
  changed(namespace: string): void {
    this.#dirty.add(namespace);
    this.#sleep.wake();
  }

  /** Looks at everything again: there is a new configuration, or another leader. */
  reviseAll(): void {
    this.#pollAtMs = 0;
    this.#sleep.wake();
  }

  /** Undefined until SPIRE has been read: what it has is not known before. */
  counts(): RegistrationCounts | undefined {
    const view = this.#view;
    if (view === undefined) return undefined;
    const counts = { registered: 0, awaited: 0, foreign: 0, unwanted: 0 };
    for (const [namespace, { wanted, plan }] of this.#looks) {
      const there = wanted.entries.filter(({ entry }) => view.has(namespace, entry.id));
      counts.registered += there.length;
      counts.foreign += plan.foreign.length;
      counts.awaited += wanted.entries.length - there.length - plan.foreign.length;
      counts.unwanted += plan.unwantedSinceMs.size;
    }
    return counts;
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
    const { leads, config, limits, clock } = this.#options;
    if (config().registration !== 'entries' || !leads()) {
      this.#rest();
      return limits.idleMs;
    }
    const waitMs = this.#notBeforeMs - clock.now();
    if (waitMs > 0) return waitMs;
    try {
      const againInMs = await this.#bring(config(), signal);
      this.#succeeded();
      return againInMs;
    } catch (thrown) {
      return signal.aborted ? 0 : await this.#failed(thrown, config());
    }
  }

  /** Nothing is remembered of a time in which somebody else wrote. */
  #rest(): void {
    this.#view = undefined;
    this.#pollAtMs = 0;
    this.#notBeforeMs = 0;
    this.#failures.clear();
    this.#lastSuccessMs = undefined;
    this.#dirty.clear();
    this.#looks.clear();
    this.#dueMs.clear();
    this.#writer.keepOnly(() => false);
    this.#options.board.clear();
  }

  async #bring(config: InjectorConfig, signal: AbortSignal): Promise<number> {
    const { clock, leads } = this.#options;
    this.#forgetOther(config.spire.server);
    const api = await this.#options.api();
    const view = await this.#readIfDue(api, config, signal);
    const namespaces = this.#takeDirty();
    const steps = await this.#planAll(namespaces, view, config);
    const ready = steps.filter((step) => this.#writer.waitMs(step) === 0);
    const site = { api, view, mayWrite: leads, signal };
    const isNews = await this.#writer.write(ready, site);
    if (isNews) for (const namespace of namespaces) this.changed(namespace);
    for (const namespace of namespaces) {
      this.#tell(namespace);
      this.#setDue(namespace);
    }
    return Math.max(0, Math.min(this.#pollAtMs, ...this.#dueMs.values()) - clock.now());
  }

  /** Those that changed, and those whose grace or wait is over. */
  #takeDirty(): readonly string[] {
    const nowMs = this.#options.clock.now();
    for (const [namespace, dueMs] of this.#dueMs) if (dueMs <= nowMs) this.#dirty.add(namespace);
    const namespaces = [...this.#dirty];
    this.#dirty.clear();
    return namespaces;
  }

  /** When it is to be looked at again although nothing changes, whatever happens elsewhere meanwhile. */
  #setDue(namespace: string): void {
    const plan = this.#looks.get(namespace)?.plan;
    const refusedMs = (plan?.steps ?? [])
      .map((step) => this.#writer.waitMs(step))
      .filter((waitMs) => waitMs > 0);
    const waitsMs = plan?.againInMs === undefined ? refusedMs : [...refusedMs, plan.againInMs];
    if (waitsMs.length === 0) this.#dueMs.delete(namespace);
    else this.#dueMs.set(namespace, this.#options.clock.now() + Math.min(...waitsMs));
  }

  async #readIfDue(
    api: SpireServerApi,
    config: InjectorConfig,
    signal: AbortSignal,
  ): Promise<SpireView> {
    const { clock, wishes, leaving } = this.#options;
    const viewOf = JSON.stringify([config.entries, config.spire]);
    const isDue = clock.now() >= this.#pollAtMs || viewOf !== this.#viewOf;
    if (this.#view !== undefined && !isDue) return this.#view;
    const { cluster, parent } = config.entries;
    const needs = { cluster, needsAgents: parent === 'agents', leaving: leaving() };
    const view = await readSpire(api, needs, signal);
    this.#view = view;
    this.#viewOf = viewOf;
    this.#pollAtMs = clock.now() + config.spire.pollSeconds * 1000;
    const known = [...wishes.namespaces(), ...view.namespaces(), ...this.#looks.keys()];
    for (const namespace of known) this.#dirty.add(namespace);
    return view;
  }

  /** What one server has tells nothing of another. */
  #forgetOther(server: string): void {
    if (this.#server === server) return;
    this.#server = server;
    this.#view = undefined;
    this.#looks.clear();
  }

  /** Takes breath between namespaces: admission waits for nothing. */
  async #planAll(
    namespaces: readonly string[],
    view: SpireView,
    config: InjectorConfig,
  ): Promise<readonly EntryStep[]> {
    const steps: EntryStep[] = [];
    for (const namespace of namespaces) {
      steps.push(...this.#look(namespace, view, config).plan.steps);
      await breathe();
    }
    const asked = new Set(steps.map((step) => (step.kind === 'delete' ? step.id : step.entry.id)));
    if (namespaces.length > 1) this.#writer.keepOnly((id) => asked.has(id) || this.#isWanted(id));
    return (['delete', 'update', 'create'] as const).flatMap((kind) =>
      steps.filter((step) => step.kind === kind),
    );
  }

  #isWanted(id: string): boolean {
    for (const { wanted } of this.#looks.values())
      if (wanted.entries.some(({ entry }) => entry.id === id)) return true;
    return false;
  }

  #look(namespace: string, view: SpireView, config: InjectorConfig): Look {
    const { wishes, clock } = this.#options;
    const wanted = this.#wanted(namespace, view, config);
    const { kept, isClear } = wanted;
    const isSure = isClear && wishes.isCurrent();
    const plan = planRegistrations({
      wanted: wanted.entries,
      ours: view.ours(namespace),
      similar: (entry) => view.similar(entry),
      mayDelete: (id) => isSure && !kept.has(id),
      unwantedSinceMs: this.#looks.get(namespace)?.plan.unwantedSinceMs ?? new Map(),
      nowMs: clock.now(),
      graceMs: config.entries.graceSeconds * 1000,
    });
    const look = { wanted, plan };
    const isEmpty =
      wanted.entries.length + wanted.problems.length + plan.unwantedSinceMs.size === 0;
    if (isEmpty) this.#looks.delete(namespace);
    else this.#looks.set(namespace, look);
    return look;
  }

  #wanted(namespace: string, view: SpireView, config: InjectorConfig): WantedRegistrations {
    const { wishes, limits } = this.#options;
    return wantedRegistrations({
      namespace,
      standing: wishes.standing(namespace),
      groups: wishes.groups(namespace),
      config,
      spire: view.facts,
      maxEntries: limits.entriesEach,
    });
  }

  #tell(namespace: string): void {
    const look = this.#looks.get(namespace);
    const problems = look === undefined ? [] : problemsOf(look, (id) => this.#writer.refusal(id));
    this.#options.board.set(namespace, problems);
  }

  #succeeded(): void {
    const { clock, log, board, place } = this.#options;
    if (this.#failures.any) log.info({}, "SPIRE's server answers again");
    board.set(place.namespace, []);
    this.#failures.clear();
    this.#lastSuccessMs = clock.now();
  }

  /** What is missing now is told; everything is read again before anything else is written. */
  async #failed(thrown: unknown, config: InjectorConfig): Promise<number> {
    const { clock, limits, board, place, wishes } = this.#options;
    this.#pollAtMs = 0;
    const delayMs = this.#failures.add(thrown, retriesFor(thrown, limits));
    this.#notBeforeMs = clock.now() + delayMs;
    board.set(place.namespace, [spireProblem(messageOf(thrown), place.object)]);
    for (const namespace of wishes.namespaces()) {
      const problems = this.#unkept(namespace, config);
      if (namespace !== place.namespace) board.set(namespace, problems);
      await breathe();
    }
    return delayMs;
  }

  /** What is missing in a namespace, by what SPIRE had when it was last read, and what is wanted now. */
  #unkept(namespace: string, config: InjectorConfig): readonly RegistrationProblem[] {
    const { wishes } = this.#options;
    const view = this.#view;
    if (view === undefined) {
      const standing = wishes.standing(namespace);
      const open = openRegistrations({ standing, groups: wishes.groups(namespace) });
      return open.workloads.length === 0 ? open.problems : [...open.problems, openProblem(open)];
    }
    const { entries, problems } = this.#look(namespace, view, config).wanted;
    const missing = entries.filter(
      ({ entry }) => !view.has(namespace, entry.id) && view.similar(entry) === undefined,
    );
    return missing.length === 0 ? problems : [...problems, awaitedProblem(missing)];
  }
}
