import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bareToken } from '../../../fakes/ban-tokens.ts';
import { runSvidecar, type CliResult } from '../../../fakes/fake-terminal.ts';

const notBanned = 6;

function setUp(list?: string) {
  const file = join(mkdtempSync(join(tmpdir(), 'svidecar-ban-')), 'bans.jsonl');
  if (list !== undefined) writeFileSync(file, list);
  const ban = (...words: readonly string[]): Promise<CliResult> =>
    runSvidecar(['ban', ...words, '--file', file]);
  const bans = async (): Promise<unknown> => JSON.parse((await ban('list', '-o', 'json')).out);
  return { file, ban, bans };
}

describe('svidecar ban', () => {
  test('add, list, check, remove', async () => {
    const { file, ban, bans } = setUp();
    const whom = 'email=jo@example.org';
    const end = '2999-12-01T00:00:00Z';
    const added = await ban('add', whom, '--until', end, '--reason', 'case 12');
    expect(added).toEqual({
      code: 0,
      out: `banned: all tokens, until ${end} (${file})\n`,
      err: '',
    });
    expect(await bans()).toEqual([
      {
        claim: 'email',
        value: 'jo@example.org',
        until: '2999-12-01T00:00:00.000Z',
        reason: 'case 12',
        at: expect.stringMatching(/^20/) as unknown,
      },
    ]);
    expect((await ban('list')).out).toBe(
      'CLAIM  VALUE           TOKENS  UNTIL                 BY  REASON\n' +
        'email  jo@example.org  all     2999-12-01T00:00:00Z  -   case 12\n',
    );
    expect(await ban('check', 'email=JO@example.org')).toEqual({
      code: 0,
      out: `banned: all tokens, until ${end}, reason: case 12 (${file})\n`,
      err: '',
    });
    expect((await ban('remove', whom)).code).toBe(0);
    expect((await ban('remove', whom)).code).toBe(notBanned);
    expect((await ban('check', whom)).code).toBe(notBanned);
    expect(await ban('list')).toEqual({ code: 0, out: '', err: `nobody is banned (${file})\n` });
    expect((await ban('list', '-o', 'json')).out).toBe('[]\n');
  });

  test('add tells what is in force then, not what was asked for', async () => {
    const { ban, file } = setUp(
      '{"claim": "sub", "value": "42", "issuedBefore": "2999-01-01T00:00:00Z"}\n',
    );
    const { out } = await ban('add', 'sub=42', '--issued-before', 'now', '--for', '1h');
    expect(out).toBe(`banned: tokens issued before 2999-01-01T00:00:00Z, for good (${file})\n`);
  });

  test('a file that is not there is no empty list: its path may be mistyped', async () => {
    const { ban, file } = setUp();
    for (const words of [['list'], ['watch'], ['check', 'sub=42'], ['remove', 'sub=42']]) {
      const { code, out, err } = await ban(...words);
      expect({ code, out }).toEqual({ code: 3, out: '' });
      expect(err).toContain(`${file}: there is no such file`);
    }
    expect((await ban('add', 'sub=42')).code).toBe(0);
    expect((await ban('check', 'sub=42')).code).toBe(0);
  });

  test.each([
    ['--configmap', 'edge/../secrets'],
    ['--configmap', '..'],
    ['--configmap', 'edge/bans/..'],
    ['--configmap', 'Edge/bans'],
    ['--configmap', 'bans', '-n', '../x'],
  ])('%s %s names nothing: no cluster is asked', async (...flags) => {
    const kubeconfig = ['--kubeconfig', '/nonexistent'];
    expect(await runSvidecar(['ban', 'list', ...flags, ...kubeconfig])).toMatchObject({ code: 2 });
  });

  test('--for counts from now', async () => {
    const { ban, bans } = setUp();
    const before = Date.now();
    await ban('add', 'sub=42', '--for', '24h');
    const [only] = (await bans()) as readonly { readonly until: string }[];
    const laterMs = Date.parse(only?.until ?? '') - before - 24 * 3_600_000;
    expect(laterMs).toBeGreaterThanOrEqual(0);
    expect(laterMs).toBeLessThan(60_000);
  });

  test.each([
    ['a=b=c', { claim: 'a', value: 'b=c' }],
    ['sub=a:b', { claim: 'sub', value: 'a:b' }],
    ['/realm/user=jo', { claim: '/realm/user', value: 'jo' }],
    ['sub= spaced ', { claim: 'sub', value: ' spaced ' }],
    ['sub=a\nb', { claim: 'sub', value: 'a\nb' }],
    ['{"claim":"a=b","value":"x\\u0000y"}', { claim: 'a=b', value: 'x\u0000y' }],
    ['{"value":42,"claim":"sub"}', { claim: 'sub', value: '42' }],
    ['{"claim":"{x","value":"{}"}', { claim: '{x', value: '{}' }],
  ])('%j is read in one way', async (text, expected) => {
    const { ban, bans, file } = setUp();
    expect((await ban('add', text)).code).toBe(0);
    expect(await bans()).toMatchObject([expected]);
    expect(readFileSync(file, 'utf8').trimEnd()).not.toContain('\n');
    expect((await ban('check', text)).code).toBe(0);
    expect((await ban('remove', text)).code).toBe(0);
  });

  test.each([
    [['add', 'secret-value'], 2, 'CLAIM=VALUE'],
    [['add', '=secret-value'], 2, 'CLAIM=VALUE'],
    [['add', 'sub='], 1, 'the value must be'],
    [['add', '/a~3=secret-value'], 1, 'the claim must be'],
    [['add', '{"claim":"sub","value":"secret-value","until":"x"}'], 2, 'claim and value alone'],
    [['add', '{"claim":"sub","value":["secret-value"]}'], 2, 'claim and value alone'],
    [['add', 'sub=secret-value', '--for', '1h', '--until', '2999-01-01T00:00:00Z'], 2, 'not both'],
    [['add', 'sub=secret-value', '--until', 'tomorrow'], 2, '--until'],
    [['add', 'sub=secret-value', '--until', '2001-01-01T00:00:00Z'], 2, 'over already'],
    [['add', 'sub=secret-value', '--issued-before', '2026-02-31T00:00:00Z'], 2, '--issued-before'],
    [['add', 'sub=secret-value', '--issued-before', '2999-01-01T00:00:00Z'], 2, 'in the future'],
    [['add', 'sub=secret-value', '--reason', 'x'.repeat(257)], 1, 'the reason'],
    [['add', 'sub=secret-value', '--configmap', 'x'], 2, 'one store'],
    [['check', 'secret-value'], 2, 'no token'],
    [['check', 'secret.value.x'], 2, 'no token'],
  ])('%j is refused, and nothing of a value is said', async (words, code, fault) => {
    const { ban } = setUp('');
    const { err, ...told } = await ban(...words);
    expect(told).toEqual({ code, out: '' });
    expect(err).toContain(fault);
    expect(err).not.toContain('secret');
  });

  test('what strangers wrote does nothing to a terminal', async () => {
    const red = '\u001b[31m\u202e';
    const { ban } = setUp();
    await ban('add', `sub=${red}\u0000`, '--reason', red);
    for (const words of [['list'], ['list', '-o', 'json'], ['check', `sub=${red}\u0000`]]) {
      const { out } = await ban(...words);
      expect(out).toContain('\\u001b[31m\\u202e');
      expect(out).not.toMatch(/[\u001b\u202e\0]/);
    }
  });

  test('a list that helpers refuse is told of', async () => {
    const { ban, file } = setUp('{"claim": "sub"}\n');
    const { code, err } = await ban('add', 'sub=42');
    expect(code).toBe(1);
    expect(err).toContain(`${file} line 1`);
    expect(err).toContain('[BAN_LIST_INVALID]');
  });
});

