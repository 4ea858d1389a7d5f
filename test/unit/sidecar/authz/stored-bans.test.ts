import { describe, expect, test } from 'vitest';
import { checkHandler } from '../../../../sidecar/authz/check-handler.ts';
import { checkSettings } from '../../../../sidecar/config/settings.ts';
import { bareToken } from '../../../fakes/ban-tokens.ts';
import { checkRequest, effectOf, type CheckParts } from '../../../fakes/envoy-check.ts';
import { FakeRulePorts } from '../../../fakes/fake-rule-ports.ts';

const bearer = (claims: unknown): CheckParts => ({
  headers: { authorization: `Bearer ${bareToken(claims)}` },
});
const ofJo = bearer({ email: 'jo@example.org' });

function setUp(more: object = {}) {
  const store = { redis: { url: 'redis://127.0.0.1' } };
  const rule = { name: 'jwt-ban', mode: 'ban', claims: ['email', 'sub'], store, ...more };
  const { rules } = checkSettings({ version: 1, rules: [rule] }, 'test');
  const ports = new FakeRulePorts();
  const handler = checkHandler(rules, ports);
  const effect = async (parts: CheckParts) =>
    effectOf(await handler.check(checkRequest(parts), { rule: undefined }, 1_000));
  const kind = async (parts: CheckParts) => (await effect(parts)).kind;
  return { ports, effect, kind, tally: ports.tallyFor('jwt-ban').counts };
}

describe('a rule with a list in a store', () => {
  const ban = { claim: 'email', untilS: undefined, issuedBeforeS: undefined, reason: 'case 12' };
  const key = '[["email"],"jo@example.org"]';

  test('refuses by what is in memory, without asking', async () => {
    const { effect, kind, ports, tally } = setUp();
    const { inMemory, lookedUp } = ports.storedBans;
    inMemory.set(key, [ban]).set('[["email"],"al@example.org"]', []);
    expect(await effect(ofJo)).toMatchObject({ kind: 'deny', metadata: { ban_reason: 'case 12' } });
    expect(await kind(bearer({ email: 'al@example.org' }))).toBe('allow');
    expect(lookedUp).toEqual([]);
    expect(tally).toEqual({ banned: 1, not_banned: 1 });
  });

  test('asks once for all that is not in memory', async () => {
    const { kind, ports, tally } = setUp();
    const { inStore, lookedUp } = ports.storedBans;
    inStore.set(key, [ban]);
    expect(await kind(bearer({ email: 'Jo@Example.org', sub: 'a' }))).toBe('deny');
    expect(lookedUp).toEqual([key, '[["sub"],"a"]']);
    expect(await kind(bearer({ email: 'al@example.org' }))).toBe('allow');
    expect(tally).toEqual({ banned: 1, not_banned: 1 });
  });

  test('what is in memory refuses though the store is away; without it the request passes, counted', async () => {
    const { kind, ports, tally } = setUp();
    ports.storedBans.inMemory.set(key, [ban]);
    for (const trouble of ['store_away', 'store_slow', 'store_busy'] as const) {
      ports.storedBans.trouble = trouble;
      expect(await kind(bearer({ email: 'jo@example.org', sub: 'a' }))).toBe('deny');
      expect(await kind(bearer({ email: 'al@example.org' }))).toBe('allow');
    }
    ports.storedBans.isLoaded = false;
    expect(await kind(ofJo)).toBe('allow');
    expect(tally).toEqual({
      banned: 3,
      store_away: 1,
      store_slow: 1,
      store_busy: 1,
      ban_list_missing: 1,
    });
  });

  test('says of a token without iat what it would say of one list alone', async () => {
    const { kind, ports, tally } = setUp();
    ports.storedBans.inMemory.set(key, [{ ...ban, issuedBeforeS: 600 }]);
    expect(await kind(bearer({ email: 'jo@example.org', sub: 'a' }))).toBe('allow');
    expect(await kind(bearer({ email: 'jo@example.org', sub: 'a', iat: 599 }))).toBe('deny');
    expect(tally).toEqual({ issued_at_missing: 1, banned: 1 });
  });

  test('lets pass where the store breaks its promise', async () => {
    const { kind, ports, tally } = setUp();
    ports.storedBans.lookUp = () => Promise.reject(new TypeError('broken'));
    expect(await kind(ofJo)).toBe('allow');
    expect(tally).toEqual({ ban_not_carried_out: 1 });
  });

  test.each([
    [{ redis: { url: 'redis://u:p@a.test' } }, /passwordFile.* at rules\[0\].store.redis.url/],
    [
      { redis: { url: 'redis://a.test', urll: 'x' } },
      /Unrecognized key: "urll" at rules\[0\].store.redis/,
    ],
    [{ redis: {} }, /one of url, sentinel, cluster/],
    [{ rediss: {} }, /must have one of file, http, redis/],
    ['redis', /must have one of file, http, redis/],
  ])('settings with %j are refused, and say why', (store, expected) => {
    expect(() => setUp({ store })).toThrow(expected);
    expect(() => setUp({ claims: undefined })).toThrow(/must name the claims/);
  });
});
