import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { movedBy, scrolledTo, windowOf } from '../../../../../webhook/pages/console/row-window.ts';

const views = fc.record({
  scrolled: fc.nat(300_000),
  height: fc.integer({ min: 0, max: 2_000 }),
  rowHeight: fc.constantFrom(40, 72),
  count: fc.nat(6_000),
});

describe('the rows that are drawn', () => {
  test('are all that are seen, and few more', () => {
    fc.assert(
      fc.property(views, (view) => {
        const { from, until } = windowOf(view);
        const { scrolled, height, rowHeight, count } = view;
        expect(from).toBeGreaterThanOrEqual(0);
        expect(until).toBeLessThanOrEqual(count);
        expect(until - from).toBeLessThanOrEqual(height / rowHeight + 23);
        for (const y of [scrolled, scrolled + height - 1]) {
          const at = Math.floor(y / rowHeight);
          if (y >= scrolled && at < count) expect(at >= from && at < until).toBe(true);
        }
      }),
    );
  });

  test('a row that is scrolled to is seen whole, and the list stays where it was already', () => {
    fc.assert(
      fc.property(views, fc.nat(5_999), (view, row) => {
        fc.pre(row < view.count && view.height >= view.rowHeight);
        const scrolled = scrolledTo(row, view);
        const top = row * view.rowHeight;
        expect(top).toBeGreaterThanOrEqual(scrolled);
        expect(top + view.rowHeight).toBeLessThanOrEqual(scrolled + view.height);
        expect(scrolledTo(row, { ...view, scrolled })).toBe(scrolled);
      }),
    );
  });

  test.each([
    ['ArrowDown', 3, 4],
    ['ArrowUp', 0, 0],
    ['PageDown', 3, 12],
    ['PageUp', 12, 3],
    ['Home', 50, 0],
    ['End', 3, 99],
    ['ArrowDown', 99, 99],
    ['x', 3, undefined],
  ])('%s from %i leads to %s', (key, at, next) => {
    expect(movedBy(key, at, { scrolled: 0, height: 400, rowHeight: 40, count: 100 })).toBe(next);
  });

  test('an empty list has no row to move to', () => {
    expect(movedBy('End', 0, { scrolled: 0, height: 400, rowHeight: 40, count: 0 })).toBe(
      undefined,
    );
  });
});
