/** Keys that have changed are read again, many at once, one batch after the other: so the newest answer is the last one. */
import { backOffMs, type BackOff } from '#kernel/back-off.ts';
import type { Timers } from '#kernel/clock.ts';
import type { ReadFaults } from './read-faults.ts';
import type { StoreConnection, StoredRecord } from './store-connection.ts';

export interface ChangedRecord extends Omit<StoredRecord, 'value'> {
  /** Null: it is gone. */
  readonly value: string | null;
}

export interface ChangedKeysOptions {
  readonly connection: Pick<StoreConnection, 'read'>;
  readonly timers: Timers;
  readonly random: () => number;
  readonly faults: ReadFaults;
  readonly onRead: (records: readonly ChangedRecord[]) => void;
}

const keysAtOnce = 512;
/** A server that takes longer is away, and is read as a whole when it is back. */
const deadlineMs = 2_000;
const again: BackOff = { firstMs: 50, factor: 2, limitMs: 500, jitter: 0.5 };

export class ChangedKeys {
  readonly #options: ChangedKeysOptions;
  #waiting = new Set<string>();
  #reading: readonly string[] = [];
  #failures = 0;
  /** What was asked for in an earlier turn is not waited for. */
  #turn = 0;
  #callOff: (() => void) | undefined;
  #isClosed = false;

  constructor(options: ChangedKeysOptions) {
    this.#options = options;
  }

  /** Keys whose newest value is not known yet. */
  get size(): number {
    return this.#waiting.size + this.#reading.length;
  }

  add(keys: readonly string[]): void {
    for (const key of keys) this.#waiting.add(key);
    this.#next();
  }

  /** Asks again for what was asked for: the answer may be from before the connection was lost. */
  restart(): void {
    const keys = [...this.#reading];
    this.#startTurn();
    this.add(keys);
  }

  /** Whoever forgets them reads all instead. */
  forget(): void {
    this.#startTurn();
    this.#waiting = new Set();
  }

  close(): void {
    this.#isClosed = true;
    this.forget();
  }

  #startTurn(): void {
    this.#turn += 1;
    this.#reading = [];
    this.#failures = 0;
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #next(): void {
    const isWaiting = this.#callOff !== undefined;
    if (this.#isClosed || isWaiting || this.#reading.length > 0 || this.#waiting.size === 0) return;
    void this.#read();
  }

  async #read(): Promise<void> {
    const turn = this.#turn;
    // Of a Cluster one master may be away, which must not hold up the keys of others.
    const keys = firstOf(this.#waiting, keysAtOnce >>> Math.min(this.#failures, 8));
    this.#reading = keys;
    for (const key of keys) this.#waiting.delete(key);
    const values = await this.#valuesOf(keys);
    if (turn !== this.#turn) return;
    this.#reading = [];
    if (values === undefined) this.#tryLater(keys);
    else {
      this.#failures = 0;
      this.#options.onRead(keys.map((key, index) => ({ key, value: values[index] ?? null })));
    }
    this.#next();
  }

  /** Undefined: not to be had now. */
  async #valuesOf(keys: readonly string[]): Promise<readonly (string | null)[] | undefined> {
    try {
      return await this.#options.connection.read(keys, deadlineMs);
    } catch (thrown) {
      this.#options.faults.note(thrown);
      return undefined;
    }
  }

  #tryLater(keys: readonly string[]): void {
    for (const key of keys) this.#waiting.add(key);
    const { timers, random } = this.#options;
    const delayMs = backOffMs(again, this.#failures, random());
    this.#failures += 1;
    this.#callOff = timers.after(delayMs, () => {
      this.#callOff = undefined;
      this.#next();
    });
  }
}

function firstOf(keys: ReadonlySet<string>, most: number): readonly string[] {
  const first: string[] = [];
  for (const key of keys) {
    if (first.length >= most) break;
    first.push(key);
  }
  return first;
}
