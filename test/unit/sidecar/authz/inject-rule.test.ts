import { describe, expect, test } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { checkHandler } from '../../../../sidecar/authz/check-handler.ts';
import { checkSettings, type Rule } from '../../../../sidecar/config/settings.ts';
import { checkRequest, effectOf, type CheckParts } from '../../../fakes/envoy-check.ts';
import { FakeRulePorts } from '../../../fakes/fake-rule-ports.ts';

const frontend = parseSpiffeId('spiffe://example.org/frontend');
const nowS = 1_000;

function token(name: string, expiresAtS = 1_300) {
  return { token: name, spiffeId: frontend, issuedAtS: 1_000, expiresAtS };
}

function setUp(rule: object) {
  const rules: readonly Rule[] = checkSettings(
    { version: 1, rules: [{ name: 'jwt-inject', mode: 'inject', ...rule }] },
    'test',
  ).rules;
  const ports = new FakeRulePorts();
  const handler = checkHandler(rules, ports);
  const effect = async (parts: CheckParts, at = nowS) =>
    effectOf(await handler.check(checkRequest(parts), { rule: undefined }, at));
  return { ports, handler, effect, tally: ports.tallyFor('jwt-inject').counts };
}

describe('an inject rule', () => {
  test('sends the newest token as the only Authorization header, and names the SVID in metadata', async () => {
    const { ports, effect, tally } = setUp({ audience: 'backend' });
    ports.source('backend').issue(token('first'));
    expect(await effect({})).toEqual({
      kind: 'allow',
      set: { authorization: 'Bearer first' },
      remove: [],
      metadata: { rule: 'jwt-inject', spiffe_id: frontend },
    });
    ports.source('backend').issue(token('second'));
    expect((await effect({})).set).toEqual({ authorization: 'Bearer second' });
    expect(tally).toEqual({ allowed: 2 });
  });

  test('builds the answer once for each token', () => {
    const { ports, handler } = setUp({ audience: 'backend' });
    ports.source('backend').issue(token('first'));
    const once = handler.check(checkRequest(), { rule: undefined }, nowS);
    expect(handler.check(checkRequest(), { rule: undefined }, nowS + 1)).toBe(once);
  });

  test('asks for the SVID that the rule names', () => {
    expect(setUp({ audience: 'a', spiffeId: frontend }).ports.askedIds).toEqual([frontend]);
  });

  test('without a token refuses with 503 and says why', async () => {
    const { ports, effect, tally } = setUp({ audience: 'backend' });
    expect(await effect({})).toMatchObject({
      kind: 'deny',
      status: 503,
      body: 'jwt-inject: there is no token to send\n',
      metadata: { rule: 'jwt-inject', refused: 'no_token_yet' },
    });
    ports.source('backend').trouble = 'no registration entry matches';
    expect((await effect({})).body).toBe(
      'jwt-inject: there is no token to send: no registration entry matches\n',
    );
    expect(tally).toEqual({ no_token_yet: 2 });
  });

  test('sends a token up to its expiry and not after', async () => {
    const { ports, effect } = setUp({ audience: 'backend' });
    ports.source('backend').issue(token('first', 1_300));
    ports.source('backend').trouble = 'the agent does not answer';
    expect((await effect({}, 1_299)).kind).toBe('allow');
    expect(await effect({}, 1_300)).toMatchObject({ kind: 'deny', status: 503 });
  });

  test.each([
    ['deny', { kind: 'deny', status: 403 }],
    ['overwrite', { kind: 'allow', set: { authorization: 'Bearer mine' } }],
    ['keep', { kind: 'allow', set: {} }],
  ])('given an Authorization header, %s does what it says', async (authorization, expected) => {
    const { ports, effect } = setUp({ audience: 'backend', authorization });
    ports.source('backend').issue(token('mine'));
    expect(await effect({ headers: { authorization: 'Basic x' } })).toMatchObject(expected);
    expect(await effect({ rawHeaders: [['authorization', 'Basic x']] })).toMatchObject(expected);
    expect(await effect({ headers: { Authorization: '' } })).toMatchObject(expected);
  });

  test.each([
    ['the exact host', 'api.example.com', 'exact'],
    ['the exact host with a port', 'api.example.com:8443', 'exact'],
    ['a host in upper case', 'API.Example.com', 'exact'],
    ['a host with a closing dot', 'api.example.com.', 'exact'],
    ['the longest suffix', 'a.deep.example.com', 'deep'],
    ['a shorter suffix', 'b.example.com', 'wide'],
    ['a key with a port', 'db:5432', 'port'],
    ['an IPv6 address', '[::1]:80', 'six'],
  ])('finds the audience by %s', async (_name, host, audience) => {
    const { ports, effect } = setUp({
      audienceByHost: {
        'api.example.com': 'exact',
        '*.example.com': 'wide',
        '*.deep.example.com': 'deep',
        'db:5432': 'port',
        '[::1]': 'six',
      },
    });
    ports.source(audience).issue(token(audience));
    const expected = { authorization: `Bearer ${audience}` };
    expect((await effect({ host })).set).toEqual(expected);
    expect((await effect({ host })).set, 'remembered').toEqual(expected);
  });

  test.each([
    'evil.test:80.example.com',
    'evil.test:.example.com',
    'a.example.com:80:81',
    'a.example.com:http',
    'user@a.example.com',
    'evil.test/.example.com',
    'evil.test?.example.com',
    'evil.test .example.com',
    '[::1].example.com',
    '[::1]:80.example.com',
    'evil.test\\.example.com',
    'evil.test%00.example.com',
  ])('%s is not under *.example.com', async (host) => {
    const { effect } = setUp({ audienceByHost: { '*.example.com': 'wide' } });
    expect(await effect({ host })).toMatchObject({ kind: 'allow', set: {} });
  });

  test.each(['example.com', 'db:1', 'evil-example.com', 'api.example.com.evil.org', ''])(
    'lets a request to %s pass untouched, with its own Authorization, when no audience is meant for it',
    async (host) => {
      const { effect, tally } = setUp({ audienceByHost: { '*.example.com': 'wide' } });
      const untouched = { kind: 'allow', set: {}, remove: [], metadata: {} };
      expect(await effect({ host, headers: { authorization: 'Basic x' } })).toEqual(untouched);
      expect(tally).toEqual({ passed: 1 });
    },
  );

  test('falls back to the rule audience for other hosts', async () => {
    const { ports, effect } = setUp({ audience: 'rest', audienceByHost: { a: 'a' } });
    ports.source('rest').issue(token('rest'));
    expect((await effect({ host: 'b' })).set).toEqual({ authorization: 'Bearer rest' });
  });

  test('a route can be skipped, or have an audience of its own', async () => {
    const { ports, effect } = setUp({ audience: 'backend' });
    ports.source('backend').issue(token('backend'));
    ports.source('other').issue(token('other'));
    expect((await effect({ extensions: { 'svidecar-skip': 'true' } })).set).toEqual({});
    expect((await effect({ extensions: { 'svidecar-skip': 'false', theirs: '1' } })).set).toEqual({
      authorization: 'Bearer backend',
    });
    expect((await effect({ extensions: { 'svidecar-audience': 'other' } })).set).toEqual({
      authorization: 'Bearer other',
    });
  });

  test('the first request for a route audience waits for its token, and lets go of the source', async () => {
    const { ports, effect } = setUp({ audience: 'backend' });
    const pending = effect({ extensions: { 'svidecar-audience': 'other' } });
    ports.source('other').issue(token('other'));
    expect((await pending).set).toEqual({ authorization: 'Bearer other' });
    expect(ports.source('other').listening).toBe(0);
  });

  test('waits for a route audience only so long', async () => {
    const { ports, effect } = setUp({ audience: 'backend' });
    ports.source('other').trouble = 'no entry';
    expect(await effect({ extensions: { 'svidecar-audience': 'other' } })).toMatchObject({
      kind: 'deny',
      status: 503,
    });
    expect(ports.source('other').listening).toBe(0);
  });

  test('routes cannot make the helper keep tokens without end', async () => {
    const { ports, effect } = setUp({ audience: 'backend' });
    ports.maxAudiences = 1;
    expect(await effect({ extensions: { 'svidecar-audience': 'other' } })).toMatchObject({
      kind: 'deny',
      body: 'jwt-inject: routes name more audiences than the helper keeps tokens for\n',
    });
  });

  test.each([
    ['a misspelt key', { 'svidecar-audiance': 'x' }],
    ['another rule', { 'svidecar-rule': 'jwt-validate' }],
    ['a skip that is neither', { 'svidecar-skip': 'yes' }],
    ['an empty audience', { 'svidecar-audience': '' }],
    ['an audience over 512 characters', { 'svidecar-audience': 'a'.repeat(513) }],
  ])('refuses a route with %s', async (_name, extensions) => {
    const { ports, effect } = setUp({ audience: 'backend' });
    ports.source('backend').issue(token('backend'));
    expect(await effect({ extensions })).toMatchObject({
      kind: 'deny',
      status: 403,
      metadata: { refused: 'route_settings' },
    });
  });

  describe('given a token of the helper itself', () => {
    const byHost = { audienceByHost: { 'a.test': 'a', 'b.test': 'b' } };
    const withOwn = (rule: object) => {
      const all = setUp({ ...byHost, ...rule });
      for (const name of ['a', 'b']) all.ports.source(name).issue(token(`for.${name}.x`));
      return all;
    };
    const own = { headers: { authorization: 'Bearer for.a.x' } };

    test.each(['deny', 'overwrite', 'keep'])('%s takes it for no header', async (authorization) => {
      const { effect } = withOwn({ authorization });
      expect((await effect({ host: 'a.test', ...own })).set).toEqual({
        authorization: 'Bearer for.a.x',
      });
      expect((await effect({ host: 'b.test', ...own })).set).toEqual({
        authorization: 'Bearer for.b.x',
      });
    });

    test('a host without an audience does not get it, nor does a route that is skipped', async () => {
      const { effect, tally } = withOwn({});
      const takenOff = { kind: 'allow', set: {}, remove: ['authorization'], metadata: {} };
      expect(await effect({ host: 'c.test', ...own })).toEqual(takenOff);
      const extensions = { 'svidecar-skip': 'true' };
      expect(await effect({ host: 'a.test', extensions, ...own })).toEqual(takenOff);
      const raw = [['authorization', 'bEARER for.a.x']] as const;
      expect(await effect({ host: 'c.test', rawHeaders: raw })).toEqual(takenOff);
      expect(tally).toEqual({ taken_off: 3 });
    });

    test('one that was renewed is still known, until it can count nowhere', async () => {
      const { ports, effect } = withOwn({});
      ports.source('a').issue(token('for.a.y', 2_000));
      expect((await effect({ host: 'c.test', ...own })).remove).toEqual(['authorization']);
      expect((await effect({ host: 'c.test', ...own }, 1_419)).remove).toEqual(['authorization']);
      expect((await effect({ host: 'c.test', ...own }, 1_420)).remove).toEqual([]);
    });

    test.each([
      ['joined', { headers: { authorization: 'Basic eDp5,Bearer for.a.x' } }],
      ['joined with a space', { headers: { authorization: 'Bearer for.a.x, Basic eDp5' } }],
      [
        'apart',
        {
          rawHeaders: [
            ['authorization', 'Bearer for.a.x'],
            ['authorization', 'Basic eDp5'],
          ] as const,
        },
      ],
    ])('beside a header of the client, %s, nothing leaks', async (_name, parts) => {
      const status = { kind: 'deny', status: 403 };
      for (const authorization of ['deny', 'keep', 'overwrite']) {
        const { effect } = withOwn({ authorization });
        expect(await effect({ host: 'c.test', ...parts })).toMatchObject(status);
      }
      expect(
        await withOwn({ authorization: 'keep' }).effect({ host: 'a.test', ...parts }),
      ).toMatchObject({ ...status, metadata: { refused: 'several_authorizations' } });
      expect(await withOwn({}).effect({ host: 'a.test', ...parts })).toMatchObject(status);
      const { set } = await withOwn({ authorization: 'overwrite' }).effect({
        host: 'a.test',
        ...parts,
      });
      expect(set).toEqual({ authorization: 'Bearer for.a.x' });
    });

    test.each(['Bearer for.a.', 'Bearer for.a.xx', 'Basic for.a.x', 'Bearer  for.a.x'])(
      '%s is none',
      async (authorization) => {
        const { effect } = withOwn({});
        const headers = { authorization };
        expect(await effect({ host: 'a.test', headers })).toMatchObject({ kind: 'deny' });
        expect(await effect({ host: 'c.test', headers })).toMatchObject({
          kind: 'allow',
          remove: [],
        });
      },
    );
  });
});
