import { describe, expect, test } from 'vitest';
import { checkHandler } from '../../../../sidecar/authz/check-handler.ts';
import { checkSettings } from '../../../../sidecar/config/settings.ts';
import { bareToken, claimsWith, deepJson, tokenOf } from '../../../fakes/ban-tokens.ts';
import { checkRequest, effectOf, type CheckParts } from '../../../fakes/envoy-check.ts';
import { FakeRulePorts } from '../../../fakes/fake-rule-ports.ts';

const nowS = 1_000;
const jo = { claim: 'email', value: 'jo@example.org' } as const;
const bearer = (claims: unknown): CheckParts => ({
  headers: { authorization: `Bearer ${bareToken(claims)}` },
});
const ofJo = bearer({ email: jo.value });

function setUp(rule: object = {}) {
  const settings = { name: 'jwt-ban', mode: 'ban', claims: ['email'], store: { file: '/bans' } };
  const { rules } = checkSettings({ version: 1, rules: [{ ...settings, ...rule }] }, 'test');
  const ports = new FakeRulePorts();
  ports.bans.load(jo);
  const handler = checkHandler(rules, ports);
  const effect = async (parts: CheckParts) =>
    effectOf(await handler.check(checkRequest(parts), { rule: undefined }, nowS));
  const kind = async (parts: CheckParts) => (await effect(parts)).kind;
  return { ports, handler, effect, kind, tally: ports.tallyFor('jwt-ban').counts };
}

describe('a rule that bans', () => {
  test('refuses whose claim is on the list, and says nothing of whom', async () => {
    const { effect, tally, ports } = setUp();
    ports.bans.load({ ...jo, reason: 'case 12' });
    expect(await effect(ofJo)).toEqual({
      kind: 'deny',
      status: 403,
      body: 'banned\n',
      set: {},
      remove: [],
      metadata: { rule: 'jwt-ban', refused: 'banned', ban_claim: 'email', ban_reason: 'case 12' },
    });
    expect(tally).toEqual({ banned: 1 });
  });

  test('answers with the body of the settings', async () => {
    const { effect } = setUp({ body: '{"error":"account_closed"}' });
    expect((await effect(ofJo)).body).toBe('{"error":"account_closed"}');
  });

  test('changes nothing about a request that passes', async () => {
    expect(await setUp().effect(bearer({ email: 'al@example.org' }))).toEqual({
      kind: 'allow',
      set: {},
      remove: [],
      metadata: {},
    });
  });

  test.each<[string, object, CheckParts, string]>([
    ['a request without a token', {}, {}, 'no_token'],
    ['a header without a token', {}, { headers: { authorization: 'Basic am86cHc=' } }, 'no_token'],
    ['a token in another place', { cookie: 'session' }, ofJo, 'no_token'],
    [
      'what only looks like a token',
      {},
      { headers: { authorization: 'Bearer a.b.c' } },
      'token_unreadable',
    ],
    ['a token without the claim', {}, bearer({ sub: jo.value }), 'claim_missing'],
    ['a claim of another type', {}, bearer({ email: [jo.value] }), 'claim_missing'],
    ['another value', {}, bearer({ email: 'al@example.org' }), 'not_banned'],
    ['another host', { hosts: ['www.example.com'] }, ofJo, 'passed'],
    ['another path', { paths: ['/api/*'] }, { ...ofJo, path: '/static/a' }, 'passed'],
    ['a route that skips', {}, { ...ofJo, extensions: { 'svidecar-skip': 'true' } }, 'skipped'],
    [
      'a route that says what nobody knows',
      {},
      { ...ofJo, extensions: { 'svidecar-x': '1' } },
      'ban_not_carried_out',
    ],
  ])('lets %s pass, and counts it', async (...[, rule, parts, outcome]) => {
    const { kind, tally } = setUp(rule);
    expect(await kind(parts)).toBe('allow');
    expect(tally).toEqual({ [outcome]: 1 });
  });

  test('lets all pass before there is a list, where a check cannot be read, and where it fails', async () => {
    const { handler, ports, kind, tally } = setUp();
    ports.bans.isLoaded = false;
    expect(await kind(ofJo)).toBe('allow');
    const broken = await handler.check(Buffer.from([0xff]), { rule: 'jwt-ban' }, nowS);
    expect(effectOf(broken).kind).toBe('allow');
    ports.bans.isLoaded = true;
    ports.bans.find = () => {
      throw new TypeError('broken');
    };
    expect(await kind(ofJo)).toBe('allow');
    expect(tally).toEqual({ ban_list_missing: 1, ban_not_carried_out: 2 });
  });

  test('is about tokens that were issued before an instant, where the ban says so', async () => {
    const { kind, ports, tally } = setUp();
    ports.bans.load({ ...jo, issuedBefore: '1970-01-01T00:10:00Z' });
    expect(await kind(bearer({ email: jo.value, iat: 599.9 }))).toBe('deny');
    expect(await kind(bearer({ email: jo.value, iat: 600 }))).toBe('allow');
    expect(await kind(bearer({ email: jo.value }))).toBe('allow');
    expect(await kind(bearer({ email: jo.value, iat: '1' }))).toBe('allow');
    expect(tally).toEqual({ banned: 1, not_banned: 1, issued_at_missing: 2 });
  });

  test('finds one ban among several of a value', async () => {
    const { kind, ports } = setUp();
    ports.bans.load({ ...jo, issuedBefore: '1970-01-01T00:10:00Z' }, jo);
    expect(await kind(bearer({ email: jo.value, iat: 700 }))).toBe('deny');
  });
});

