import { expect, test } from 'vitest';
import { judgeIdentities, type IdentityLink } from '../../../../webhook/checks/identity-links.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { registeredShop, spireWith } from '../../../fakes/registered-shop.ts';

/** Of a workload that has no label `team`, by which entries are to select. */
function linkWith(
  registration: 'none' | 'entries' | 'clusterspiffeid',
  spire = spireWith([]),
): IdentityLink | undefined {
  const engine = engineFor({ registration, entries: { podLabels: ['team'] } });
  return judgeIdentities(registeredShop({ engine, spire }))[0]?.link;
}

test.each(['none', 'entries'] as const)(
  'registration: %s: that is why there is no entry',
  (registration) => {
    expect(linkWith(registration)).toMatchObject({
      step: 'entry',
      hint: expect.stringContaining(
        'its pod template does not have the label team, by which',
      ) as string,
    });
  },
);

test('where entries are for one pod each, no label selects', () => {
  expect(linkWith('clusterspiffeid')).toMatchObject({
    step: 'entry',
    hint: expect.stringContaining('svidecar render entries prints what makes it') as string,
  });
});

test('an entry that is there all the same gives it its identity', () => {
  expect(linkWith('none', spireWith())).toEqual({ kind: 'complete' });
});
