import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { settingsDirectory, settingsFile } from '../../../../sidecar/config/helper-contract.ts';
import { checkSettings } from '../../../../sidecar/config/settings.ts';
import { readCommandLine } from '../../../../sidecar/helper/command-line.ts';
import { Helper } from '../../../../sidecar/helper/helper.ts';
import { HelperLog } from '../../../../sidecar/helper/helper-log.ts';
import { readiness, type HelperState } from '../../../../sidecar/helper/helper-state.ts';
import { TokenSources } from '../../../../sidecar/helper/token-sources.ts';
import { helperVersion } from '../../../../sidecar/helper/version.ts';
import { FakeTokenSource } from '../../../fakes/fake-rule-ports.ts';

describe('the arguments', () => {
  test.each([
    [['-config', '/a'], { kind: 'run', file: '/a' }],
    [['--config', '/a'], { kind: 'run', file: '/a' }],
    [['-config=/a'], { kind: 'run', file: '/a' }],
    [[], { kind: 'run', file: `${settingsDirectory}/${settingsFile}` }],
    [['-help'], { kind: 'help' }],
    [['-h'], { kind: 'help' }],
    [['-version', '-config', '/a'], { kind: 'version' }],
  ])('%j', (argv, expected) => {
    expect(readCommandLine(argv)).toEqual(expected);
  });

  test.each([[['-configs', '/a']], [['-config']], [['/a']]])('%j is refused', (argv) => {
    expect(readCommandLine(argv)).toMatchObject({ kind: 'wrong' });
  });
});

test("the version is the package's", () => {
  expect(JSON.parse(readFileSync('package.json', 'utf8'))).toMatchObject({
    version: helperVersion,
  });
});

test('a log line is one line of JSON, and only from its level on', () => {
  const lines: string[] = [];
  const log = new HelperLog(
    (line) => lines.push(line),
    () => 0,
  );
  log.debug({}, 'not this');
  log.warn({ count: 1, nothing: undefined }, 'two\nlines');
  expect(lines).toEqual([
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","msg":"two\\nlines","count":1}\n',
  ]);
});

describe('readiness', () => {
  const ready: HelperState = { tokens: [], bundles: undefined, isDraining: false };
  const lacking = { audience: 'a', token: undefined, problem: undefined, isRequired: true };
  test.each<[string, Partial<HelperState>, readonly string[]]>([
    ['nothing is needed', {}, []],
    ['a token is missing', { tokens: [lacking] }, ['there is no token for audience "a"']],
    ['a token of a route is missing', { tokens: [{ ...lacking, isRequired: false }] }, []],
    [
      'an entry is missing',
      { tokens: [{ ...lacking, problem: 'needs k8s:ns:NAMESPACE and k8s:sa:SERVICE_ACCOUNT' }] },
      ['needs k8s:ns:shop and k8s:sa:web'],
    ],
    ['there is no bundle', { bundles: { trustDomains: [], problem: 'no agent' } }, ['no agent']],
    ['bundles are old', { bundles: { trustDomains: ['a'], problem: 'no agent' } }, []],
    ['it stops', { isDraining: true }, ['the helper is stopping']],
  ])('when %s', (_name, state, missing) => {
    const health = readiness({ ...ready, ...state }, { namespace: 'shop', serviceAccount: 'web' });
    expect(health).toEqual({ ok: missing.length === 0, missing });
  });
});

describe('a helper without the address of a Workload API', () => {
  const settings = (rule: object) => checkSettings({ version: 1, rules: [rule] }, 'helper.yaml');
  const bans = { name: 'ban', mode: 'ban', store: { http: 'http://127.0.0.1:1/check' } };
  const injects = { name: 'inject', mode: 'inject', audience: 'a' };
  const open = (rule: object): Helper =>
    new Helper({
      settings: settings(rule),
      workloadApi: undefined,
      names: {},
      log: new HelperLog(() => undefined, Date.now),
      clock: { now: Date.now },
    });

  test('does not start where a rule needs an identity', () => {
    expect(() => open(injects)).toThrow('set workloadApi or SPIFFE_ENDPOINT_SOCKET');
  });

  test('starts with rules that only ban, and refuses others later', async () => {
    const helper = open(bans);
    helper.reload(settings({ ...bans, claims: ['sub'] }));
    expect(() => {
      helper.reload(settings(injects));
    }).toThrow('no Workload API address');
    await helper.stop();
  });
});

describe('the sources of tokens', () => {
  class Running extends FakeTokenSource {
    isClosed = false;
    close(): void {
      this.isClosed = true;
    }
  }
  function setUp() {
    const opened = new Map<string, Running>();
    const sources = new TokenSources((audience) => {
      const made = new Running();
      opened.set(audience, made);
      return made;
    });
    return { sources, opened };
  }

  test('a reload keeps what is still wanted and closes the rest', () => {
    const { sources, opened } = setUp();
    sources.settingUp(() => [sources.tokensFor('a', undefined), sources.tokensFor('b', undefined)]);
    const kept = opened.get('a');
    sources.settingUp(() => [sources.tokensFor('a', undefined), sources.tokensFor('c', undefined)]);
    expect(opened.get('a')).toBe(kept);
    expect([...opened].map(([name, { isClosed }]) => [name, isClosed])).toEqual([
      ['a', false],
      ['b', true],
      ['c', false],
    ]);
  });

  test('routes add audiences up to a number, and the settings are not counted', () => {
    const { sources, opened } = setUp();
    sources.settingUp(() => sources.tokensFor('own', undefined));
    const got = Array.from({ length: 70 }, (_, index) => sources.tokensFor(`r${index}`, undefined));
    expect(got.filter((source) => source !== undefined)).toHaveLength(64);
    expect(opened.size).toBe(65);
    expect(sources.states(0).filter(({ isRequired }) => isRequired)).toHaveLength(1);
    sources.close();
    expect([...opened.values()].every(({ isClosed }) => isClosed)).toBe(true);
  });
});
