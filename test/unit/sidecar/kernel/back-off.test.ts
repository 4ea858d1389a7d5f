import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backOffMs } from '#kernel/back-off.ts';

const backOff = { firstMs: 100, factor: 2, limitMs: 1_000, jitter: 0.5 };

test.each([
  ['the first wait', 0, 0, 100],
  ['the second is the factor longer', 1, 0, 200],
  ['the limit is kept', 9, 0, 1_000],
  ['the limit is kept after days', 100_000, 0, 1_000],
  ['chance takes a part away', 0, 0.5, 75],
  ['chance takes at most the jitter away', 9, 1, 500],
  ['an attempt below zero counts as the first', -3, 0, 100],
])('%s', (...[, attempt, chance, expected]) => {
  expect(backOffMs(backOff, attempt, chance)).toBe(expected);
});

test('a wait lies between what the jitter leaves and the limit', () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, chance) => {
      const wait = backOffMs(backOff, attempt, chance);
      expect(wait).toBeGreaterThanOrEqual(50);
      expect(wait).toBeLessThanOrEqual(1_000);
    }),
  );
});
