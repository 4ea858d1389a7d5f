/**
 * Bans that are asked for one by one, of a list that is not in memory. Answers are kept, no bans too, in a bounded place,
 * and forgotten as the store tells of changes.
 */
import { LRUCache } from 'lru-cache';
import type { Timers } from '#kernel/clock.ts';
import { banKinds, recordKey } from '../config/ban-records.ts';
import type { Ban } from '../config/ban-meaning.ts';
import type { ReadFaults } from './read-faults.ts';
import type { RecordReader } from './record-reader.ts';
import type { StoreConnection } from './store-connection.ts';

/** Bans by id. */
export type FoundBans = ReadonlyMap<string, readonly Ban[]>;
/** Why not: the store failed, had no time, or is asked about too many values already. */
export type LookupTrouble = 'store_away' | 'store_slow' | 'store_busy';

export interface LookupsOptions {
  readonly connection: Pick<StoreConnection, 'read'>;
  readonly records: RecordReader;
  readonly prefix: string;
  /** Of one lookup. */
  readonly deadlineMs: number;
  readonly timers: Timers;
  readonly faults: ReadFaults;
}

/** What is kept: so many answers, and some 4 MiB at most. */
const kept = { answers: 16_384, bytes: 4 * 1024 * 1024, ofEach: 240, ofBan: 1_024 } as const;
/** Values that are asked for at once. */
const maxAsked = 4_096;
const none: readonly Ban[] = [];

/** Values that are asked for together. */
interface Flight {
  readonly answer: Promise<FoundBans | LookupTrouble>;
  /** Those that changed meanwhile: their answer may be the one before. */
  readonly changed: Set<string>;
}

export class BanLookups {
  readonly #options: LookupsOptions;
  readonly #kept = new LRUCache<string, readonly Ban[]>({
    max: kept.answers,
    maxSize: kept.bytes,
    sizeCalculation: (bans, id) => kept.ofEach + 2 * id.length + kept.ofBan * bans.length,
  });
  readonly #flights = new Map<string, Flight>();
  readonly counts = { kept: 0, asked: 0, store_away: 0, store_slow: 0, store_busy: 0 };

  constructor(options: LookupsOptions) {
    this.#options = options;
  }

  /** Undefined: it is not known whether there are any. */
  find(id: string): readonly Ban[] | undefined {
    return this.#kept.get(id);
  }

  /** Those that are kept at once, the others from the store. Never rejects. */
  async lookUp(ids: ReadonlySet<string>): Promise<FoundBans | LookupTrouble> {
    const found = new Map<string, readonly Ban[]>();
    const waited = new Set<Flight>();
    const wanted: string[] = [];
    for (const id of ids) {
      const bans = this.#kept.get(id);
      const flight = this.#flights.get(id);
      if (bans !== undefined) found.set(id, bans);
      else if (flight === undefined) wanted.push(id);
      else waited.add(flight);
    }
    this.counts.kept += found.size;
    if (this.#flights.size + wanted.length > maxAsked) return this.#troubled('store_busy');
    if (wanted.length > 0) waited.add(this.#ask(wanted));
    for (const { answer } of waited) {
      const bans = await answer;
      if (typeof bans === 'string') return this.#troubled(bans);
      for (const [id, of] of bans) found.set(id, of);
    }
    return found;
  }

  forget(id: string): void {
    this.#kept.delete(id);
    this.#flights.get(id)?.changed.add(id);
    // Whoever asks from now on does not wait for that answer.
    this.#flights.delete(id);
  }

  forgetAll(): void {
    this.#kept.clear();
    for (const id of [...this.#flights.keys()]) this.forget(id);
  }

  #troubled(trouble: LookupTrouble): LookupTrouble {
    this.counts[trouble] += 1;
    return trouble;
  }

  #ask(ids: readonly string[]): Flight {
    this.counts.asked += ids.length;
    const changed = new Set<string>();
    const flight = { changed, answer: this.#answerFor(ids, changed) };
    for (const id of ids) this.#flights.set(id, flight);
    return flight;
  }

  async #answerFor(
    ids: readonly string[],
    changed: ReadonlySet<string>,
  ): Promise<FoundBans | LookupTrouble> {
    const { prefix, deadlineMs, timers, faults } = this.#options;
    const keys = ids.flatMap((id) => banKinds.map((kind) => recordKey(prefix, kind, id)));
    try {
      const values = await withinTime(this.#read(keys), deadlineMs, timers);
      if (values === undefined) return 'store_slow';
      faults.end();
      const found = new Map(ids.map((id, index) => [id, this.#bansOf(id, index, values)]));
      for (const [id, bans] of found) if (!changed.has(id)) this.#kept.set(id, bans);
      return found;
    } catch (thrown) {
      // Whatever failed: the store has said nothing.
      faults.note(thrown);
      return 'store_away';
    } finally {
      for (const id of ids)
        if (this.#flights.get(id)?.changed === changed) this.#flights.delete(id);
    }
  }

  /** After this call has returned, so that a flight is known before it ends. */
  async #read(keys: readonly string[]): Promise<readonly (string | null)[]> {
    await Promise.resolve();
    const { connection, deadlineMs } = this.#options;
    return await connection.read(keys, deadlineMs);
  }

  /** @param index of the id among those that were asked for */
  #bansOf(id: string, index: number, values: readonly (string | null)[]): readonly Ban[] {
    const bans = banKinds.flatMap((kind, offset) => {
      const value = values[index * banKinds.length + offset] ?? null;
      const of = { kind, id };
      const ban = value === null ? undefined : this.#options.records.banIn(of, value);
      return ban === undefined ? [] : [ban];
    });
    return bans.length === 0 ? none : bans;
  }
}

/** Undefined: it was not in time. A rejection that comes at the deadline is one too. */
function withinTime<Value>(
  promise: Promise<Value>,
  deadlineMs: number,
  timers: Timers,
): Promise<Value | undefined> {
  const endMs = timers.now() + deadlineMs;
  return new Promise((resolve, reject) => {
    const callOff = timers.after(deadlineMs, () => {
      resolve(undefined);
    });
    promise.then(
      (value) => {
        callOff();
        resolve(value);
      },
      (thrown: unknown) => {
        callOff();
        if (timers.now() >= endMs) resolve(undefined);
        else reject(thrown instanceof Error ? thrown : new Error('no answer', { cause: thrown }));
      },
    );
  });
}
