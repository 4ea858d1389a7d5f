import { describe, expect, test } from 'vitest';
import { substitute, variablesIn } from '../../../../webhook/templates/substitute.ts';

const variables = { names: ['a', 'b'], pairs: [{ key: 'x', n: 1 }], none: undefined, one: 'text' };

describe('$each', () => {
  test('stands for an item for each member of a list, between its neighbours', () => {
    const value = ['first', { $each: '${names}', $item: { name: '${each.value}-${one}' } }, 'last'];
    expect(substitute(value, variables)).toEqual([
      'first',
      { name: 'a-text' },
      { name: 'b-text' },
      'last',
    ]);
  });

  test('with $key gives a map its members, beside those that are written out', () => {
    const value = { $each: '${pairs}', $key: 'k-${each.key}', $item: { n: '${each.n}' }, own: 2 };
    expect(substitute(value, variables)).toEqual({ 'k-x': { n: 1 }, own: 2 });
  });

  test('of a variable without a value is nothing', () => {
    expect(substitute([{ $each: '${none}', $item: 1 }], variables)).toEqual([]);
  });

  test('goes one level deeper with the inner list', () => {
    const inner = { $each: '${names}', $item: '${each.value}' };
    expect(substitute([{ $each: '${pairs}', $item: [inner] }], variables)).toEqual([['a', 'b']]);
  });

  test.each([
    [[{ $each: '${one}', $item: 1 }], 'needs a list'],
    [[{ $each: '${names}' }], 'an $item beside it'],
    [[{ $each: '${names}', $item: '${each.key}' }], 'unknown variable ${each.key}'],
    ['${each.value}', 'unknown variable ${each.value}'],
  ])('is refused where it means nothing: %j', (value, why) => {
    expect(() => substitute(value, variables)).toThrow(
      expect.objectContaining({ code: 'TEMPLATE_INVALID' }),
    );
    expect(() => substitute(value, variables)).toThrow(why);
  });
});

test("a member's name counts by its list", () => {
  const value = { a: [{ $each: '${pairs}', $item: '${each.n} ${one}' }], b: '${each.n}' };
  expect([...variablesIn(value)]).toEqual(['pairs', 'pairs.n', 'one', 'each.n']);
});
