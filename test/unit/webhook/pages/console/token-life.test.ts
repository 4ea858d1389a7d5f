import { describe, expect, test } from 'vitest';
import {
  agoOf,
  lengthOf,
  lifeLeft,
  utcOf,
} from '../../../../../webhook/pages/console/token-life.ts';

describe('times for people', () => {
  test.each([
    [0, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [119, '1 min'],
    [3_600, '1 h'],
    [3_720, '1 h 2 min'],
    [86_400, '1 d'],
    [273_600, '3 d 4 h'],
    [-5, '0 s'],
  ])('%d seconds are %s', (seconds, words) => {
    expect(lengthOf(seconds)).toBe(words);
  });

  test.each([
    [{ fromS: 100, untilS: 300 }, 200, { share: 0.5, words: '1 min left of 3 min', state: 'good' }],
    [{ fromS: 100, untilS: 300 }, 280, { share: 0.1, words: '20 s left of 3 min', state: 'short' }],
    [{ fromS: 100, untilS: 300 }, 420, { share: 0, words: 'ended 2 min ago', state: 'over' }],
    [{ fromS: undefined, untilS: 300 }, 100, { words: '3 min left', state: 'good' }],
    [{ fromS: undefined, untilS: 300 }, 250, { words: '50 s left', state: 'short' }],
    [{ fromS: 300, untilS: 300 }, 250, { words: '50 s left', state: 'short' }],
  ] as const)('a life %o, seen at %i', (life, nowS, left) => {
    expect(lifeLeft(life, nowS)).toMatchObject(left);
  });

  test('what was, and when', () => {
    expect(agoOf(100, 100.5)).toBe('now');
    expect(agoOf(100, 175)).toBe('1 min ago');
    expect(agoOf(110, 100)).toBe('now');
    expect(agoOf(7_300, 100)).toBe('in 2 h');
    expect(utcOf(1_795_000_000)).toBe('2026-11-18 11:06:40 UTC');
  });
});
