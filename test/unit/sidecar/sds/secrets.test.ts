import { expect, test } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { secretName } from '../../../../sidecar/config/helper-contract.ts';
import type { Rule } from '../../../../sidecar/config/settings.ts';
import { expiryMarginS, secretsOf } from '../../../../sidecar/sds/secrets.ts';
import { expiryOf } from '../../../../sidecar/sds/secret-version.ts';
import { FakeRulePorts } from '../../../fakes/fake-rule-ports.ts';

const nowS = 1_800_000_000;
const id = parseSpiffeId('spiffe://example.org/a');
const rules: readonly Rule[] = [
  { name: 'v', mode: 'validate', audiences: ['never'] },
  {
    name: 'i',
    mode: 'inject',
    authorization: 'deny',
    audience: 'one',
    audienceByHost: { h: 'two', '*.h': 'two' },
  },
  { name: 'as', mode: 'inject', authorization: 'deny', audience: 'one', spiffeId: id },
];
const issued = (token: string, expiresAtS: number) => ({
  token,
  spiffeId: id,
  issuedAtS: nowS,
  expiresAtS,
});

function setUp() {
  const ports = new FakeRulePorts();
  const secrets = secretsOf(rules, (audience, spiffeId) =>
    ports.tokensFor(`${audience}${spiffeId ?? ''}`, spiffeId),
  );
  return { ports, secrets };
}

test('there is one for each audience of the rules that inject, and for no other', () => {
  const { secrets } = setUp();
  const kinds = [
    secretName('one'),
    secretName('two'),
    secretName('one', id),
    secretName('two', id),
    secretName('never'),
    'one',
  ].map((name) => secrets.find(name, nowS).kind);
  expect(kinds).toEqual(['awaited', 'awaited', 'awaited', 'unknown', 'unknown', 'unknown']);
});

test('its value is the header value, and ends a little before the token does', () => {
  const { ports, secrets } = setUp();
  ports.source('one').issue(issued('t.o.k', nowS + 60));
  const state = secrets.find(secretName('one'), nowS + 60 - expiryMarginS - 0.1);
  expect(state).toMatchObject({ kind: 'held', value: 'Bearer t.o.k' });
  expect(state.kind === 'held' ? expiryOf(state.version) : 0).toBe(nowS + 60);
  expect(secrets.find(secretName('one'), nowS + 60 - expiryMarginS).kind).toBe('awaited');
  expect(secrets.find(secretName('one', id), nowS).kind, 'another identity').toBe('awaited');
});

test('every new token is told of, until nobody wants to know', () => {
  const { ports, secrets } = setUp();
  let changes = 0;
  const stop = secrets.onChange(() => (changes += 1));
  ports.source('one').issue(issued('a', nowS + 60));
  ports.source('two').issue(issued('b', nowS + 60));
  expect(changes).toBe(2);
  stop();
  ports.source('one').issue(issued('c', nowS + 60));
  expect(changes).toBe(2);
});
