/** What every store of bans does, wherever it is. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Clock } from '#kernel/clock.ts';
import type { BanStore, BanToWrite, StoredBan } from '../../bans/store/ban-store.ts';
import { openBanStore, type BanPlace } from '../../bans/store/open-store.ts';

export const clock: Clock = { now: () => Date.now() };
const nowS = (): number => Date.now() / 1_000;
export const ban = (claim: string, value: string, more: Partial<BanToWrite> = {}): BanToWrite => ({
  claim,
  value,
  untilS: undefined,
  issuedBeforeS: undefined,
  reason: undefined,
  by: undefined,
  atS: undefined,
  ...more,
});

async function all<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const held: Item[] = [];
  for await (const item of items) held.push(item);
  return held;
}

/** Whatever is opened and started, in the order in which it ends. */
export const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const hostile = [
  'a=b',
  'a:b',
  ':',
  'x\ny',
  'x\u0000y',
  '"}\n{',
  '\ud800',
  'ß€😀',
  '["sub"]',
  '*?[a]',
  ' ',
];

/** What every store does. @param isHashed the store shows no values */
export function behavesAsAStore(placeOf: () => BanPlace, isHashed = false): void {
  let store: BanStore;
  const open = async (): Promise<BanStore> => {
    const opened = await openBanStore(placeOf(), { clock });
    ends.push(() => opened.close());
    return opened;
  };
  const shown = (value: string): string | undefined => (isHashed ? undefined : value);
  const valuesOf = (bans: readonly StoredBan[]) => bans.map(({ value }) => value).sort();
  beforeAll(async () => {
    store = await open();
  });

  test('a ban is put, found, told and removed, twice over', async () => {
    const untilS = Math.ceil(nowS()) + 3_600;
    const jo = ban('email', 'jo@example.org', { untilS, reason: 'case 12', by: 'me', atS: 5 });
    const kept = { ...jo, value: shown(jo.value) };
    for (const atS of [5, 6]) await store.put({ ...jo, atS });
    expect(await store.get('/email', 'JO@example.org')).toEqual([kept]);
    expect(await all(store.list())).toEqual([kept]);
    expect(await store.remove('email', jo.value)).toBe(true);
    expect(await store.remove('email', jo.value)).toBe(false);
    expect(await all(store.list())).toEqual([]);
  });

  test('one of older tokens never goes backwards, nor weakens one of all', async () => {
    const times = [500, 900, 100, 700];
    await store.put(ban('sub', '42'));
    const put = async (issuedBeforeS: number): Promise<void> => {
      const untilS = 2_000_000_000 + issuedBeforeS;
      await (await open()).put(ban('sub', '42', { issuedBeforeS, untilS }));
    };
    await Promise.all(times.map(put));
    const found = await store.get('sub', '42');
    expect(found.map(({ issuedBeforeS, untilS }) => [issuedBeforeS, untilS])).toEqual([
      [undefined, undefined],
      [900, 2_000_000_900],
    ]);
    expect(await store.remove('sub', '42')).toBe(true);
    expect(await store.get('sub', '42')).toEqual([]);
  });

  test('writers at once lose nothing', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const values = Array.from({ length: 18 }, (_, at) => `user-${at}`);
    const byAll = (does: (one: BanStore, value: string) => Promise<unknown>) =>
      Promise.all(
        stores.flatMap((one, turn) =>
          values.filter((_, at) => at % 3 === turn).map((value) => does(one, value)),
        ),
      );
    await byAll((one, value) => one.put(ban('sub', value)));
    const found = await all(store.list());
    expect(found).toHaveLength(18);
    if (!isHashed) expect(valuesOf(found)).toEqual([...values].sort());
    await byAll((one, value) => one.remove('sub', value));
    expect(await all(store.list())).toEqual([]);
  });

  test('values that could be taken for others are not', async () => {
    for (const value of hostile) await store.put(ban('/a~1b/c=d', value));
    for (const value of hostile) {
      expect(await store.get('/a~1b/c=d', value)).toHaveLength(1);
      expect(await store.get('/a/b/c=d', value)).toEqual([]);
    }
    if (!isHashed) expect(valuesOf(await all(store.list()))).toEqual([...hostile].sort());
    for (const value of hostile) expect(await store.remove('/a~1b/c=d', value)).toBe(true);
  });

  test('each change is told, and each end', async () => {
    const stop = new AbortController();
    const changes = store.watch(stop.signal)[Symbol.asyncIterator]();
    const next = async (): Promise<unknown> => {
      const told = await changes.next();
      return told.done === true ? undefined : [told.value.kind, told.value.ban.claim];
    };
    const first = next();
    // Changes count from the first `next` on.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const other = await open();
    await other.put(ban('email', 'x'));
    expect(await first).toEqual(['added', 'email']);
    await other.put(ban('sid', 'x', { untilS: nowS() + 1 }));
    expect(await next()).toEqual(['added', 'sid']);
    expect(await next()).toEqual(['ended', 'sid']);
    expect(await store.get('sid', 'x')).toEqual([]);
    await other.remove('email', 'x');
    expect(await next()).toEqual(['removed', 'email']);
    stop.abort();
    expect(await next()).toBeUndefined();
  });
}
