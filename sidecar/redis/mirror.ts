/**
 * The list of bans in a store, held in memory and kept true by what the store tells. Through every fault the last known
 * list stays in force. A list larger than agreed on is not held: its bans are looked up.
 *
 * What keeps it right: whatever changed while the store was read is read again afterwards, and a key that was read again
 * is not overwritten by the reading, whose answer may be the older one.
 * @see docs/adr/0120-an-emptied-store-is-taken-for-a-fault.md
 */
import { backOffMs, type BackOff } from '#kernel/back-off.ts';
import type { Timers } from '#kernel/clock.ts';
import type { Log } from '#kernel/observe.ts';
import { banKinds, hashedBanId } from '../config/ban-records.ts';
import { hasEnded, type Ban } from '../config/ban-meaning.ts';
import { BanLookups, type FoundBans, type LookupTrouble } from './ban-lookups.ts';
import { ChangedKeys, type ChangedRecord } from './changed-keys.ts';
import { KeptBans, type SayOfStore } from './kept-bans.ts';
import { PackedBans } from './packed-bans.ts';
import { ReadFaults } from './read-faults.ts';
import { RecordReader } from './record-reader.ts';
import type { StoreConnection, StoreEvents, StoredRecord } from './store-connection.ts';
import { WholeReading } from './whole-reading.ts';

export interface MirrorOptions {
  readonly prefix: string;
  /** Bans held in memory; beyond, they are looked up. */
  readonly mirrored: number;
  /** Bytes of the same. */
  readonly mirroredBytes: number;
  /** Of a lookup. */
  readonly deadlineMs: number;
  /** The key under which ids are hashed; undefined: they are not. */
  readonly hmacKey: (() => Uint8Array) | undefined;
  readonly open: (events: StoreEvents) => StoreConnection;
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
}

export interface MirrorState {
  readonly store: string;
  readonly bans: number;
  /** False: bans are looked up. */
  readonly isWhole: boolean;
  readonly isConnected: boolean;
  /** Whether bans are in force that the store has lost all at once. */
  readonly hasLostAll: boolean;
  /** 0 before the first time. */
  readonly loadedAtS: number;
  /** Seconds since the list was known to be what the store holds. */
  readonly ageS: number;
  readonly refusedRecords: number;
  readonly lookups: BanLookups['counts'];
}

const readAgain: BackOff = { firstMs: 100, factor: 2, limitMs: 10_000, jitter: 0.5 };
/** Changes that wait at once; beyond, reading everything again costs less. */
const maxWaiting = 50_000;
/** How often a list that was too large is tried again. */
const tryWholeEveryMs = 3_600_000;

export class BanMirror {
  readonly #options: MirrorOptions;
  readonly #connection: StoreConnection;
  readonly #records: RecordReader;
  readonly #faults: ReadFaults;
  readonly #lookups: BanLookups;
  readonly #changes: ChangedKeys;
  readonly #seed: number;
  /** Undefined: bans are looked up. */
  #table: PackedBans | undefined;
  readonly #kept: KeptBans;
  #reading: WholeReading | undefined;
  /** Numbers readings: of an older one nothing is taken any more. */
  #turn = 0;
  #callOffRetry: (() => void) | undefined;
  #tryWholeAtMs = Infinity;
  /** From the moment at which changes may have been missed until everything has been read. */
  #isReadDue = true;
  #hasBeenUp = false;
  #isUp = false;
  #trueAtMs: number;
  #loadedAtS = 0;

