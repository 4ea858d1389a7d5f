/** Bans by what `jwt_authn` says of a token, in place of the token. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { checkHandler } from '../../../../sidecar/authz/check-handler.ts';
import { checkSettings } from '../../../../sidecar/config/settings.ts';
import { bareToken } from '../../../fakes/ban-tokens.ts';
import { checkRequest, effectOf, type CheckParts } from '../../../fakes/envoy-check.ts';
import { FakeRulePorts } from '../../../fakes/fake-rule-ports.ts';

const rule = {
  name: 'jwt-ban',
  mode: 'ban',
  metadata: 'payload',
  claims: ['email', '/realm/user', 'constructor'],
  store: { file: '/bans' },
};
const verified = (payload: JsonObject, key = 'payload'): CheckParts => ({
  metadata: { 'envoy.filters.http.jwt_authn': { [key]: payload }, 'another.filter': { payload } },
});

function setUp() {
  const { rules } = checkSettings({ version: 1, rules: [rule] }, 'test');
  const ports = new FakeRulePorts();
  ports.bans.load(
    { claim: 'email', value: 'jo@example.org' },
    { claim: '/realm/user', value: 42 },
    { claim: '/realm/user', value: '9007199254740993' },
    { claim: 'constructor', value: 'x' },
    { claim: 'email', value: 'al@example.org', issuedBefore: '1970-01-01T01:00:00Z' },
  );
  const handler = checkHandler(rules, ports);
  const kind = async (parts: CheckParts) =>
    effectOf(await handler.check(checkRequest(parts), { rule: undefined }, 1_000)).kind;
  return { kind, tally: ports.tallyFor('jwt-ban').counts };
}

describe('a rule that looks at verified claims', () => {
  test.each<[string, JsonObject]>([
    ['a text', { email: 'Jo@Example.org' }],
    ['a whole number', { realm: { user: 42 } }],
    ['a name of the prototype', { constructor: 'x' }],
    ['an old token', { email: 'al@example.org', iat: 3_599 }],
  ])('refuses %s that is on the list', async (_name, payload) => {
    expect(await setUp().kind(verified(payload))).toBe('deny');
  });

  test.each<[string, CheckParts, string]>([
    ['nothing verified', {}, 'no_token'],
    [
      'a token that nobody verified',
      { headers: { authorization: `Bearer ${bareToken({ email: 'jo@example.org' })}` } },
      'no_token',
    ],
    ['a payload under another key', verified({ email: 'jo@example.org' }, 'other'), 'no_token'],
    ['another user', verified({ email: 'bo@example.org' }), 'not_banned'],
    ['a newer token', verified({ email: 'al@example.org', iat: 3_600 }), 'not_banned'],
    // Envoy's numbers are doubles: what one cannot hold is on no list, so nobody is taken for somebody else.
    [
      'a number that was rounded',
      verified({ realm: { user: 9_007_199_254_740_992 } }),
      'claim_missing',
    ],
    ['a list', verified({ email: ['jo@example.org'] }), 'claim_missing'],
    ['no claims', verified({}), 'claim_missing'],
  ])('lets %s pass', async (_name, parts, outcome) => {
    const { kind, tally } = setUp();
    expect(await kind(parts)).toBe('allow');
    expect(tally).toEqual({ [outcome]: 1 });
  });

  test.each([
    [{ cookie: 'session' }, /metadata.*goes without cookie|goes without cookie.*metadata/],
    [{ store: { http: 'http://a.test' }, claims: undefined }, /with a list only/],
    [{ metadata: '' }, /metadata/],
  ])('is refused with %j', (more, expected) => {
    expect(() => checkSettings({ version: 1, rules: [{ ...rule, ...more }] }, 'test')).toThrow(
      expected,
    );
  });
});