describe('a token is checked', () => {
  const list = [
    '{"claim": "email", "value": "jo@example.org"}',
    '{"claim": "sub", "value": "42", "issuedBefore": "2026-01-01T00:00:00Z"}',
    '{"claim": "/realm/user", "value": "al"}',
  ].join('\n');
  const beforeS = Date.parse('2026-01-01T00:00:00Z') / 1_000;
  test.each([
    [{ email: 'Jo@example.org' }, [], { code: 0, words: 'by email, all tokens' }],
    [{ sub: 42, iat: beforeS - 1 }, [], { code: 0, words: 'by sub, tokens issued before 2026' }],
    [{ sub: 42, iat: beforeS }, [], { code: notBanned, words: 'none of its claims is' }],
    [{ sub: 42 }, [], { code: notBanned, words: 'does not say when it was issued' }],
    [{ sub: 42.5, email: ['x'] }, [], { code: notBanned, words: 'none of the claims sub, email' }],
    [{ sub: 'x'.repeat(2_000) }, [], { code: notBanned, words: 'none of the claims' }],
    [
      { email: 'jo@example.org' },
      ['--claims', 'sub'],
      { code: notBanned, words: 'none of the claims sub' },
    ],
    [
      { realm: { user: 'al' } },
      ['--claims', 'sub, /realm/user'],
      { code: 0, words: 'by /realm/user' },
    ],
    [{ email: 'al@example.org', sub: '42', iat: 5 }, [], { code: 0, words: 'by sub' }],
  ])('%j %j', async (claims, flags, { code, words }) => {
    const { ban } = setUp(list);
    const token = bareToken(claims);
    const result = await ban('check', token, ...flags);
    expect(result).toMatchObject({ code, err: '' });
    expect(result.out).toContain(words);
    expect(result.out).not.toContain(token);
  });

  test('from standard input, as a header has it', async () => {
    const { file } = setUp(list);
    const stdin = `Bearer ${bareToken({ email: 'jo@example.org' })}\n`;
    const { code } = await runSvidecar(['ban', 'check', '-', '--file', file], { stdin });
    expect(code).toBe(0);
  });
});
