import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { chmodSync, lstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BanChange } from '../../../../bans/store/ban-store.ts';
import { FileHome, type FileTimes } from '../../../../bans/store/file-home.ts';
import { ListStore } from '../../../../bans/store/list-store.ts';
import { readBanList } from '../../../../sidecar/config/ban-list.ts';
import { jo, nowS } from '../../../fakes/banned-jo.ts';

const fast: FileTimes = { retryMs: 1, staleMs: 20_000, patienceMs: 30_000, lookMs: 20 };

function setUp(text?: string) {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-bans-'));
  const file = join(folder, 'bans.jsonl');
  if (text !== undefined) writeFileSync(file, text);
  const clock = { nowS, now: () => clock.nowS * 1_000 };
  const open = (): ListStore => new ListStore(new FileHome(file, fast), clock);
  return { folder, file, clock, open, store: open(), text: () => readFileSync(file, 'utf8') };
}

async function all<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const held: Item[] = [];
  for await (const item of items) held.push(item);
  return held;
}

/** Bans by their key, as a helper reads the file. */
function asHelpersRead(text: string): number {
  const reading = readBanList(text, 'bans');
  let step = reading.next();
  while (step.done !== true) step = reading.next();
  return step.value.size;
}

describe('a list of bans in a file', () => {
  test('a device without an end is not read to its end, and what is no file is not replaced', async () => {
    const { folder, clock } = setUp();
    await expect(new FileHome('/dev/zero', fast).read()).rejects.toMatchObject({
      code: 'BAN_STORE_FULL',
    });
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const store = new ListStore(new FileHome(pipe, fast), clock);
    await expect(store.put(jo)).rejects.toMatchObject({ code: 'BAN_STORE_UNREACHABLE' });
    await expect(store.put(jo)).rejects.toThrow('it is no regular file');
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect(readdirSync(folder)).toEqual(['pipe']);
  });

  test('is made with its first ban', async () => {
    const { store, text } = setUp();
    await store.put({ ...jo, untilS: nowS + 60, reason: 'case 12', by: 'me', atS: nowS });
    expect(text()).toBe(
      '{"claim":"email","value":"jo@example.org","until":"2027-01-15T08:01:00.000Z","reason":"case 12","by":"me","at":"2027-01-15T08:00:00.000Z"}\n',
    );
    expect(await store.get('/email', 'JO@example.org')).toEqual([
      { ...jo, untilS: nowS + 60, reason: 'case 12', by: 'me', atS: nowS },
    ]);
  });

  test('keeps comments, order and the spelling of other lines', async () => {
    const others = '# by hand\r\n\n  {"value": 42, "claim": "sub"}  \n# the end';
    const { store, text } = setUp(others);
    await store.put(jo);
    const line = '{"claim":"email","value":"jo@example.org"}\n';
    expect(text()).toBe(`${others}\n${line}`);
    expect(await store.remove('email', jo.value)).toBe(true);
    expect(text()).toBe(`${others}\n`);
    expect(await store.remove('email', jo.value)).toBe(false);
  });

  test('puts a ban in the place of the one before, and joins those of one kind', async () => {
    const { store, text } = setUp(
      '{"claim":"email","value":"JO@example.org"}\n# between\n{"claim":"/email","value":"jo@example.org","until":"2030-01-01T00:00:00Z"}\n',
    );
    await store.put({ ...jo, untilS: nowS + 60 });
    expect(text().split('\n')).toEqual([
      '{"claim":"email","value":"jo@example.org","until":"2027-01-15T08:01:00.000Z"}',
      '# between',
      '',
    ]);
  });

  test('is not written again for what it says already', async () => {
    const { store, file } = setUp();
    await store.put({ ...jo, reason: 'case 12', by: 'me', atS: nowS });
    const { ino } = statSync(file);
    await store.put({ ...jo, reason: 'case 12', by: 'you', atS: nowS + 5 });
    expect(statSync(file).ino).toBe(ino);
  });

  test('a ban of older tokens stands beside that of all, and never goes backwards', async () => {
    const { store } = setUp();
    await store.put(jo);
    await store.put({ ...jo, issuedBeforeS: nowS, untilS: nowS + 50 });
    await store.put({ ...jo, issuedBeforeS: nowS - 10, untilS: nowS + 60 });
    expect(await store.get('email', jo.value)).toEqual([
      jo,
      { ...jo, issuedBeforeS: nowS, untilS: nowS + 60 },
    ]);
    await store.put({ ...jo, issuedBeforeS: nowS - 10 });
    expect((await store.get('email', jo.value))[1]).toMatchObject({ untilS: undefined });
    expect(await store.remove('email', jo.value)).toBe(true);
    expect(await all(store.list())).toEqual([]);
  });

  test('bans that have ended are not told, and are taken out a day later', async () => {
    const { store, clock, text } = setUp();
    await store.put({ ...jo, untilS: nowS + 60 });
    clock.nowS += 61;
    expect(await all(store.list())).toEqual([]);
    await store.put({ ...jo, value: 'al@example.org' });
    expect(text()).toContain('jo@');
    clock.nowS += 24 * 3_600;
    await store.put({ ...jo, value: 'bo@example.org' });
    expect(text()).not.toContain('jo@');
    expect(text()).toContain('al@');
  });

  test.each([
    'a=b:c',
    'a\nb\u0000c',
    '"}\n{"claim":"sub","value":"42"}',
    '\ud800',
    '# no comment',
    '€😀',
  ])('holds the value %j as one line', async (value) => {
    const { store, text } = setUp();
    await store.put({ ...jo, claim: '/a~1b/c=d', value });
    expect(asHelpersRead(text())).toBe(1);
    expect(await store.get('/a~1b/c=d', value)).toHaveLength(1);
    expect(await store.get('/a/b/c=d', value)).toEqual([]);
    expect(await store.remove('/a~1b/c=d', value)).toBe(true);
  });

  test.each([
    [{ claim: '' }, 'the claim'],
    [{ claim: '/a~2' }, 'the claim'],
    [{ claim: 'x'.repeat(257) }, 'the claim'],
    [{ value: '' }, 'the value'],
    [{ value: 'x'.repeat(1_025) }, 'the value'],
    [{ reason: 'x'.repeat(257) }, 'the reason'],
    [{ untilS: Number.NaN }, 'each time'],
    [{ issuedBeforeS: 1e15 }, 'each time'],
  ])('refuses %j', async (wrong, what) => {
    const { store, folder } = setUp();
    await expect(store.put({ ...jo, ...wrong })).rejects.toMatchObject({
      code: 'BAN_INVALID',
      message: expect.stringContaining(what) as unknown,
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a list that helpers refuse is not changed', async () => {
    const broken = '{"claim":"email","value":"al@example.org"}\nno JSON\n';
    const { store, text, file } = setUp(broken);
    await expect(store.put(jo)).rejects.toMatchObject({
      code: 'BAN_LIST_INVALID',
      message: expect.stringContaining(`${file} line 2`) as unknown,
    });
    expect(text()).toBe(broken);
  });

  test('a full list says so and stays', async () => {
    const { store, text } = setUp(`# ${'x'.repeat(16 * 1_024 * 1_024 - 40)}\n`);
    await expect(store.put(jo)).rejects.toMatchObject({ code: 'BAN_STORE_FULL' });
    expect(text()).not.toContain('jo@');
  });

  test('keeps its permissions, and is followed through a link', async () => {
    const { folder, file, clock } = setUp('');
    chmodSync(file, 0o600);
    const link = join(folder, 'link');
    symlinkSync(file, link);
    await new ListStore(new FileHome(link, fast), clock).put(jo);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).sort()).toEqual(['bans.jsonl', 'link']);
  });

  test('writers at once lose nothing', async () => {
    const { open, store } = setUp('# kept\n');
    const values = Array.from({ length: 24 }, (_, at) => `user-${at}`);
    await Promise.all(values.map((value) => open().put({ ...jo, claim: 'sub', value })));
    await Promise.all(values.slice(0, 12).map((value) => open().remove('sub', value)));
    expect((await all(store.list())).map(({ value }) => value).sort()).toEqual(
      values.slice(12).sort(),
    );
  });

  test('a lock that was left behind is taken over, by one at a time', async () => {
    const { file, clock, store, folder } = setUp('');
    writeFileSync(`${file}.lock`, '');
    // Long against a live writer on a busy machine.
    const open = () => new ListStore(new FileHome(file, { ...fast, staleMs: 500 }), clock);
    await Promise.all([1, 2, 3, 4].map((id) => open().put({ ...jo, value: `user-${id}` })));
    expect(await all(store.list())).toHaveLength(4);
    expect(readdirSync(folder)).toEqual(['bans.jsonl']);
  });

  test('a lock that others keep taking ends in a failure, and the list stays', async () => {
    const { file, clock, text } = setUp('');
    writeFileSync(`${file}.lock`, '');
    const short = { ...fast, patienceMs: 30 };
    await expect(new ListStore(new FileHome(file, short), clock).put(jo)).rejects.toMatchObject({
      code: 'BAN_STORE_UNREACHABLE',
    });
    expect(text()).toBe('');
  });

  test('a folder that is not there is named', async () => {
    const { clock, folder } = setUp();
    const store = new ListStore(new FileHome(join(folder, 'none', 'bans'), fast), clock);
    expect(await all(store.list())).toEqual([]);
    await expect(store.put(jo)).rejects.toMatchObject({ code: 'BAN_STORE_UNREACHABLE' });
  });

  test('tells each change while it is watched, and each end', async () => {
    const { store, open, clock } = setUp('{"claim":"sub","value":"there before"}\n');
    const stop = new AbortController();
    const changes: BanChange[] = [];
    const watching = (async () => {
      for await (const change of store.watch(stop.signal)) {
        changes.push(change);
        if (changes.length === 5) stop.abort();
      }
    })();
    const until = async (count: number): Promise<void> => {
      await expect.poll(() => changes.length, { interval: 5 }).toBe(count);
    };
    // Changes count from the first `next` on.
    await new Promise((resolve) => setTimeout(resolve, 60));
    await open().put({ ...jo, untilS: nowS + 60 });
    await until(1);
    await open().put({ ...jo, untilS: nowS + 90 });
    await until(2);
    clock.nowS += 100;
    await until(3);
    await open().put(jo);
    await until(4);
    await open().remove('email', jo.value);
    await watching;
    expect(changes.map(({ kind, ban }) => [kind, ban.untilS])).toEqual([
      ['added', nowS + 60],
      ['added', nowS + 90],
      ['ended', nowS + 90],
      ['added', undefined],
      ['removed', undefined],
    ]);
  });
});
