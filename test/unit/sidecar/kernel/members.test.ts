import { expect, test } from 'vitest';
import { own, setMember } from '#kernel/members.ts';

const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];

test.each(names)('%s is found where it was put, and nowhere else', (name) => {
  const object: Record<string, number> = {};
  expect(own(object, name)).toBeUndefined();
  setMember(object, name, 1);
  expect(own(object, name)).toBe(1);
  expect(Object.entries(object)).toEqual([[name, 1]]);
  expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  setMember(object, name, 2);
  expect(own(object, name)).toBe(2);
});

test('nothing has no members', () => {
  expect(own(undefined, 'a')).toBeUndefined();
});
