import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RedisStore } from '../../../../bans/store/redis-store.ts';
import { StoreFeed } from '../../../../bans/store/store-feed.ts';
import { readHmacKey } from '../../../../bans/store/hmac-key.ts';
import { hmacKeyId } from '../../../../sidecar/config/ban-records.ts';
import type {
  RedisReply,
  StoreConnection,
  StoredRecord,
} from '../../../../sidecar/redis/store-connection.ts';
import { jo, nowS } from '../../../fakes/banned-jo.ts';

const all = 'ban:all:[["email"],"jo@example.org"]';

/** Keys in memory, and the one script that is sent. */
class OneServer implements StoreConnection {
  readonly name = 'redis://one';
  readonly held = new Map<string, string>();
  readonly ends: string[] = [];
  isAway = false;
  beforeWrite: () => void = () => undefined;

  async readAll(onPiece: (records: readonly StoredRecord[]) => void): Promise<void> {
    await this.#here();
    // Each key comes twice, as it may.
    for (const [key, value] of [...this.held, ...this.held]) onPiece([{ key, value }]);
  }
  async read(keys: readonly string[]): Promise<readonly (string | null)[]> {
    await this.#here();
    return keys.map((key) => this.held.get(key) ?? null);
  }
  async command(key: string, words: readonly string[]): Promise<RedisReply> {
    await this.#here();
    const [name, , count, of = '', expected, next = '', until = ''] = words;
    expect([name, count, of]).toEqual(['EVAL', '1', key]);
    if (expected === undefined) return this.held.delete(key) ? 1 : 0;
    this.beforeWrite();
    const held = this.held.get(of) ?? '';
    if (held !== expected) return held;
    this.held.set(of, next);
    this.ends.push(until);
    return 1;
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  async #here(): Promise<void> {
    await Promise.resolve();
    if (this.isAway) throw new Error('away');
  }
}

function setUp({ hmacKey, isUp = true }: { hmacKey?: Uint8Array; isUp?: boolean } = {}) {
  const connection = new OneServer();
  const feed = new StoreFeed(20);
  if (isUp) feed.onUp();
  const clock = { nowS, now: () => clock.nowS * 1_000 };
  const store = new RedisStore({ connection, feed, prefix: 'ban:', hmacKey, clock });
  return { connection, feed, clock, store };
}

async function listed<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const held: Item[] = [];
  for await (const item of items) held.push(item);
  return held;
}

describe('bans in Redis', () => {
  test('end there when they end, rounded up', async () => {
    const { connection, store } = setUp();
    await store.put({ ...jo, untilS: nowS + 0.0001 });
    await store.put({ ...jo, untilS: nowS + 60, issuedBeforeS: nowS });
    expect(connection.ends).toEqual([`${nowS}001`, `${nowS + 60}000`]);
    expect([...connection.held.keys()]).toEqual([all, all.replace('all', 'before')]);
  });

  test('are compared before they are set, so that a writer in between is not lost', async () => {
    const { connection, store } = setUp();
    const before = all.replace('all', 'before');
    connection.beforeWrite = () => {
      connection.beforeWrite = () => undefined;
      const issuedBefore = new Date((nowS - 5) * 1_000).toISOString();
      connection.held.set(
        before,
        JSON.stringify({ claim: 'email', value: jo.value, issuedBefore }),
      );
    };
    await store.put({ ...jo, issuedBeforeS: nowS, untilS: nowS + 5 });
    expect(await store.get('email', jo.value)).toMatchObject([
      { issuedBeforeS: nowS, untilS: undefined },
    ]);
    expect(connection.ends).toEqual(['']);
  });

  test('a writer who is always too late is told so', async () => {
    const { connection, store } = setUp();
    let turns = 0;
    connection.beforeWrite = () => {
      turns += 1;
      connection.held.set(all, `${turns}`);
    };
    await expect(store.put(jo)).rejects.toMatchObject({ code: 'BAN_STORE_UNREACHABLE' });
  });

  test('what stands there and is no ban is passed over, and replaced', async () => {
    const { connection, store } = setUp();
    connection.held.set(all, 'no JSON');
    connection.held.set('ban:other', '{}');
    expect(await listed(store.list())).toEqual([]);
    await store.put(jo);
    expect(await listed(store.list())).toEqual([jo]);
  });

  test('one that has ended is not told, nor does it count for the next', async () => {
    const { store, clock } = setUp();
    await store.put({ ...jo, untilS: nowS + 5, issuedBeforeS: nowS + 4 });
    clock.nowS += 6;
    expect(await store.get('email', jo.value)).toEqual([]);
    await store.put({ ...jo, issuedBeforeS: nowS });
    expect(await store.get('email', jo.value)).toMatchObject([{ issuedBeforeS: nowS }]);
  });

  test('hold nothing of a value where there is a key to hash with', async () => {
    const { connection, store } = setUp({ hmacKey: Buffer.alloc(32, 1) });
    await store.put({ ...jo, reason: 'case 12' });
    expect(JSON.stringify([...connection.held])).not.toMatch(/jo|example/);
    expect(JSON.stringify([...connection.held])).toContain(hmacKeyId(Buffer.alloc(32, 1)));
    expect(await listed(store.list())).toEqual([{ ...jo, value: undefined, reason: 'case 12' }]);
    expect(await store.get('email', 'Jo@example.org')).toHaveLength(1);
    expect(await store.remove('email', jo.value)).toBe(true);
  });

  test('a ban of which more is said than fits in is refused', async () => {
    const { store } = setUp();
    const zeros = (length: number): string => '\0'.repeat(length);
    const most = { value: zeros(1_024), reason: zeros(256), by: zeros(2_048) };
    await expect(store.put({ ...jo, ...most })).rejects.toMatchObject({ code: 'BAN_INVALID' });
  });

  test('a store that was never there is a failure in the words of the connection', async () => {
    const { store, feed } = setUp({ isUp: false });
    feed.onDown('host:1 cannot be reached');
    for (const asked of [store.put(jo), store.get('sub', '1'), store.remove('sub', '1')])
      await expect(asked).rejects.toThrow('host:1 cannot be reached');
    await expect(listed(store.list())).rejects.toMatchObject({ code: 'BAN_STORE_UNREACHABLE' });
  });

  test('a store that goes away while it is listed is a failure', async () => {
    const { store, connection } = setUp();
    connection.isAway = true;
    await expect(listed(store.list())).rejects.toThrow('away');
  });
});

