/** Changes of the bans in Redis, told one by one. The whole list is held meanwhile. */
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import type { StoreConnection, StoredRecord } from '../../sidecar/redis/store-connection.ts';
import { hasEnded } from '../../sidecar/config/ban-meaning.ts';
import { writeRecord } from '../../sidecar/config/ban-records.ts';
import type { BanChange, OnTrouble, StoredBan } from './ban-store.ts';
import type { Changed, StoreFeed } from './store-feed.ts';

export interface RecordSource {
  readonly connection: StoreConnection;
  readonly feed: StoreFeed;
  readonly clock: Clock;
  /** Those in force. */
  readonly read: (records: readonly StoredRecord[]) => readonly StoredBan[];
  readonly commandMs: number;
  readonly onTrouble: OnTrouble;
}

/** Milliseconds: a timer cannot wait longer than 24 days. */
const longestWaitMs = 3_600_000;
/** Milliseconds until a reading that failed is tried again, unless the store comes back sooner. */
const againMs = 2_000;
/** Seconds by which the server's clock may be ahead of ours when it lets a ban expire. */
const skewS = 2;

/** Until `signal` aborts. The first reading is told to nobody. @throws {AppError} BAN_STORE_UNREACHABLE for the first reading */
export async function* followRecords(
  store: RecordSource,
  signal: AbortSignal,
): AsyncGenerator<BanChange> {
  const tell = onceEach(store.onTrouble);
  const watcher = store.feed.watcher(tell);
  try {
    const known = await readAll(store);
    let isStale = false;
    for (;;) {
      const waitMs = isStale ? againMs : nextEndMs(known.values(), store.clock);
      const changed = await watcher.changed(waitMs, signal);
      if (signal.aborted) return;
      const isAll = isStale || changed.isAll;
      const read = await readChanged({ ...changed, isAll }, known, { ...store, onTrouble: tell });
      isStale = read === undefined;
      // Only what was asked for tells that the store is there.
      if (isAll && !isStale) tell(undefined);
      yield* ended(known, store.clock);
      yield* taken(read ?? new Map(), known, store.clock);
    }
  } finally {
    watcher.end();
  }
}

function onceEach(onTrouble: OnTrouble): OnTrouble {
  let told: string | undefined;
  return (why) => {
    if (why === told) return;
    told = why;
    onTrouble(why);
  };
}

type Known = Map<string, StoredBan>;
/** By key; undefined: it is not there. */
type Read = ReadonlyMap<string, StoredBan | undefined>;

async function readAll({ connection, read }: RecordSource): Promise<Known> {
  const all: Known = new Map();
  await connection.readAll((records) => {
    for (const record of records) for (const ban of read([record])) all.set(record.key, ban);
  });
  return all;
}

/** Undefined where the store is away. */
async function readChanged(
  { isAll, keys }: Changed,
  known: Known,
  store: RecordSource,
): Promise<Read | undefined> {
  try {
    if (!isAll) return await readKeys(keys, store);
    const all = await readAll(store);
    const gone = [...known.keys()].filter((key) => !all.has(key));
    return new Map([...gone.map((key) => [key, undefined] as const), ...all]);
  } catch (thrown) {
    store.onTrouble(messageOf(thrown));
    return undefined;
  }
}

async function readKeys(keys: readonly string[], store: RecordSource): Promise<Read> {
  const values = keys.length === 0 ? [] : await store.connection.read(keys, store.commandMs);
  return new Map(
    keys.map((key, at) => {
      const value = values[at];
      return [key, typeof value === 'string' ? store.read([{ key, value }])[0] : undefined];
    }),
  );
}

function nextEndMs(bans: Iterable<StoredBan>, clock: Clock): number {
  let nextS = Infinity;
  for (const { untilS } of bans) nextS = Math.min(nextS, untilS ?? Infinity);
  return Math.min(Math.max(nextS * 1_000 - clock.now(), 1), longestWaitMs);
}

function* ended(known: Known, clock: Clock): Generator<BanChange> {
  const nowS = clock.now() / 1_000;
  for (const [key, ban] of known) {
    if (!hasEnded(ban, nowS)) continue;
    known.delete(key);
    yield { kind: 'ended', ban };
  }
}

function* taken(read: Read, known: Known, clock: Clock): Generator<BanChange> {
  const nowS = clock.now() / 1_000;
  for (const [key, ban] of read) {
    const before = known.get(key);
    if (ban === undefined) {
      known.delete(key);
      const kind = before !== undefined && hasEnded(before, nowS + skewS) ? 'ended' : 'removed';
      if (before !== undefined) yield { kind, ban: before };
    } else if (before === undefined || writeRecord(before) !== writeRecord(ban)) {
      known.set(key, ban);
      yield { kind: 'added', ban };
    }
  }
}