describe('a rule that asks a service', () => {
  const rule = { store: { http: 'http://127.0.0.1:1/check' }, claims: undefined };

  test('refuses only where that says so, and counts why another request passes', async () => {
    const { effect, ports, tally } = setUp(rule);
    for (const answer of ['not_banned', 'store_away', 'store_slow', 'store_busy'] as const) {
      ports.banAnswer = answer;
      expect((await effect(ofJo)).kind).toBe('allow');
    }
    ports.banAnswer = 'banned';
    expect(await effect(ofJo)).toMatchObject({ kind: 'deny', status: 403, body: 'banned\n' });
    expect(tally).toEqual({
      not_banned: 1,
      store_away: 1,
      store_slow: 1,
      store_busy: 1,
      banned: 1,
    });
  });

  test('asks with both headers, also about tokens that only the service can read', async () => {
    const { kind, ports } = setUp(rule);
    await kind({ headers: { authorization: 'Bearer opaque', cookie: 'a=1' } });
    expect(ports.asked).toMatchObject([{ authorization: 'Bearer opaque', cookies: 'a=1; ' }]);
  });

  test('asks nothing without a token, for another host, and by a route that skips', async () => {
    const { kind, ports, tally } = setUp({ ...rule, cookie: 'session', hosts: ['a.test'] });
    const host = 'a.test';
    await kind({ host, headers: { authorization: 'Bearer opaque' } });
    await kind({ host: 'b.test', headers: { cookie: 'session=x' } });
    await kind({ host, headers: { cookie: 'session=x' }, extensions: { 'svidecar-skip': 'true' } });
    expect(ports.asked).toEqual([]);
    expect(tally).toEqual({ no_token: 1, passed: 1, skipped: 1 });
  });

  test('lets pass where the service breaks its promise', async () => {
    const { kind, ports, tally } = setUp(rule);
    ports.banServiceAt = () => ({ ask: () => Promise.reject(new TypeError('broken')) });
    const broken = checkHandler(
      checkSettings({ version: 1, rules: [{ name: 'b', mode: 'ban', store: rule.store }] }, 'test')
        .rules,
      ports,
    );
    const answer = await broken.check(checkRequest(ofJo), { rule: undefined }, nowS);
    expect(effectOf(answer).kind).toBe('allow');
    expect(await kind(ofJo)).toBe('allow');
    expect(tally).toEqual({ not_banned: 1 });
  });

  test.each([
    [{ store: { http: 'ftp://a.test' } }, /http or https URL/],
    [{ store: { http: 'http://u:p@a.test/' } }, /without user/],
    [{ store: { http: 'http://a.test', deadlineMs: 0 } }, /store/],
    [{ store: { file: '/bans' }, claims: undefined }, /claims that are looked up in the list/],
  ])('settings with %j are refused', (wrong, expected) => {
    expect(() => setUp(wrong)).toThrow(expected);
  });
});