describe('a watch of bans in Redis', () => {
  async function watching() {
    const made = setUp();
    await made.store.put({ ...jo, claim: 'sub' });
    const stop = new AbortController();
    const troubles: (string | undefined)[] = [];
    const changes = made.store
      .watch(stop.signal, (why) => troubles.push(why))
      [Symbol.asyncIterator]();
    const next = async () => {
      const told = await changes.next();
      return told.done === true ? 'over' : `${told.value.kind} ${told.value.ban.claim}`;
    };
    const first = next();
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { ...made, stop, next, first, troubles };
  }

  test('tells what is written, removed and over', async () => {
    const { store, feed, clock, next, first } = await watching();
    await store.put({ ...jo, untilS: nowS + 60 });
    feed.onChanged([all]);
    expect(await first).toBe('added email');
    clock.nowS += 61;
    const second = next();
    feed.onChanged(['ban:other']);
    expect(await second).toBe('ended email');
    const third = next();
    await store.remove('sub', jo.value);
    feed.onChanged([all.replace('email', 'sub')]);
    expect(await third).toBe('removed sub');
  });

  test('one that the server ends a little before our clock does has ended', async () => {
    const { store, feed, connection, next, first } = await watching();
    await store.put({ ...jo, untilS: nowS + 1 });
    feed.onChanged([all]);
    await first;
    connection.held.delete(all);
    const second = next();
    feed.onChanged([all]);
    expect(await second).toBe('ended email');
  });

  test('goes on after the store was away, with all that changed meanwhile', async () => {
    const { store, feed, connection, next, first, stop, troubles } = await watching();
    connection.isAway = true;
    feed.onDown('away');
    feed.onChanged('all');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(troubles).toEqual(['away']);
    connection.isAway = false;
    connection.held.clear();
    await store.put(jo);
    feed.onUp();
    expect([await first, await next()]).toEqual(['removed sub', 'added email']);
    expect(troubles).toEqual(['away', undefined]);
    const end = next();
    stop.abort();
    expect(await end).toBe('over');
  });
});

test.each([
  ['k'.repeat(32), 32],
  // As the helper takes it, with its end of line.
  [`${'k'.repeat(32)}\n`, 33],
  ['k'.repeat(1_024), 1_024],
  ['k'.repeat(31), undefined],
  ['k'.repeat(1_025), undefined],
])('a key to hash with: %j', (text, length) => {
  const file = join(mkdtempSync(join(tmpdir(), 'svidecar-hmac-')), 'key');
  writeFileSync(file, text);
  if (length !== undefined) expect(readHmacKey(file)).toHaveLength(length);
  else expect(() => readHmacKey(file)).toThrow('32 to 1024 bytes');
  expect(() => readHmacKey(`${file}-none`)).toThrow('cannot read hmacKeyFile');
});
