import { describe, expect, test } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { answersOf } from '../../../../sidecar/authz/answer.ts';
import { injectRule } from '../../../../sidecar/authz/inject-rule.ts';
import type { Lookup } from '../../../../sidecar/authz/lookup.ts';
import { outcomes } from '../../../../sidecar/authz/outcomes.ts';
import { readCheck, type CheckView } from '../../../../sidecar/authz/read-check.ts';
import {
  refusals,
  refuse,
  type PreparedRule,
  type RuleDecision,
} from '../../../../sidecar/authz/rule-decision.ts';
import { checkRequest, effectOf, type CheckParts } from '../../../fakes/envoy-check.ts';
import { FakeRulePorts } from '../../../fakes/fake-rule-ports.ts';

const route = { kind: 'unchanged' } as const;
const nowS = 1_000;

function viewOf(parts: CheckParts): CheckView {
  const view = readCheck(checkRequest(parts));
  if (view === undefined) throw new Error('the request cannot be read');
  return view;
}

function backendRule(ports: FakeRulePorts): PreparedRule {
  const spiffeId = parseSpiffeId('spiffe://example.org/a');
  ports.source('backend').issue({ token: 't', spiffeId, issuedAtS: 1_000, expiresAtS: 1_300 });
  const settings = {
    name: 'jwt-inject',
    mode: 'inject',
    audience: 'backend',
    authorization: 'deny',
  } as const;
  return injectRule(settings, ports);
}

describe('an answer', () => {
  const allowed: RuleDecision = {
    kind: 'allow',
    outcome: 'allowed',
    set: { 'x-a': 'ü', 'x-b': 'y'.repeat(200) },
    remove: ['x-c'],
    metadata: { exp: 1.5, spiffe_id: 'spiffe://example.org/a' },
  };

  test('has what the decision says, in the name of the rule', () => {
    expect(effectOf(answersOf('one')(allowed))).toEqual({
      kind: 'allow',
      set: { 'x-a': 'ü', 'x-b': 'y'.repeat(200) },
      remove: ['x-c'],
      metadata: { rule: 'one', exp: 1.5, spiffe_id: 'spiffe://example.org/a' },
    });
    expect(effectOf(answersOf('one')(refuse('not_bearer', 'no')))).toMatchObject({
      kind: 'deny',
      status: 403,
      body: 'one: no\n',
      metadata: { rule: 'one', refused: 'not_bearer' },
    });
  });

  test('is written once for each decision, however they alternate', () => {
    const answer = answersOf('one');
    const decisions = [allowed, refusals.expired, refusals.internal];
    const first = decisions.map((decision) => answer(decision));
    for (let index = 0; index < 20; index += 1) {
      const at = (index * 7) % decisions.length;
      expect(answer(decisions[at] ?? allowed)).toBe(first[at]);
    }
    expect(new Set(first).size).toBe(3);
    expect(answer({ ...allowed })).not.toBe(first[0]);
    expect(answer({ ...allowed }).equals(first[0] ?? Buffer.alloc(0))).toBe(true);
  });

  test('of one rule is no answer of another, though they share the decision', () => {
    const one = answersOf('one');
    const two = answersOf('two');
    expect(effectOf(one(refusals.expired)).body).toBe('one: the token has expired\n');
    expect(effectOf(two(refusals.expired)).body).toBe('two: the token has expired\n');
  });

  test('only asks to try again where there is no token yet', () => {
    const answer = answersOf('one');
    const temporary = Object.values(refusals)
      .filter((decision) => effectOf(answer(decision)).status === 503)
      .map(({ outcome }) => outcome);
    expect(temporary).toEqual(['no_token_yet']);
    expect(Object.keys(refusals).length).toBe(outcomes.length - 14);
  });
});

/** What a list of hosts would be: a rule that refuses what is on it, and has nothing to say about anything else. */
function inFrontOf(rule: PreparedRule, hosts: Lookup<string>): PreparedRule {
  return {
    ...rule,
    decide: (view, ...rest) => {
      const found = hosts.find(view.host, nowS);
      return found.kind === 'listed'
        ? refuse('caller_not_allowed', found.entry)
        : rule.decide(view, ...rest);
    },
  };
}

describe('a rule in front of another', () => {
  const entry = 'closed';
  const hosts: Lookup<string> = {
    find: (host) => (host === 'shut' ? { kind: 'listed', entry } : { kind: 'not_known' }),
  };

  test('refuses what is definitely on its list, whatever the other would say', async () => {
    const rule = inFrontOf(backendRule(new FakeRulePorts()), hosts);
    expect(await rule.decide(viewOf({ host: 'shut' }), route, nowS)).toEqual({
      kind: 'refuse',
      outcome: 'caller_not_allowed',
      words: 'closed',
    });
  });

  test('leaves everything else to the other, whose decision stays the same value', async () => {
    const behind = backendRule(new FakeRulePorts());
    const rule = inFrontOf(behind, hosts);
    const view = viewOf({ host: 'open' });
    const decision = await rule.decide(view, route, nowS);
    expect(decision).toMatchObject({ kind: 'allow', set: { authorization: 'Bearer t' } });
    expect(decision).toBe(await behind.decide(view, route, nowS));
  });
});

test('a token that the lookup does not know counts as one of somebody else', async () => {
  const ports = new FakeRulePorts();
  const rule = backendRule(ports);
  const view = viewOf({ headers: { authorization: 'Bearer t' } });
  expect(await rule.decide(view, route, nowS)).toMatchObject({ outcome: 'allowed' });
  ports.ownTokens.forgetExpired(Infinity);
  expect(await rule.decide(view, route, nowS)).toBe(refusals.authorization_present);
});