describe('which requests', () => {
  const hosts = ['www.example.com', '*.example.org'];
  test.each([
    ['www.example.com', 'deny'],
    ['WWW.example.com.:8443', 'deny'],
    ['a.b.example.org', 'deny'],
    ['example.org', 'allow'],
    ['www.example.com.evil.org', 'allow'],
    ['wwwXexample.com', 'allow'],
    // Nobody can tell which host the app takes this for.
    ['www.example.com:a', 'deny'],
    ['', 'deny'],
  ])('of host %j: %s', async (host, expected) => {
    expect(await setUp({ hosts }).kind({ ...ofJo, host })).toBe(expected);
  });

  test.each([
    ['/api/a', 'deny'],
    ['/api/a?b=/c', 'deny'],
    ['/exact', 'deny'],
    ['/exact/', 'allow'],
    ['/x?/api/', 'allow'],
    // Read as /api/a by some servers.
    ['/x/../api/a', 'deny'],
    ['/%61pi/a', 'deny'],
    ['//api/a', 'deny'],
  ])('of path %j: %s', async (path, expected) => {
    expect(await setUp({ paths: ['/api/*', '/exact'] }).kind({ ...ofJo, path })).toBe(expected);
  });

  test('a route skips only a path that can be read in one way', async () => {
    const extensions = { 'svidecar-skip': 'true' };
    expect(await setUp().kind({ ...ofJo, extensions, path: '/public/../api' })).toBe('deny');
  });
});

describe('where the token is', () => {
  const token = bareToken({ email: jo.value });
  const other = bareToken({ email: 'al@example.org' });
  test.each([
    ['Bearer', `Bearer ${token}`],
    ['another scheme', `DPoP ${token}`],
    ['no scheme', token],
    ['more spaces', `bearer \t ${token} `],
    ['repeated headers, first', `Bearer ${token},Bearer ${other}`],
    ['repeated headers, last', `Bearer ${other}, Bearer ${token}`],
    ['after a text', `Other Bearer ${token}`],
    ['quotes', `Token token="${token}", x=1`],
    ['with more parts', `Bearer ${token}.x.y`],
    ['padded', `Bearer ${token.replaceAll('.', '==.')}`],
    ['behind many others', `${'a.b.c '.repeat(5_000)}${token}`],
    ['before many others', `${token}${' a.b.c'.repeat(5_000)}`],
  ])('in the header: %s', async (_name, authorization) => {
    expect(await setUp().kind({ headers: { authorization } })).toBe('deny');
  });

  test.each([
    ['alone', `session=${token}`],
    ['among others', `a=1; session=${token}; b=2`],
    ['twice', `session=${other}; session=${token}`],
    ['twice, the other way round', `session=${token}; session=${other}`],
    ['in quotes', `session="${token}"`],
    ['with spaces', `a=1;\tsession = ${token}`],
    ['with a scheme', `session=Bearer%20${token}`],
    ['joined by a comma', `a=1,session=${token}`],
    ['percent-encoded', `session=${token.replace('.e', '%2E%65')}`],
  ])('in the cookie: %s', async (_name, cookie) => {
    expect(await setUp({ cookie: 'session' }).kind({ headers: { cookie } })).toBe('deny');
    const rawHeaders = [['cookie', 'x=y'] as const, ['Cookie', cookie] as const];
    expect(await setUp({ cookie: 'session' }).kind({ rawHeaders })).toBe('deny');
  });

  test.each([
    ['of another name', `xsession=${token}; session2=${token}; Session=${token}`],
    ['inside another value', `a=session=${token}`],
    ['of a name in the pattern language', `s.ssion=${token}`],
  ])('not in a cookie %s', async (_name, cookie) => {
    expect(await setUp({ cookie: 'session' }).kind({ headers: { cookie } })).toBe('allow');
  });

  test('a name of a cookie is no pattern', async () => {
    const { kind } = setUp({ cookie: 's.x' });
    expect(await kind({ headers: { cookie: `sax=${token}` } })).toBe('allow');
    expect(await kind({ headers: { cookie: `s.x=${token}` } })).toBe('deny');
  });
});

