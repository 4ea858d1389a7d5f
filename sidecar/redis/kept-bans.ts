/**
 * Bans that a store has lost all at once, as after FLUSHALL: they stay in force for a while. What tells such a loss from
 * bans that were taken off one by one is counted here too.
 * @see docs/adr/0120-an-emptied-store-is-taken-for-a-fault.md
 */
import type { BanRecordKey } from '../config/ban-records.ts';
import type { Ban } from '../config/ban-meaning.ts';
import type { PackedBans } from './packed-bans.ts';
import type { WholeReading } from './whole-reading.ts';

/** A line of the log about the store. */
export type SayOfStore = (level: 'info' | 'warn' | 'error', fields: object, words: string) => void;

/** How long they stay in force. */
const keptForMs = 24 * 3_600_000;

export class KeptBans {
  readonly #say: SayOfStore;
  readonly #mostArrived: number;
  #kept: { readonly bans: PackedBans; readonly sinceMs: number } | undefined;
  /** Keys that came into the list since a reading is due, and how many others there are. */
  readonly arrived = new Set<string>();
  #known = 0;

  /** @param mostArrived keys that are told from those that were there */
  constructor(say: SayOfStore, mostArrived: number) {
    this.#say = say;
    this.#mostArrived = mostArrived;
  }

  /** Undefined: none are kept. */
  get bans(): PackedBans | undefined {
    return this.#kept?.bans;
  }

  find(of: BanRecordKey): Ban | undefined {
    return this.#kept?.bans.find(of);
  }

  /** The store has said something about it. */
  delete(of: BanRecordKey): void {
    this.#kept?.bans.delete(of);
  }

  clear(): void {
    this.#kept = undefined;
  }

  /** From now on the store may have lost what is known. */
  beginLoss(known: number): void {
    this.#known = known;
  }

  /** So many known bans have ended by themselves. */
  noteEnded(count: number): void {
    this.#known -= count;
  }

  noteArrival(key: string, wasThere: boolean, isThere: boolean): void {
    if (!wasThere && this.arrived.size < this.#mostArrived) this.arrived.add(key);
    if (wasThere && !isThere && !this.arrived.has(key)) this.#known -= 1;
  }

  /** All has been read: has the store lost everything, or found it again? @param table what was in force until now */
  settle(
    reading: Pick<WholeReading, 'hasKnown' | 'hasKept'>,
    table: PackedBans | undefined,
    nowMs: number,
  ): void {
    if (!reading.hasKnown && this.#known > 0) this.#keep(table, nowMs);
    else if (reading.hasKept) this.#kept = undefined;
    this.arrived.clear();
  }

  tidy(nowMs: number): void {
    this.#kept?.bans.deleteEnded(nowMs / 1_000);
    this.endOnceNone();
    if (this.#kept === undefined || nowMs < this.#kept.sinceMs + keptForMs) return;
    this.#kept = undefined;
    this.#say('warn', {}, 'the bans that the store has lost a day ago are not in force any more');
  }

  /** Each was written anew, was taken off or has ended. */
  endOnceNone(): void {
    if (this.#kept?.bans.size !== 0) return;
    this.#kept = undefined;
    this.#say('info', {}, 'none of the bans that the store had lost is kept any more');
  }

  #keep(lost: PackedBans | undefined, nowMs: number): void {
    if (lost === undefined) return;
    if (this.#kept !== undefined) lost.fillUpFrom(this.#kept.bans);
    this.#kept = { bans: lost, sinceMs: nowMs };
    const words =
      'the store has lost all bans at once: the last known list stays in force for a day';
    this.#say('error', { bans: lost.size }, words);
  }
}
