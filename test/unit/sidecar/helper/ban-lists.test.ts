import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { readBanList } from '../../../../sidecar/config/ban-list.ts';
import { banKey, banListLimits } from '../../../../sidecar/config/ban-values.ts';
import { BanLists } from '../../../../sidecar/helper/ban-lists.ts';
import { HelperLog } from '../../../../sidecar/helper/helper-log.ts';
import { writtenReaders } from '../../../../sidecar/helper/load-settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'svidecar-bans-'));
const nowS = 1_000;
const opened: BanLists[] = [];
let files = 0;
/** Since `nowS`. */
let passedS = 0;

// As settings with such a rule have them loaded.
beforeAll(writtenReaders);
afterEach(() => {
  passedS = 0;
  for (const lists of opened.splice(0)) lists.close();
});

function line(value: string, more: object = {}): string {
  return `${JSON.stringify({ claim: 'sub', value, ...more })}\n`;
}

function setUp() {
  files += 1;
  const file = join(directory, `bans-${files}.jsonl`);
  const logged: string[] = [];
  const now = (): number => (nowS + passedS) * 1_000;
  const log = new HelperLog((text) => logged.push(text), now);
  const lists = new BanLists({ log, timers: { now } });
  opened.push(lists);
  const list = () => lists.listIn(file);
  const isBanned = (value: string, at = nowS) =>
    list().find(banKey(['sub'], value) ?? '', at).kind === 'listed';
  const metric = (name: string, result?: string) =>
    lists
      .families()
      .find((family) => family.name === name)
      ?.samples.find(({ labels }) => result === undefined || labels?.['result'] === result)?.value;
  return { file, lists, list, isBanned, metric, logged };
}

describe('a list of bans in a file', () => {
  test('is there with the rule that asks for it, with its size and age', () => {
    const { file, list, isBanned, metric } = setUp();
    writeFileSync(file, `# by hand\n\n${line('a')}${line('b', { until: '1970-01-01T00:20:00Z' })}`);
    expect(list().isLoaded).toBe(true);
    expect([isBanned('a'), isBanned('b'), isBanned('c')]).toEqual([true, true, false]);
    expect(metric('svidecar_bans')).toBe(2);
    expect(metric('svidecar_ban_list_loaded_timestamp_seconds')).toBe(nowS);
  });

  test('ends a ban at its end', () => {
    const { file, isBanned } = setUp();
    writeFileSync(file, line('a', { until: '1970-01-01T00:20:00+00:00' }));
    expect(isBanned('a', 1_199)).toBe(true);
    expect(isBanned('a', 1_200)).toBe(false);
  });

  test('that is not there yet bans nobody, and counts once it comes', async () => {
    const { file, list, isBanned, metric, logged } = setUp();
    expect(list().isLoaded).toBe(false);
    expect(metric('svidecar_ban_list_loaded_timestamp_seconds')).toBe(0);
    expect(logged.join()).toContain('there is no list of bans yet');
    writeFileSync(file, line('a'));
    await vi.waitFor(() => {
      expect(isBanned('a')).toBe(true);
    });
  });

  test('changes however much happens beside it', async () => {
    const { file, isBanned } = setUp();
    const busy = setInterval(() => {
      writeFileSync(join(directory, 'beside'), '');
    }, 10);
    writeFileSync(file, '');
    expect(isBanned('a')).toBe(false);
    writeFileSync(file, line('a'));
    await vi.waitFor(
      () => {
        expect(isBanned('a')).toBe(true);
      },
      { timeout: 5_000 },
    );
    clearInterval(busy);
  });

  test('changes with the file, also as a ConfigMap volume changes it, and may become empty', async () => {
    const { file, isBanned, lists } = setUp();
    const data = `${file}.d`;
    const next = `${file}.next`;
    for (const [name, text] of [
      ['1', line('a')],
      ['2', line('b')],
      ['3', ''],
    ] as const) {
      mkdirSync(join(data, name), { recursive: true });
      writeFileSync(join(data, name, 'bans'), text);
    }
    symlinkSync('1', join(data, '..data'));
    symlinkSync('..data/bans', join(data, 'bans'));
    const list = lists.listIn(join(data, 'bans'));
    const has = (value: string) => list.find(banKey(['sub'], value) ?? '', nowS).kind === 'listed';
    expect([has('a'), has('b')]).toEqual([true, false]);
    for (const [name, expected] of [
      ['2', [false, true]],
      ['3', [false, false]],
    ] as const) {
      symlinkSync(name, next);
      renameSync(next, join(data, '..data'));
      await vi.waitFor(() => {
        expect([has('a'), has('b')]).toEqual(expected);
      });
    }
    expect(list.isLoaded).toBe(true);
    expect(isBanned('a')).toBe(false);
  });

  test('that is wrong, or gone, leaves the last good one in force', async () => {
    const { file, isBanned, metric, logged } = setUp();
    writeFileSync(file, line('a'));
    expect(isBanned('a')).toBe(true);
    writeFileSync(file, `${line('b')}{"claim":"sub","value":"secret-value"`);
    await vi.waitFor(() => {
      expect(metric('svidecar_ban_list_loads_total', 'refused')).toBe(1);
    });
    expect(logged.at(-1)).toMatch(/the last good one stays in force.*line 2: it is no JSON/);
    expect(logged.join()).not.toContain('secret-value');
    expect([isBanned('a'), isBanned('b')]).toEqual([true, false]);
    rmSync(file);
    writeFileSync(`${file}.else`, '');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isBanned('a')).toBe(true);
    expect(metric('svidecar_ban_list_loads_total', 'accepted')).toBe(1);
  });

  test('has an age while what is in force is not what the file holds, or that cannot be known', async () => {
    const { file, list, metric } = setUp();
    const age = (): number | undefined => metric('svidecar_ban_list_age_seconds');
    list();
    passedS = 100;
    // Nobody was ever banned there: that is no fault.
    expect(age()).toBeUndefined();
    writeFileSync(file, line('a'));
    await expect.poll(age).toBe(0);
    writeFileSync(file, 'no list');
    await expect.poll(() => metric('svidecar_ban_list_loads_total', 'refused')).toBe(1);
    passedS = 160;
    expect(age()).toBe(60);
    writeFileSync(file, line('b'));
    await expect.poll(age).toBe(0);
    rmSync(file);
    await expect
      .poll(() => {
        passedS += 1;
        return age();
      })
      .toBeGreaterThan(2);
    writeFileSync(file, line('b'));
    await expect.poll(age).toBe(0);
  });

  test('of a hundred thousand bans is read in pieces, and one with more or with too many bytes is refused', async () => {
    const { file, list, metric, logged } = setUp();
    const most = Array.from({ length: banListLimits.bans }, (_, at) => line(String(at))).join('');
    writeFileSync(file, most);
    expect(list().isLoaded).toBe(false);
    await vi.waitFor(
      () => {
        expect(metric('svidecar_bans')).toBe(banListLimits.bans);
      },
      { timeout: 20_000 },
    );
    writeFileSync(file, `${most}${line('one more')}`);
    await vi.waitFor(
      () => {
        expect(metric('svidecar_ban_list_loads_total', 'refused')).toBe(1);
      },
      { timeout: 20_000 },
    );
    writeFileSync(file, '#'.repeat(banListLimits.bytes + 1));
    await vi.waitFor(
      () => {
        expect(metric('svidecar_ban_list_loads_total', 'refused')).toBe(2);
      },
      { timeout: 20_000 },
    );
    expect(logged.at(-1)).toMatch(/more than 16777216 bytes/);
    expect(metric('svidecar_bans')).toBe(banListLimits.bans);
  }, 60_000);

  test('is closed when no rule asks for it any more', () => {
    const { file, lists, metric } = setUp();
    writeFileSync(file, line('a'));
    const first = lists.settingUp(() => lists.listIn(file));
    expect(lists.settingUp(() => lists.listIn(file))).toBe(first);
    lists.settingUp(() => undefined);
    expect(metric('svidecar_bans')).toBeUndefined();
  });
});

