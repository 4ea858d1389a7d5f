import { expect, test } from 'vitest';
import { firstNames, type NamesToldOf } from '#kernel/first-names.ts';

test.each<[string, NamesToldOf | undefined, string]>([
  ['', undefined, ''],
  ['a', undefined, 'a'],
  ['a b c d e', undefined, 'a, b, c, d, e'],
  ['a b c d e f', undefined, 'a, b, c, d, e and 1 more'],
  ['a b c', { most: 2 }, 'a, b and 1 more'],
  ['a b', { most: 2 }, 'a, b'],
  ['a b', { most: 2, count: 9 }, 'a, b and 7 more'],
  ['a b', { count: 3 }, 'a, b and 1 more'],
])('of "%s", told of as %o: %s', (names, told, words) => {
  expect(firstNames(names === '' ? [] : names.split(' '), told)).toBe(words);
});
