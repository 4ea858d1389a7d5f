import { expect, test } from 'vitest';
import { placesOf, type PodCounts, type SeenRequest } from '../../../../webhook/dev/way-of.ts';

const idle: PodCounts = { requests: undefined, outcomes: new Map([['allowed', 7]]) };
const nobody = { caller: idle, callee: idle, app: { requests: 3, credentials: 1 } };
const asked: SeenRequest = {
  before: nobody,
  after: nobody,
  status: 403,
  body: 'jwt-validate: words\n',
  isThroughCaller: true,
  hasCredential: false,
  asksHelper: true,
  caller: 'web',
  callee: 'ledger',
};

function counted(outcome: string): PodCounts {
  const count = (idle.outcomes.get(outcome) ?? 0) + 1;
  return { ...idle, outcomes: new Map([...idle.outcomes, [outcome, count]]) };
}

function statesOf(request: SeenRequest): readonly string[] {
  return placesOf(request).map(({ place, state }) => `${place} ${state}`);
}

test('a request that came to the app passed everywhere', () => {
  const after = {
    caller: counted('allowed'),
    callee: counted('allowed'),
    app: { requests: 4, credentials: 1 },
  };
  expect(statesOf({ ...asked, after, status: 200, body: '42' })).toEqual([
    'client passed',
    'caller-envoy passed',
    'caller-helper passed',
    'callee-envoy passed',
    'callee-helper passed',
    'app passed',
  ]);
});

test('where the caller’s helper refuses, nobody behind it is reached', () => {
  const after = { ...nobody, caller: counted('authorization_present') };
  expect(statesOf({ ...asked, after })).toEqual([
    'client passed',
    'caller-envoy refused',
    'caller-helper refused',
    'callee-envoy not_reached',
    'callee-helper not_reached',
    'app not_reached',
  ]);
});

test('the callee’s refusal has its outcome and its words', () => {
  const after = { ...nobody, callee: counted('token_missing') };
  const places = placesOf({ ...asked, after, isThroughCaller: false });
  expect(places.map(({ state }) => state)).toEqual([
    'passed',
    'not_on_the_way',
    'not_on_the_way',
    'refused',
    'refused',
    'not_reached',
  ]);
  expect(places[4]?.words).toBe('token_missing: jwt-validate: words');
});

test('without questions to helpers, Envoy’s own count says how far a request came', () => {
  const native = { ...asked, asksHelper: false, status: 401, body: 'Jwt is expired' };
  const reached = { ...idle, requests: 1 };
  const unreached = { ...idle, requests: 0 };
  const before = { ...nobody, caller: unreached, callee: unreached };
  const atCallee = { ...nobody, caller: reached, callee: reached };
  const atCaller = { ...nobody, caller: reached, callee: unreached };
  expect(statesOf({ ...native, before, after: atCallee }).slice(1, 5)).toEqual([
    'caller-envoy passed',
    'caller-helper not_asked',
    'callee-envoy refused',
    'callee-helper not_asked',
  ]);
  expect(statesOf({ ...native, before, after: atCaller }).slice(1, 4)).toEqual([
    'caller-envoy refused',
    'caller-helper not_asked',
    'callee-envoy not_reached',
  ]);
});