describe('a line of the list', () => {
  test.each([
    ['no object', '[]', /line 1: Invalid input: expected object/],
    ['no value', '{"claim":"sub"}', /must be a text of 1 to 1024 characters.*at value/],
    ['an empty value', '{"claim":"sub","value":""}', /Too small.*at value/],
    ['a long value', `{"claim":"sub","value":"${'x'.repeat(1_025)}"}`, /Too big.*at value/],
    ['a value of another type', '{"claim":"sub","value":true}', /must be a text of 1 to 1024/],
    [
      'a key that is not known',
      '{"claim":"sub","value":"a","for":"1h"}',
      /Unrecognized key: "for"/,
    ],
    [
      'no instant',
      '{"claim":"sub","value":"a","until":"tomorrow"}',
      /Invalid ISO datetime at until/,
    ],
    ['a time of nowhere', '{"claim":"sub","value":"a","until":"2026-01-01T00:00:00"}', /at until/],
    ['a pointer that is none', '{"claim":"/~2","value":"a"}', /line 1: its claim is no name/],
    ['too many of one value', line('a').repeat(17), /line 17: more than 16 bans of one value/],
  ])('%s: is refused', (_name, text, expected) => {
    expect(() => [...readBanList(text, 'bans')]).toThrow(expected);
  });

  test.each([
    ['Windows line ends', '{"claim":"sub","value":"a"}\r\n{"claim":"sub","value":"b"}\r\n', 2],
    ['no line end', '{"claim":"sub","value":"a"}', 1],
    ['a number', '{"claim":"sub","value":42}', 1],
    ['nothing', '', 0],
  ])('%s: is read', (_name, text, size) => {
    const reading = readBanList(text, 'bans');
    expect(reading.next()).toMatchObject({ done: true, value: { size } });
  });
});