  constructor(options: MirrorOptions) {
    this.#options = options;
    const { prefix, deadlineMs, timers, random, log, hmacKey } = options;
    this.#seed = Math.floor(random() * 2 ** 32);
    this.#trueAtMs = timers.now();
    const connection = options.open(this.#events());
    this.#connection = connection;
    const records = new RecordReader({ store: connection.name, prefix, hmacKey, log });
    this.#records = records;
    const say: SayOfStore = (level, fields, words) => {
      this.#say(level, fields, words);
    };
    this.#kept = new KeptBans(say, maxWaiting);
    const isUp = (): boolean => this.#isUp;
    const reads = { store: connection.name, isUp, log };
    const faults = new ReadFaults({ ...reads, harm: 'its changes wait: it is tried again' });
    this.#faults = faults;
    const harm = 'whoever is looked up passes';
    const looking = { connection, records, prefix, deadlineMs, timers };
    this.#lookups = new BanLookups({ ...looking, faults: new ReadFaults({ ...reads, harm }) });
    const onRead = (changed: readonly ChangedRecord[]): void => {
      this.#takeChanged(changed);
    };
    this.#changes = new ChangedKeys({ connection, timers, random, onRead, faults });
  }

  /** False until the store was reached for the first time. */
  get isLoaded(): boolean {
    return this.#hasBeenUp;
  }

  /** @param key of `banKey`. Undefined: it is not known without a lookup. */
  find(key: string): readonly Ban[] | undefined {
    const id = this.#idOf(key);
    const bans = this.#table === undefined ? this.#lookups.find(id) : this.#held(this.#table, id);
    return bans && this.#inForce(bans);
  }

  /** Of values of which `find` knows nothing. Never rejects. */
  async lookUp(keys: ReadonlySet<string>): Promise<FoundBans | LookupTrouble> {
    const ids = new Map([...keys].map((key) => [key, this.#idOf(key)]));
    const found = await this.#lookups.lookUp(new Set(ids.values()));
    if (typeof found === 'string') return found;
    return new Map([...ids].map(([key, id]) => [key, this.#inForce(found.get(id) ?? [])]));
  }

  state(): MirrorState {
    const nowMs = this.#options.timers.now();
    return {
      store: this.#connection.name,
      bans: (this.#table?.size ?? 0) + (this.#kept.bans?.size ?? 0),
      isWhole: this.#table !== undefined,
      isConnected: this.#isUp,
      hasLostAll: this.#kept.bans !== undefined,
      loadedAtS: this.#loadedAtS,
      ageS: this.#isTrue() ? 0 : Math.max(0, Math.floor((nowMs - this.#trueAtMs) / 1_000)),
      refusedRecords: this.#records.refused,
      lookups: this.#lookups.counts,
    };
  }

  /** Comes about once a second. */
  tidy(): void {
    const nowMs = this.#options.timers.now();
    if (this.#isTrue()) this.#trueAtMs = nowMs;
    this.#table?.deleteEnded(nowMs / 1_000);
    this.#kept.tidy(nowMs);
    if (nowMs >= this.#tryWholeAtMs && this.#isUp) this.#readAll();
  }

  /** What was hashed under the one before is not looked for any more. */
  takeNewKey(): void {
    this.#lookups.forgetAll();
    this.#table = undefined;
    this.#kept.clear();
    if (this.#isUp) this.#readAll();
  }

  close(): void {
    this.#turn += 1;
    this.#callOffRetry?.();
    this.#changes.close();
    // What still waits there is told of nothing.
    void this.#connection.close().catch(() => undefined);
  }

  #idOf(key: string): string {
    const { hmacKey } = this.#options;
    return hmacKey === undefined ? key : hashedBanId(key, hmacKey());
  }

  #held(table: PackedBans, id: string): readonly Ban[] {
    const bans: Ban[] = [];
    for (const kind of banKinds) {
      const ban = table.find({ kind, id }) ?? this.#kept.find({ kind, id });
      if (ban !== undefined) bans.push(ban);
    }
    return bans;
  }

  #inForce(bans: readonly Ban[]): readonly Ban[] {
    if (bans.length === 0) return bans;
    const nowS = this.#options.timers.now() / 1_000;
    return bans.filter((ban) => !hasEnded(ban, nowS));
  }

  /** Whether what is known is what the store holds. */
  #isTrue(): boolean {
    if (!this.#isUp) return false;
    return this.#table === undefined || (!this.#isReadDue && this.#changes.size === 0);
  }

  #events(): StoreEvents {
    return {
      onUp: () => {
        this.#isUp = true;
        this.#hasBeenUp = true;
        this.#say('info', {}, 'connected to the store of bans');
        // Changes may have been missed.
        this.#lookups.forgetAll();
        this.#changes.restart();
        this.#readAll();
      },
      onDown: (why) => {
        this.#isUp = false;
        this.#endReading();
        this.#say('warn', { why }, `the store of bans is away, ${this.#stateOfBans()}`);
      },
      onChanged: (keys) => {
        if (keys === 'all') this.#lookups.forgetAll();
        else this.#noteChanged(keys);
        if (keys === 'all' && this.#isUp) this.#readAll();
      },
    };
  }

  #stateOfBans(): string {
    if (this.#table !== undefined) return 'the last known list stays in force';
    return this.#hasBeenUp
      ? 'and bans are looked up there: whoever is not known from the last answers passes'
      : 'there is no list of bans yet: nobody is banned';
  }

  #noteChanged(keys: readonly string[]): void {
    for (const key of keys) {
      const of = this.#records.keyOf(key);
      if (of !== undefined) this.#lookups.forget(of.id);
    }
    if (this.#table === undefined && this.#reading === undefined) return;
    this.#changes.add(keys);
    if (this.#changes.size > maxWaiting) this.#readInstead();
  }

  /** So much has changed that reading everything costs less. */
  #readInstead(): void {
    this.#changes.forget();
    if (this.#isUp) this.#readAll();
  }

  #takeChanged(records: readonly ChangedRecord[]): void {
    for (const record of records) this.#change(record);
    this.#kept.endOnceNone();
    this.#boundMemory();
    if ((this.#reading?.changes ?? 0) > maxWaiting) this.#readInstead();
    if (this.#isTrue()) this.#faults.end();
  }

  #change({ key, value }: ChangedRecord): void {
    const of = this.#records.keyOf(key);
    const ban = value === null ? undefined : this.#records.banIn(of, value);
    if (of === undefined) return;
    const table = this.#table;
    if (this.#isReadDue) this.#kept.noteArrival(key, table?.has(of) === true, ban !== undefined);
    this.#reading?.takeChanged(key, of, ban);
    this.#kept.delete(of);
    if (ban === undefined) table?.delete(of);
    else table?.set(of, ban);
  }

  #endReading(): void {
    this.#turn += 1;
    this.#reading = undefined;
    this.#callOffRetry?.();
    this.#callOffRetry = undefined;
  }

  #readAll(failures = 0): void {
    this.#endReading();
    if (!this.#isReadDue) this.#kept.beginLoss(this.#table?.size ?? 0);
    this.#isReadDue = true;
    if (this.#options.mirrored > 0) void this.#read(this.#turn, failures);
  }

  async #read(turn: number, failures: number): Promise<void> {
    const startedMs = this.#options.timers.now();
    const reading = this.#startReading();
    try {
      await this.#connection.readAll((records) => {
        if (turn !== this.#turn) throw new Error('nobody waits for this reading any more');
        this.#takePiece(reading, records);
      });
      if (turn === this.#turn) this.#finish(reading, startedMs);
    } catch (thrown) {
      if (turn !== this.#turn) return;
      if (reading.isTooLarge) this.#lookUpFromNowOn();
      else this.#retry(thrown, failures);
    }
  }

  #startReading(): WholeReading {
    const { mirrored, mirroredBytes, timers } = this.#options;
    this.#kept.noteEnded(this.#table?.deleteEnded(timers.now() / 1_000) ?? 0);
    const { bans: kept, arrived } = this.#kept;
    const known = { table: this.#table, kept, arrived };
    const limits = { bans: mirrored, bytes: mirroredBytes };
    this.#reading = new WholeReading(new PackedBans(this.#seed), known, limits);
    return this.#reading;
  }

  /** @throws {Error} as soon as it is too large: it ends the reading */
  #takePiece(reading: WholeReading, records: readonly StoredRecord[]): void {
    const nowS = this.#options.timers.now() / 1_000;
    for (const record of records) {
      const of = this.#records.keyOf(record.key);
      const ban = this.#records.banIn(of, record.value);
      if (of === undefined || ban === undefined || hasEnded(ban, nowS)) continue;
      reading.take(record.key, of, ban);
    }
    if (reading.isTooLarge) throw new Error('more bans than are held in memory');
  }

  #finish(reading: WholeReading, startedMs: number): void {
    const nowMs = this.#options.timers.now();
    this.#kept.settle(reading, this.#table, nowMs);
    this.#reading = undefined;
    this.#isReadDue = false;
    this.#table = reading.bans;
    this.#tryWholeAtMs = Infinity;
    this.#loadedAtS = Math.floor(nowMs / 1_000);
    if (this.#isTrue()) {
      this.#faults.end();
      // Until the next second, or the list would seem to be older than it is.
      this.#trueAtMs = nowMs;
    }
    const { size, bytes } = reading.bans;
    this.#say('info', { bans: size, bytes, ms: nowMs - startedMs }, 'list of bans read');
    this.#boundMemory();
  }

  #retry(thrown: unknown, failures: number): void {
    const { timers, random } = this.#options;
    this.#faults.note(thrown);
    const delayMs = backOffMs(readAgain, failures, random());
    this.#callOffRetry = timers.after(delayMs, () => {
      this.#readAll(failures + 1);
    });
  }

  #boundMemory(): void {
    const { mirrored, mirroredBytes } = this.#options;
    const held = [this.#table, this.#kept.bans].filter((bans) => bans !== undefined);
    const areTooMany = (): boolean =>
      held.reduce((sum, { bytes }) => sum + bytes, 0) > mirroredBytes;
    if (areTooMany()) for (const bans of held) bans.compact();
    if ((this.#table?.size ?? 0) > mirrored || areTooMany()) this.#lookUpFromNowOn();
  }

  #lookUpFromNowOn(): void {
    const { mirrored, mirroredBytes, timers } = this.#options;
    this.#endReading();
    if (this.#table !== undefined || this.#tryWholeAtMs === Infinity)
      this.#say(
        'warn',
        { mirrored, mirroredBytes },
        'the list of bans is too large for the memory: bans are looked up',
      );
    this.#table = undefined;
    this.#kept.clear();
    this.#changes.forget();
    this.#tryWholeAtMs = timers.now() + tryWholeEveryMs;
  }

  #say(level: 'info' | 'warn' | 'error', fields: object, words: string): void {
    this.#options.log[level]({ store: this.#connection.name, ...fields }, words);
  }
}
