import { expect, test } from 'vitest';
import { judgeIdentities } from '../../../../webhook/checks/identity-links.ts';
import { injected } from '../../../fakes/admission.ts';
import {
  answering,
  registeredShop,
  runningPod,
  spireWith,
} from '../../../fakes/registered-shop.ts';
import { deployment } from '../../../fakes/workloads.ts';

test.each([
  ['jwt-ban', 0],
  ['jwt-ban, jwt-validate', 1],
])('a helper for %s gives %i identities to judge: one that only bans needs none', (names, many) => {
  const asking = { 'inject.svidecar.dev/templates': names };
  const workloads = [injected(deployment(asking))];
  const facts = registeredShop(
    { spire: spireWith([]), held: new Map() },
    { workloads, pods: [runningPod(undefined, asking)] },
  );
  expect(judgeIdentities(facts)).toHaveLength(many);
});

test.each([
  [
    { kind: 'unknown', reason: 'no answer' },
    'unknown',
    'what the helper of pod frontend-5d-x has: no answer',
  ],
  [{ kind: 'not_asked', reason: 'no right' }, 'complete', undefined],
] as const)(
  'where SPIRE has the entry, a helper that was asked %j leaves its identity %s',
  (held, kind, reason) => {
    const [judged] = judgeIdentities(registeredShop({ held: answering(held) }));
    expect(judged?.link).toEqual(reason === undefined ? { kind } : { kind, reason });
  },
);
