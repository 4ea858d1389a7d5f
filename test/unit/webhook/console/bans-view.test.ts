import { expect, it } from 'vitest';
import { BanTally } from '../../../../webhook/console/bans-view.ts';

it('counts all bans, and shows those that end first', () => {
  const tally = new BanTally();
  for (let i = 0; i < 5_000; i += 1)
    tally.add({
      id: `b${i}`,
      claim: 'sub',
      reason: i % 2 === 0 ? 'case 12' : undefined,
      untilS: i % 3 === 0 ? undefined : 10_000 - i,
    });
  const { count, byReason, shown } = tally.view();
  expect(count).toBe(5_000);
  expect(byReason).toEqual([
    { reason: 'case 12', count: 2_500 },
    { reason: '', count: 2_500 },
  ]);
  expect(shown).toHaveLength(1_000);
  expect(shown[0]?.id).toBe('b4999');
  expect(tally.shown()).toEqual(shown.map(({ id }) => id));
});

it('shows no value, whatever else a ban holds', () => {
  const tally = new BanTally();
  const ban = { id: 'x', claim: 'email', value: 'jo@example.org', by: 'somebody' };
  tally.add(ban);
  expect(JSON.stringify(tally.view())).not.toContain('jo@example.org');
});

it('shows no token in a reason, and nothing that turns its direction unseen', () => {
  const tally = new BanTally();
  tally.add({ id: 'x', claim: 'sub', reason: 'a\u202Eb eyJhbGciOiJub25lIn0.e30.c2ln' });
  const { byReason, shown } = tally.view();
  expect(shown[0]?.reason).toBe(String.raw`a\u202eb (not shown)`);
  expect(byReason[0]?.reason).toBe(shown[0]?.reason);
});