describe('which value', () => {
  async function meets(claims: readonly string[], line: object, held: unknown) {
    const { kind, ports } = setUp({ claims });
    ports.bans.load(line as typeof jo);
    return (await kind(bearer(held))) === 'deny';
  }

  test.each<[string, string, unknown, string, unknown, boolean]>([
    ['a number and its digits', 'sub', 42, 'sub', '42', true],
    ['digits and their number', 'sub', '42', 'sub', 42, true],
    ['zero, however it is signed', 'sub', 0, 'sub', -0, true],
    ['no number that is rounded', 'sub', '9007199254740993', 'sub', 9007199254740993n, false],
    ['no fraction', 'sub', '1.5', 'sub', 1.5, false],
    ['no truth value', 'sub', 'true', 'sub', true, false],
    ['no null', 'sub', 'null', 'sub', null, false],
    ['leading zeros are part of a text', 'sub', '042', 'sub', 42, false],
    ['e-mail in any case', 'email', 'JO@Example.org', 'email', 'jo@eXample.ORG', true],
    ['other claims in their own', 'sub', 'Jo', 'sub', 'jo', false],
    ['composed and decomposed', 'email', 'zo\u00eb@x.org', 'email', 'ZOE\u0308@x.org', true],
    ['compatible is not the same', 'sub', 'file', 'sub', '\ufb01le', false],
    ['spaces count', 'email', 'jo@x.org', 'email', ' jo@x.org', false],
    ['a NUL', 'sub', 'a\0b', 'sub', 'a\0b', true],
    ['what stands behind a NUL', 'sub', 'a', 'sub', 'a\0b', false],
    ['a newline', 'sub', 'a\nb', 'sub', 'a\nb', true],
    ['what stands behind a newline', 'sub', 'a', 'sub', 'a\nb', false],
    ['half a surrogate pair', 'sub', '\ud800', 'sub', '\ud801', false],
    ['the name of a member of every object', 'constructor', 'x', 'constructor', 'x', true],
    ['the prototype', '__proto__', 'x', '__proto__', 'x', true],
  ])('%s', async (...[, claim, banned, inToken, held, expected]) => {
    const { kind, ports } = setUp({ claims: [claim] });
    ports.bans.load({ claim, value: banned as string });
    const written = typeof held === 'bigint' ? `{"${inToken}":${held}}` : undefined;
    const token = written === undefined ? bareToken(claimsWith(inToken, held)) : tokenOf(written);
    const effect = await kind({ headers: { authorization: `Bearer ${token}` } });
    expect(effect).toBe(expected ? 'deny' : 'allow');
  });

  test('a claim of another name with the same value, and a value that holds a name, are other bans', async () => {
    expect(await meets(['a:b', 'a'], { claim: 'a', value: 'b:c' }, { 'a:b': 'c' })).toBe(false);
    expect(await meets(['sub', 'email'], { claim: 'sub', value: 'x' }, { email: 'x' })).toBe(false);
    expect(await meets(['a","b'], { claim: 'a', value: 'b","c' }, { 'a","b': 'c' })).toBe(false);
  });

  test('by JSON pointer, of one segment too', async () => {
    const claims = ['/realm/user~1id', 'email'];
    const held = { realm: { 'user/id': 7 }, email: 'al@example.org' };
    expect(await meets(claims, { claim: '/realm/user~1id', value: '7' }, held)).toBe(true);
    expect(await meets(claims, { claim: '/email', value: 'AL@example.org' }, held)).toBe(true);
    expect(await meets(claims, { claim: 'realm', value: '7' }, held)).toBe(false);
    expect(await meets(['/list/0'], { claim: '/list/0', value: 'a' }, { list: ['a'] })).toBe(false);
  });

  test('of a member that is named twice, the last counts', async () => {
    const { kind } = setUp();
    const twice = (a: string, b: string) => ({
      headers: { authorization: `Bearer ${tokenOf(`{"email":"${a}","email":"${b}"}`)}` },
    });
    expect(await kind(twice('al@example.org', jo.value))).toBe('deny');
    expect(await kind(twice(jo.value, 'al@example.org'))).toBe('allow');
  });
});

describe('hostile input', () => {
  const token = bareToken({ email: jo.value });
  /** Of characters, in the header and in the cookie. */
  const size = 1_000_000;
  /** Milliseconds: a hundred times less than what time that grows with the square would take. */
  const mostMs = 2_000;
  test.each([
    ['no dots', 'a'.repeat(size)],
    ['dots', '.'.repeat(size)],
    ['tokens', 'a.e30.c,'.repeat(size / 8)],
    ['cookies', 'session=a.e30.c;'.repeat(size / 16)],
    ['names', 'session='.repeat(size / 8)],
    ['spaces', `session${' '.repeat(size)}`],
    ['separators', '; '.repeat(size / 2)],
    ['percent signs', `session=${'%'.repeat(size)}`],
    ['escapes', `session=${'%2E'.repeat(size / 3)}`],
    ['a long payload', `session=a.${'e'.repeat(size)}.c`],
    ['a deep payload', `session=${tokenOf(deepJson(80_000))}`],
    ['a deep payload that is read', `session=${tokenOf(deepJson(8_000))}`],
  ])('of a million characters, %s: is answered at once', async (_name, text) => {
    for (const [rule, header] of [
      [{}, 'authorization'],
      [{ cookie: 'session', claims: ['email', '/a/a'] }, 'cookie'],
    ] as const) {
      const { kind } = setUp(rule);
      const started = performance.now();
      await kind({ headers: { [header]: text } });
      expect(performance.now() - started).toBeLessThan(mostMs);
      const behind = header === 'cookie' ? `${text}; session=${token}` : `${text} ${token}`;
      expect(await kind({ headers: { [header]: behind } })).toBe('deny');
    }
  });
});
