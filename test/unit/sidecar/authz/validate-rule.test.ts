import { describe, expect, test } from 'vitest';
import { parseSpiffeId, parseTrustDomain } from '#kernel/spiffe-id.ts';
import { checkHandler } from '../../../../sidecar/authz/check-handler.ts';
import { refusalWords } from '../../../../sidecar/authz/outcomes.ts';
import { checkSettings } from '../../../../sidecar/config/settings.ts';
import type { RefusalReason, TokenVerdict } from '../../../../sidecar/jwt/token-ports.ts';
import { checkRequest, effectOf, type CheckParts } from '../../../fakes/envoy-check.ts';
import { FakeRulePorts } from '../../../fakes/fake-rule-ports.ts';

const nowS = 1_000;
const good = 'aaa.bbb.ccc';

function accepted(id: string): TokenVerdict {
  return {
    kind: 'accepted',
    spiffeId: parseSpiffeId(id),
    expiresAtS: 1_300,
    claims: { sub: id, aud: ['other', 'backend'], exp: 1_300, iat: 990 },
  };
}

function setUp(rule: object = {}) {
  const { rules } = checkSettings(
    {
      version: 1,
      rules: [{ name: 'jwt-validate', mode: 'validate', audiences: ['backend'], ...rule }],
    },
    'test',
  );
  const ports = new FakeRulePorts();
  const handler = checkHandler(rules, ports);
  ports.verifier('backend').verdicts.set(good, accepted('spiffe://example.org/ns/a/sa/frontend'));
  const effect = async (parts: CheckParts) =>
    effectOf(await handler.check(checkRequest(parts), { rule: undefined }, nowS));
  return { ports, handler, effect, tally: ports.tallyFor('jwt-validate').counts };
}

const withGood = { headers: { authorization: `Bearer ${good}` } };

