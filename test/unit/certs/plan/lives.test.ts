import { describe, expect, test } from 'vitest';
import { backdateS, checkedLives } from '../../../../certs/plan/lives.ts';

const day = 86_400;

test('a week for a leaf, a year for an authority, and a minute to settle, where nothing is set', () => {
  expect(checkedLives({})).toEqual({ leafS: 7 * day, authorityS: 365 * day, settleS: 60 });
});

test('a one-minute leaf gets a wait that fits into it', () => {
  expect(checkedLives({ leafS: 60 })).toEqual({ leafS: 60, authorityS: 365 * day, settleS: 5 });
});

describe('refuses, naming the flag and what is allowed', () => {
  test.each([
    ['a leaf under a minute', { leafS: 59 }, '--leaf-life must be from 1m to 90d'],
    ['a leaf over 90 days', { leafS: 91 * day }, '--leaf-life must be from 1m to 90d'],
    [
      'an authority under three leaves',
      { leafS: 100, authorityS: 299 },
      '--ca-life must be at least three times',
    ],
    ['an authority over ten years', { authorityS: 3_651 * day }, 'at most 3650d'],
    [
      'a wait longer than a sixth of a leaf',
      { leafS: 600, settleS: 101 },
      '--certificate-settle must be',
    ],
    ['no wait', { settleS: 0 }, '--certificate-settle must be from 1s'],
  ])('%s', (_name, set, words) => {
    expect(() => checkedLives(set)).toThrow(words);
  });
});

test('certificates begin up to five minutes before they are made, short ones a tenth of their life', () => {
  expect(backdateS(7 * day)).toBe(300);
  expect(backdateS(60)).toBe(6);
});
