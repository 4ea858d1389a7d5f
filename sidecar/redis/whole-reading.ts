/** A store that is read from one end to the other. */
import type { BanRecordKey } from '../config/ban-records.ts';
import type { Ban } from '../config/ban-meaning.ts';
import type { PackedBans } from './packed-bans.ts';

/** What is read is compared with what was known, since a store that has lost everything is told from one with changes. */
export interface KnownBans {
  /** The list in force. */
  readonly table: PackedBans | undefined;
  /** Bans that the store has lost before. */
  readonly kept: PackedBans | undefined;
  /** Keys that came into the list since the store may have lost it: they tell nothing about what it has lost. */
  readonly arrived: ReadonlySet<string>;
}

export interface ReadingLimits {
  readonly bans: number;
  readonly bytes: number;
}

export class WholeReading {
  readonly bans: PackedBans;
  readonly #known: KnownBans;
  readonly #limits: ReadingLimits;
  /** Keys that have changed meanwhile and were read again: what the reading says of them may be older. */
  readonly #newer = new Set<string>();
  #hasKnown = false;
  #hasKept = false;

  constructor(bans: PackedBans, known: KnownBans, limits: ReadingLimits) {
    this.bans = bans;
    this.#known = known;
    this.#limits = limits;
  }

  get isTooLarge(): boolean {
    return this.bans.size > this.#limits.bans || this.bans.bytes > this.#limits.bytes;
  }

  /** Whether any ban that was known is left. */
  get hasKnown(): boolean {
    return this.#hasKnown;
  }

  /** Whether the store has any of those that it had lost before. */
  get hasKept(): boolean {
    return this.#hasKept;
  }

  get changes(): number {
    return this.#newer.size;
  }

  /** What the reading has come across. */
  take(key: string, of: BanRecordKey, ban: Ban): void {
    if (!this.#newer.has(key)) this.#put(key, of, ban);
  }

  /** What was read again since; undefined: it is gone. */
  takeChanged(key: string, of: BanRecordKey, ban: Ban | undefined): void {
    this.#newer.add(key);
    if (ban === undefined) this.bans.delete(of);
    else this.#put(key, of, ban);
  }

  #put(key: string, of: BanRecordKey, ban: Ban): void {
    this.bans.set(of, ban);
    const { table, kept, arrived } = this.#known;
    this.#hasKnown ||= table?.has(of) === true && !arrived.has(key);
    this.#hasKept ||= kept?.has(of) === true;
  }
}