describe('a validate rule', () => {
  test('lets a valid token through and names the caller in metadata only', async () => {
    const { effect, tally } = setUp();
    expect(await effect(withGood)).toEqual({
      kind: 'allow',
      set: {},
      remove: [],
      metadata: {
        rule: 'jwt-validate',
        spiffe_id: 'spiffe://example.org/ns/a/sa/frontend',
        trust_domain: 'example.org',
        audience: 'backend',
        exp: 1_300,
        iat: 990,
      },
    });
    expect(tally).toEqual({ allowed: 1 });
  });

  test.each(['x_caller', 'X_CALLER', 'x.caller', 'x~caller', 'x+caller'])(
    'takes away %s beside x-caller, with a token and without',
    async (name) => {
      const { effect } = setUp({
        callerHeader: 'x-caller',
        skipPaths: ['/free'],
        forwardToken: false,
      });
      const headers = { ...withGood.headers, 'x-caller': 'a', [name]: 'spiffe://evil' };
      expect(await effect({ headers })).toMatchObject({
        set: { 'x-caller': 'spiffe://example.org/ns/a/sa/frontend' },
        remove: ['authorization', name],
      });
      expect((await effect({ headers, path: '/free' })).remove).toEqual(['x-caller', name]);
      const raw = Object.entries(headers);
      expect((await effect({ rawHeaders: raw })).remove).toEqual(['authorization', name]);
      // And the next one without it has the usual answer.
      expect((await effect(withGood)).remove).toEqual(['authorization']);
    },
  );

  test.each(['xcaller', 'x-callers', 'y-caller', 'x-calle-', 'xxcaller', 'x--caller'])(
    'leaves %s beside x-caller',
    async (name) => {
      const { effect } = setUp({ callerHeader: 'x-caller' });
      expect((await effect({ headers: { ...withGood.headers, [name]: 'a' } })).remove).toEqual([]);
    },
  );

  test('takes the token from either encoding of the headers', async () => {
    const { effect } = setUp();
    const rawHeaders = [['authorization', `bearer ${good}`]] as const;
    expect((await effect({ rawHeaders })).kind).toBe('allow');
  });

  test('waits for a verdict that is not known at once', async () => {
    const { ports, effect } = setUp();
    const verdict = accepted('spiffe://example.org/slow');
    ports.verifier('backend').verdicts.set('slow', Promise.resolve(verdict));
    expect((await effect({ headers: { authorization: 'Bearer slow' } })).kind).toBe('allow');
  });

  test('builds the answer once for each verdict', () => {
    const { handler } = setUp();
    const once = handler.check(checkRequest(withGood), { rule: undefined }, nowS);
    expect(handler.check(checkRequest(withGood), { rule: undefined }, nowS)).toBe(once);
  });

  test('puts the caller into the header that was asked for, in place of the client header', async () => {
    const { effect } = setUp({ callerHeader: 'x-caller' });
    const { set } = await effect({
      headers: { ...withGood.headers, 'x-caller': 'spiffe://evil/' },
    });
    expect(set).toEqual({ 'x-caller': 'spiffe://example.org/ns/a/sa/frontend' });
  });

  test.each([
    [undefined, []],
    [true, []],
    [false, ['authorization']],
  ])('forwardToken: %s takes %j from a request that passes', async (forwardToken, remove) => {
    const { effect } = setUp({ forwardToken, skipPaths: ['/health'] });
    expect(await effect(withGood)).toMatchObject({ kind: 'allow', remove });
    expect(await effect({ ...withGood, path: '/health' })).toMatchObject({ remove: [] });
    expect((await effect({})).kind).toBe('deny');
  });

  test.each<[string, CheckParts, string]>([
    ['no Authorization header', {}, 'there is no Authorization header'],
    ['another scheme', { headers: { authorization: 'Basic eDp5' } }, 'is not "Bearer"'],
    ['a scheme without a token', { headers: { authorization: 'Bearer ' } }, 'is not "Bearer"'],
    ['no space', { headers: { authorization: `Bearer${good}` } }, 'is not "Bearer"'],
    ['two spaces', { headers: { authorization: `Bearer  ${good}` } }, 'is not "Bearer"'],
    ['a TAB', { headers: { authorization: `Bearer\t${good}` } }, 'is not "Bearer"'],
    ['something after the token', { headers: { authorization: `Bearer ${good} x` } }, 'is not'],
    ['an empty header', { headers: { authorization: '' } }, 'is not "Bearer"'],
    [
      'two headers, joined by Envoy',
      { headers: { authorization: `Bearer ${good},Bearer ${good}` } },
      'more than one Authorization',
    ],
    [
      'two raw headers',
      {
        rawHeaders: [
          ['authorization', `Bearer ${good}`],
          ['authorization', `Bearer ${good}`],
        ],
      },
      'more than one Authorization',
    ],
    [
      'one header in each encoding',
      { ...withGood, rawHeaders: [['authorization', `Bearer ${good}`]] },
      'more than one Authorization',
    ],
    [
      'two spellings of the name',
      { headers: { ...withGood.headers, Authorization: `Bearer ${good}` } },
      'more than one Authorization',
    ],
  ])('refuses %s with 403', async (_name, parts, words) => {
    const effect = await setUp().effect(parts);
    expect(effect).toMatchObject({ kind: 'deny', status: 403, set: {} });
    expect(effect.body).toContain(words);
  });

  test.each<RefusalReason>([
    'expired',
    'audience',
    'signature',
    'no_bundle',
    'no_key',
    'algorithm',
  ])(
    'refuses a token for which the verifier says %s, in words without a claim value',
    async (reason) => {
      const { ports, effect, tally } = setUp({ callerHeader: 'x-caller' });
      ports.verifier('backend').verdicts.set('bad', { kind: 'refused', reason });
      expect(await effect({ headers: { authorization: 'Bearer bad' } })).toEqual({
        kind: 'deny',
        status: 403,
        body: `jwt-validate: ${refusalWords[reason]}\n`,
        set: {},
        remove: [],
        metadata: { rule: 'jwt-validate', refused: reason },
      });
      expect(tally).toEqual({ [reason]: 1 });
    },
  );

  test('a verifier that breaks its promise does not open the door', async () => {
    const { ports, effect, tally } = setUp();
    const broken = Promise.reject(new Error('secret'));
    ports.verifier('backend').verdicts.set('slow', broken);
    const answer = await effect({ headers: { authorization: 'Bearer slow' } });
    expect(answer.kind).toBe('deny');
    expect(answer.body).toBe('jwt-validate: the check could not be carried out\n');
    expect(tally).toEqual({ internal: 1 });
  });

  test.each([
    ['its SPIFFE ID', 'spiffe://example.org/ns/a/sa/frontend', true],
    ['a prefix of it', 'spiffe://example.org/ns/a/*', true],
    ['its trust domain', 'spiffe://example.org', true],
    ['every path of its trust domain', 'spiffe://example.org/*', true],
    ['a longer ID', 'spiffe://example.org/ns/a/sa/frontend/x', false],
    ['the prefix as an ID', 'spiffe://example.org/ns/a', false],
    ['a prefix of another namespace', 'spiffe://example.org/ns/ab/*', false],
    ['a prefix that ends within a segment', 'spiffe://example.org/ns/a/s/*', false],
    ['another trust domain', 'spiffe://example.or', false],
  ])('decides a caller by %s', async (_name, pattern, isAllowed) => {
    const { effect } = setUp({ allowCallers: ['spiffe://other.org/x', pattern] });
    const { kind, body } = await effect(withGood);
    expect(kind).toBe(isAllowed ? 'allow' : 'deny');
    if (!isAllowed) expect(body).toContain('may not call');
  });

  const ofAudience = ['spiffe://example.org/a', 'backend'];
  test.each([
    {
      who: 'the trust domain of an audience',
      audiences: ofAudience,
      known: ['a.test', 'example.org'],
      kind: 'allow',
    },
    {
      who: 'another than that of an audience',
      audiences: ['spiffe://a.test/a', 'backend'],
      known: ['example.org'],
      kind: 'deny',
    },
    {
      who: 'the only one, where no audience says it',
      audiences: ['backend'],
      known: ['example.org'],
      kind: 'allow',
    },
    {
      who: 'one of two, where no audience says it',
      audiences: ['backend'],
      known: ['a.test', 'example.org'],
      kind: 'deny',
    },
    { who: 'another than the only one', audiences: ['backend'], known: ['a.test'], kind: 'deny' },
    { who: 'any, while there are no keys', audiences: ['backend'], known: [], kind: 'deny' },
  ])('where no caller is named, one of $who: $kind', async ({ audiences, known, kind }) => {
    const { effect, ports } = setUp({ audiences });
    ports.trustDomains = known.map((name) => parseTrustDomain(name));
    ports
      .verifier([...audiences].sort().join(','))
      .verdicts.set(good, accepted('spiffe://example.org/ns/a/sa/frontend'));
    expect((await effect(withGood)).kind).toBe(kind);
  });

  test('a route that names another audience lets nobody else in', async () => {
    const { effect, ports } = setUp({ audiences: ['spiffe://example.org/a'] });
    ports.trustDomains = ['a.test', 'example.org'].map((name) => parseTrustDomain(name));
    ports.verifier('spiffe://a.test/x').verdicts.set(good, accepted('spiffe://a.test/b'));
    const route = { 'svidecar-audience': 'spiffe://a.test/x' };
    expect((await effect({ ...withGood, extensions: route })).body).toContain('may not call');
  });

  test.each([
    ['/health', true],
    ['/health?verbose=1', true],
    ['/public/a/b', true],
    ['/public/', true],
    ['/health/', false],
    ['/healthy', false],
    ['/public', false],
    ['/public/../secret', false],
    ['/public/./x', false],
    ['/public/..', false],
    ['/public//x', false],
    ['//public/x', false],
    ['/public/%2e%2e/secret', false],
    ['/public/..%2fsecret', false],
    ['/public/%2F', false],
    ['/public/a%5c..%5csecret', false],
    ['/public\\..\\secret', false],
    ['/public/..;/secret', false],
    ['/public/x#/../secret', false],
    ['/public/\u00e9', false],
    ['http://backend/public/x', false],
    ['public/x', false],
    ['*', false],
    ['', false],
  ])('path %s needs no token: %s', async (path, isSkipped) => {
    const { effect, tally } = setUp({
      skipPaths: ['/health', '/public/*'],
      callerHeader: 'x-caller',
    });
    const answer = await effect({ path, headers: { 'x-caller': 'spiffe://evil/' } });
    expect(answer.kind).toBe(isSkipped ? 'allow' : 'deny');
    expect(answer.remove).toEqual(isSkipped ? ['x-caller'] : []);
    expect(tally).toEqual(isSkipped ? { skipped: 1 } : { token_missing: 1 });
  });

  test('a skipped route loses the caller header too', async () => {
    const { effect } = setUp({ callerHeader: 'x-caller' });
    expect(await effect({ path: '/', extensions: { 'svidecar-skip': 'true' } })).toMatchObject({
      kind: 'allow',
      remove: ['x-caller'],
    });
  });

  test.each(['/public/../secret', '/public/%2e%2e/secret', '/public//x', '/public/a%20b', '*', ''])(
    'a skipped route does not hold for a path that can be read in two ways: %s',
    async (path) => {
      const { effect, tally } = setUp();
      const answer = await effect({ path, extensions: { 'svidecar-skip': 'true' } });
      expect(answer.kind).toBe('deny');
      expect(tally).toEqual({ token_missing: 1 });
    },
  );

  test('a route can have audiences of its own, and then the rule audience is not enough', async () => {
    const { ports, effect } = setUp();
    const extensions = { 'svidecar-audience': 'x, y' };
    expect((await effect({ ...withGood, extensions })).kind).toBe('deny');
    ports.verifier('x,y').verdicts.set(good, accepted('spiffe://example.org/a'));
    expect((await effect({ ...withGood, extensions })).kind).toBe('allow');
  });

  test('a route with nothing but commas is refused, and so are too many of them', async () => {
    const { ports, effect } = setUp();
    const refused = { kind: 'deny', metadata: { refused: 'route_settings' } };
    expect(await effect({ ...withGood, extensions: { 'svidecar-audience': ', ,' } })).toMatchObject(
      refused,
    );
    ports.maxAudiences = 1;
    expect(await effect({ ...withGood, extensions: { 'svidecar-audience': 'z' } })).toMatchObject(
      refused,
    );
  });
});
