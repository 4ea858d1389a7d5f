/** A store of bans in Redis: a key for each value and kind of ban. @see sidecar/config/ban-records.ts */
import { AppError } from '#kernel/errors.ts';
import type { Clock } from '#kernel/clock.ts';
import { hasEnded } from '../../sidecar/config/ban-meaning.ts';
import {
  banId,
  banKinds,
  hmacKeyId,
  kindOfBan,
  maxRecordBytes,
  readRecord,
  readRecordKey,
  recordKey,
  writeRecord,
  type BanKind,
  type ReadRecord,
} from '../../sidecar/config/ban-records.ts';
import { claimPath } from '../../sidecar/config/ban-values.ts';
import type { StoreConnection, StoredRecord } from '../../sidecar/redis/store-connection.ts';
import {
  invalid,
  keyOf,
  keyOfBan,
  mergedBan,
  type BanChange,
  type BanStore,
  type BanToWrite,
  type OnTrouble,
  type StoredBan,
} from './ban-store.ts';
import { followRecords } from './follow-records.ts';
import type { StoreFeed } from './store-feed.ts';

export interface RedisStoreOptions {
  readonly connection: StoreConnection;
  readonly feed: StoreFeed;
  readonly prefix: string;
  /** Where there is one, the store holds no values. */
  readonly hmacKey: Uint8Array | undefined;
  readonly clock: Clock;
}

/** Milliseconds for one command. */
const commandMs = 2_000;
/** Tries of one change: each that is lost means that another writer was served. */
const tries = 20;

/**
 * Sets KEYS[1] to ARGV[2], until ARGV[3] (Unix milliseconds; empty: for good), but only if it holds ARGV[1] (empty:
 * nothing). Gives 1, or what it holds instead. What is longer than a record is none, nor is a list,
 * a set or the like.
 */
const compareAndSet = `
local held = redis.pcall('GETRANGE', KEYS[1], 0, ${maxRecordBytes})
if type(held) == 'table' then
  if not string.find(held.err, 'WRONGTYPE', 1, true) then return held end
  held = ''
end
if #held > ${maxRecordBytes} then held = '' end
if held ~= ARGV[1] then return held end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3]) end
return 1`;

/**
 * Deletes KEYS[1], and gives 1 where it was there. Where it was not, helpers are told of it all the same: they keep bans
 * that a store has lost, and this one is to go.
 */
const remove = `
local was = redis.call('DEL', KEYS[1])
if was == 0 then
  redis.call('SET', KEYS[1], '')
  redis.call('DEL', KEYS[1])
end
return was`;

export class RedisStore implements BanStore {
  readonly #options: RedisStoreOptions;
  readonly #hmacId: string | undefined;

  constructor(options: RedisStoreOptions) {
    this.#options = options;
    this.#hmacId = options.hmacKey && hmacKeyId(options.hmacKey);
  }

  get name(): string {
    return this.#options.connection.name;
  }

  async put(ban: BanToWrite): Promise<StoredBan> {
    keyOfBan(ban);
    const kind = kindOfBan(ban);
    const { id, key } = this.#keyFor(kind, ban);
    await this.#options.feed.firstUp();
    const [text] = await this.#options.connection.read([key], commandMs);
    let held = Buffer.byteLength(text ?? '') > maxRecordBytes ? '' : (text ?? '');
    for (let lost = 0; lost < tries; lost += 1) {
      const present = this.#inForce(readRecord({ kind, id }, held, this.#hmacId));
      const merged = mergedBan(present, ban);
      if (merged === present) return present;
      const now = await this.#swap(key, held, { ...merged, value: this.#kept(ban.value) });
      if (now === undefined) return merged;
      held = now;
    }
    const words = `others changed it ${tries} times meanwhile; try again`;
    throw new AppError('BAN_STORE_UNREACHABLE', `${this.name}: ${words}`);
  }

