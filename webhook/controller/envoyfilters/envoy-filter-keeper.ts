/** Keeps the EnvoyFilters of a namespace as desired, and says which of them pods can rely on. */
import type { ConfigMapProblem, ConfigMapUser } from '../../desired/desired.ts';
import { revisionOfLabels } from '../../request/revision.ts';
import { planUnused } from '../unused.ts';
import {
  EnvoyFilterWriter,
  standsAlready,
  type EnvoyFilterWriterOptions,
  type Written,
} from './envoy-filter-writer.ts';
import { obstacle, unheard, type EnvoyFilterTarget } from './plan-envoy-filters.ts';
import type { EnvoyFilterEntry } from './stored-envoy-filters.ts';

/** What came of the EnvoyFilters of a namespace. */
export interface BroughtFilters {
  /** Names of those that are as they should be: their ConfigMaps may be made. */
  readonly standing: ReadonlySet<string>;
  /** Names of those that are not there: their ConfigMaps must not be either. */
  readonly gone: ReadonlySet<string>;
  readonly problems: readonly ConfigMapProblem[];
  readonly failures: readonly unknown[];
  /** Milliseconds until the next wants to be tried again. */
  readonly againInMs: number | undefined;
}

const later: Written = Object.freeze({ state: 'unsettled', againInMs: 0 });

export class EnvoyFilterKeeper {
  readonly #options: EnvoyFilterWriterOptions;
  readonly #writer: EnvoyFilterWriter;
  readonly #unusedSinceMs = new Map<string, ReadonlyMap<string, number>>();
  /** By namespace. */
  readonly #problems = new Map<string, number>();
  #unknownSinceMs: number | undefined;

  constructor(options: EnvoyFilterWriterOptions) {
    this.#options = options;
    this.#writer = new EnvoyFilterWriter(options);
  }

  get counts(): Readonly<Record<string, number>> {
    return this.#writer.counts;
  }

  /** EnvoyFilters that are not as they should be, as far as the last looks told. */
  get problems(): number {
    return [...this.#problems.values()].reduce((sum, each) => sum + each, 0);
  }

  start(signal: AbortSignal): void {
    this.#writer.start(signal);
  }

  /** @throws {AppError} CLUSTER_UNREACHABLE where nobody answers */
  async bring(namespace: string, targets: readonly EnvoyFilterTarget[]): Promise<BroughtFilters> {
    const standing = new Set<string>();
    const gone = new Set<string>();
    const problems: ConfigMapProblem[] = [];
    const failures: unknown[] = [];
    let againInMs: number | undefined;
    let writesLeft = this.#options.limits.stepsInALook;
    for (const target of targets) {
      // Others have their turn before the rest.
      const written = writesLeft > 0 ? await this.#bringOne(target) : later;
      if (written !== standsAlready) writesLeft -= 1;
      if (written.state === 'stands') standing.add(target.name);
      if (written.state === 'gone') gone.add(target.name);
      if (written.problem !== undefined) problems.push(written.problem);
      if (written.failure !== undefined) failures.push(written.failure);
      if (written.againInMs !== undefined)
        againInMs = Math.min(againInMs ?? written.againInMs, written.againInMs);
    }
    this.#count(namespace, problems.length);
    return { standing, gone, problems, failures, againInMs };
  }

  /** Call it after their ConfigMaps are gone. */
  async removeUnused(
    namespace: string,
    facts: {
      readonly desired: ReadonlySet<string>;
      readonly users: readonly ConfigMapUser[];
      /** False while a user may be overlooked. */
      readonly isCurrent: boolean;
    },
  ): Promise<Pick<BroughtFilters, 'failures' | 'againInMs'>> {
    const { clock, limits } = this.#options;
    const { steps, unusedSinceMs, againInMs } = planUnused({
      ...facts,
      managed: this.#own(namespace),
      unusedSinceMs: this.#unusedSinceMs.get(namespace) ?? new Map<string, number>(),
      nowMs: clock.now(),
      graceMs: limits.graceMs,
    });
    if (unusedSinceMs.size === 0) this.#unusedSinceMs.delete(namespace);
    else this.#unusedSinceMs.set(namespace, unusedSinceMs);
    if (!facts.isCurrent && steps.length > 0)
      return { failures: [], againInMs: limits.lastRetryMs };
    const failures: unknown[] = [];
    for (const step of steps) {
      await this.#writer.remove(namespace, step).catch((thrown: unknown) => failures.push(thrown));
    }
    return { failures, againInMs };
  }

  forget(namespace: string): void {
    this.#unusedSinceMs.delete(namespace);
    this.#problems.delete(namespace);
  }

  /** Another revision's are not ours to remove. */
  #own(namespace: string): readonly EnvoyFilterEntry[] {
    const { filters, revision } = this.#options;
    return [...filters.of(namespace).values()].filter(
      ({ labels }) => revisionOfLabels(labels) === revision,
    );
  }

  async #bringOne(target: EnvoyFilterTarget): Promise<Written> {
    const { standing } = this.#options.filters;
    if (standing === 'unknown') return this.#whileUnknown(target);
    this.#unknownSinceMs = undefined;
    const problem = obstacle(standing, target);
    if (problem !== undefined)
      // Where they may not be read, it is not known whether it is there.
      return { state: standing === 'absent' ? 'gone' : 'unsettled', problem };
    return this.#writer.bring(target);
  }

  /** Told once it lasts: at the start the first list is on its way. */
  #whileUnknown(target: EnvoyFilterTarget): Written {
    const { clock, limits } = this.#options;
    const nowMs = clock.now();
    this.#unknownSinceMs ??= nowMs;
    const leftMs = this.#unknownSinceMs + limits.settleMs - nowMs;
    return leftMs > 0
      ? { state: 'unsettled', againInMs: leftMs }
      : { state: 'unsettled', problem: unheard(target) };
  }

  #count(namespace: string, problems: number): void {
    if (problems === 0) this.#problems.delete(namespace);
    else this.#problems.set(namespace, problems);
  }
}
