import { expect, test } from 'vitest';
import { readHeld } from '../../../../webhook/checks/held-identities.ts';

test.each([1e300, 8_640_000_000_001, -1, '1', null])(
  'an end that is no date is none: %s',
  (validUntil) => {
    const held = readHeld({ tokens: [{ audience: 'a', validUntil }] });
    expect(held?.tokens).toEqual([{ audience: 'a' }]);
  },
);

test('an end that is a date is taken over', () => {
  const held = readHeld({ tokens: [{ audience: 'a', validUntil: 1_900_000_000 }] });
  expect(held?.tokens).toEqual([{ audience: 'a', validUntilS: 1_900_000_000 }]);
});

test('a page of a stranger tells of no more tokens than a helper has', () => {
  const tokens = Array.from({ length: 10_000 }, () => ({ audience: 'a' }));
  expect(readHeld({ tokens })?.tokens).toHaveLength(100);
});