  async remove(claim: string, value: string): Promise<boolean> {
    keyOf(claim, value);
    const { connection, feed } = this.#options;
    await feed.firstUp();
    const replies = await Promise.all(
      this.#keysFor(claim, value).map(({ key }) =>
        connection.command(key, ['EVAL', remove, '1', key], commandMs),
      ),
    );
    return replies.some((reply) => reply !== 0);
  }

  async get(claim: string, value: string): Promise<readonly StoredBan[]> {
    keyOf(claim, value);
    const { connection, feed } = this.#options;
    await feed.firstUp();
    const keys = this.#keysFor(claim, value).map(({ key }) => key);
    const texts = await connection.read(keys, commandMs);
    return keys.flatMap((key, at) => {
      const text = texts[at];
      return typeof text === 'string' ? this.#bansIn([{ key, value: text }]) : [];
    });
  }

  async *list(): AsyncGenerator<StoredBan> {
    const { connection, feed } = this.#options;
    await feed.firstUp();
    const pieces: (readonly StoredBan[])[] = [];
    let wake: () => void = () => undefined;
    let isOver = false;
    // Redis may give a key twice.
    const seen = new Set<string>();
    const reading = connection
      .readAll((records) => {
        pieces.push(this.#bansIn(records.filter(({ key }) => isNew(seen, key))));
        wake();
      })
      .finally(() => {
        isOver = true;
        wake();
      });
    // A failure is thrown below; until then somebody must have asked for it.
    reading.catch(() => undefined);
    const isAtEnd = (): boolean => isOver;
    while (pieces.length > 0 || !isAtEnd()) {
      const piece = pieces.shift();
      if (piece !== undefined) yield* piece;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    await reading;
  }

  async *watch(
    signal: AbortSignal,
    onTrouble: OnTrouble = () => undefined,
  ): AsyncGenerator<BanChange> {
    const { connection, feed, clock } = this.#options;
    await feed.firstUp();
    const read = (records: readonly StoredRecord[]): readonly StoredBan[] => this.#bansIn(records);
    yield* followRecords({ connection, feed, clock, read, commandMs, onTrouble }, signal);
  }

  async close(): Promise<void> {
    this.#options.feed.end();
    await this.#options.connection.close();
  }

  /** Undefined: done; else what is there instead. */
  async #swap(key: string, held: string, ban: StoredBan): Promise<string | undefined> {
    const text = writeRecord(ban, this.#hmacId);
    if (Buffer.byteLength(text) > maxRecordBytes)
      throw invalid('all that is said of it', `less than ${maxRecordBytes} bytes`);
    const until = ban.untilS === undefined ? '' : `${Math.ceil(ban.untilS * 1_000)}`;
    const words = ['EVAL', compareAndSet, '1', key, held, text, until];
    const reply = await this.#options.connection.command(key, words, commandMs);
    return typeof reply === 'string' ? reply : undefined;
  }

  #kept(value: string): string | undefined {
    return this.#options.hmacKey === undefined ? value : undefined;
  }

  #keysFor(claim: string, value: string): readonly { readonly key: string }[] {
    return banKinds.map((kind) => this.#keyFor(kind, { claim, value }));
  }

  /** @param of can be banned */
  #keyFor(
    kind: BanKind,
    of: { readonly claim: string; readonly value: string },
  ): { readonly id: string; readonly key: string } {
    const { hmacKey, prefix } = this.#options;
    const id = banId(claimPath(of.claim) ?? [], of.value, hmacKey) ?? '';
    return { id, key: recordKey(prefix, kind, id) };
  }

  #inForce(read: ReadRecord): StoredBan | undefined {
    const isInForce =
      read.kind === 'record' && !hasEnded(read.record, this.#options.clock.now() / 1_000);
    return isInForce ? read.record : undefined;
  }

  /** Those in force; what is no ban is passed over. */
  #bansIn(records: readonly StoredRecord[]): readonly StoredBan[] {
    return records.flatMap(({ key, value }) => {
      const of = readRecordKey(this.#options.prefix, key);
      return (of && this.#inForce(readRecord(of, value, this.#hmacId))) ?? [];
    });
  }
}

function isNew(seen: Set<string>, key: string): boolean {
  const before = seen.size;
  return seen.add(key).size > before;
}
