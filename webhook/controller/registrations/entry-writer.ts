/** Carries out what was planned for entries, in batches; each item has a result of its own. */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/observe.ts';
import { retryDelayMs } from '../../kube/api-limits.ts';
import type { SpireEntry } from '../../identity/spire-entry.ts';
import type { EntryResult, SpireServerApi } from '../../spire/spire-server-api.ts';
import { isSameEntry, type EntryStep } from './plan-registrations.ts';
import type { RegistrationLimits } from './registration-limits.ts';
import type { SpireView } from './spire-view.ts';

/** An item that SPIRE would not take. */
export interface RefusedItem {
  readonly entry: SpireEntry | undefined;
  readonly failures: number;
  readonly notBeforeMs: number;
  /** gRPC status by name. */
  readonly code: string;
  readonly words: string;
}

export interface EntryWriterOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RegistrationLimits;
  /** Gives [0, 1). */
  readonly random: () => number;
}

export interface WriteSite {
  readonly api: SpireServerApi;
  readonly view: SpireView;
  /** Asked before each batch: whoever does not lead any more writes nothing more. */
  readonly mayWrite: () => boolean;
  readonly signal: AbortSignal;
}

/** What only another content, or another configuration of SPIRE, would change. */
const lastingCodes: ReadonlySet<string> = new Set(['INVALID_ARGUMENT', 'OUT_OF_RANGE']);

export class EntryWriter {
  readonly counts = { created: 0, updated: 0, deleted: 0, refused: 0 };
  readonly #options: EntryWriterOptions;
  readonly #refused = new Map<string, RefusedItem>();

  constructor(options: EntryWriterOptions) {
    this.#options = options;
  }

  refusal(id: string): RefusedItem | undefined {
    return this.#refused.get(id);
  }

  /** Milliseconds until a step may be tried; 0: now. One with another content than was refused need not wait. */
  waitMs(step: EntryStep): number {
    const id = idOf(step);
    const refused = this.#refused.get(id);
    if (refused === undefined) return 0;
    const entry = step.kind === 'delete' ? undefined : step.entry;
    const isOther =
      entry === undefined || refused.entry === undefined
        ? entry !== refused.entry
        : !isSameEntry(entry, refused.entry);
    return isOther ? 0 : Math.max(0, refused.notBeforeMs - this.#options.clock.now());
  }

  /** Forgets refusals of what nobody wants to write any more. */
  keepOnly(isWanted: (id: string) => boolean): void {
    for (const id of [...this.#refused.keys()]) if (!isWanted(id)) this.#refused.delete(id);
  }

  /**
   * @returns whether something was found to be otherwise than was known, so that a new plan is needed
   * @throws {AppError} SPIRE_UNREACHABLE, SPIRE_FORBIDDEN, SPIRE_FAILED
   */
  async write(steps: readonly EntryStep[], site: WriteSite): Promise<boolean> {
    let isNews = false;
    for (const batch of batchesOf(steps, this.#options.limits.batchSize)) {
      if (!site.mayWrite() || site.signal.aborted) return isNews;
      isNews = (await this.#writeBatch(batch, site)) || isNews;
    }
    return isNews;
  }

  async #writeBatch(batch: readonly EntryStep[], site: WriteSite): Promise<boolean> {
    const { api, signal } = site;
    const [first] = batch;
    const entries = batch.flatMap((step) => (step.kind === 'delete' ? [] : [step.entry]));
    switch (first?.kind) {
      case undefined:
        return false;
      case 'delete':
        return this.#takeDeletes(batch.map(idOf), site);
      case 'update':
        return this.#take(entries, await api.updateEntries(entries, signal), {
          ...site,
          done: 'updated',
        });
      case 'create':
        return this.#take(entries, await api.createEntries(entries, signal), {
          ...site,
          done: 'created',
        });
      default:
        return first satisfies never;
    }
  }

  async #takeDeletes(ids: readonly string[], { api, view, signal }: WriteSite): Promise<boolean> {
    const results = await api.deleteEntries(ids, signal);
    for (const [index, id] of ids.entries()) {
      const result = results[index];
      if (result?.kind === 'gone') {
        view.drop(id);
        this.#refused.delete(id);
        this.counts.deleted += 1;
      } else this.#refuse(id, undefined, result ?? unanswered);
    }
    return false;
  }

  #take(
    entries: readonly SpireEntry[],
    results: readonly EntryResult[],
    { view, done }: WriteSite & { readonly done: 'created' | 'updated' },
  ): boolean {
    let isNews = false;
    for (const [index, entry] of entries.entries()) {
      const result = results[index] ?? unanswered;
      if (result.kind === 'done') {
        view.put(result.entry);
        this.#refused.delete(entry.id);
        this.counts[done] += 1;
      } else isNews = this.#takeOther(entry, result, view) || isNews;
    }
    return isNews;
  }

  #takeOther(
    entry: SpireEntry,
    result: Exclude<EntryResult, { readonly kind: 'done' }>,
    view: SpireView,
  ): boolean {
    switch (result.kind) {
      case 'exists':
        if (result.similar === undefined)
          this.#refuse(entry.id, entry, {
            code: 'ALREADY_EXISTS',
            words: 'another entry has its name',
          });
        else view.put(result.similar);
        return result.similar !== undefined;
      case 'missing':
        view.drop(entry.id);
        return true;
      case 'refused':
        this.#refuse(entry.id, entry, result);
        return false;
      default:
        return result satisfies never;
    }
  }

  #refuse(
    id: string,
    entry: SpireEntry | undefined,
    { code, words }: { readonly code: string; readonly words: string },
  ): void {
    const { clock, log, limits, random } = this.#options;
    const failures = (this.#refused.get(id)?.failures ?? 0) + 1;
    const isLasting = lastingCodes.has(code);
    const delayMs = retryDelayMs(failures, isLasting ? limits.lastingItem : limits.item, random);
    this.#refused.set(id, { entry, failures, notBeforeMs: clock.now() + delayMs, code, words });
    this.counts.refused += 1;
    if (failures === 1) log.warn({ id, code, words }, 'SPIRE does not take an entry');
  }
}

const unanswered = { kind: 'refused', code: 'UNKNOWN', words: 'no answer for it' } as const;

function idOf(step: EntryStep): string {
  return step.kind === 'delete' ? step.id : step.entry.id;
}

/** Steps of one kind that follow one another, a number at once. */
function* batchesOf(steps: readonly EntryStep[], size: number): Generator<readonly EntryStep[]> {
  let batch: EntryStep[] = [];
  for (const step of steps) {
    if (batch.length === size || (batch[0] !== undefined && batch[0].kind !== step.kind)) {
      yield batch;
      batch = [];
    }
    batch.push(step);
  }
  if (batch.length > 0) yield batch;
}
