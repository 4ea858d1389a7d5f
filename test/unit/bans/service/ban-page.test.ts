/** Pages of a list without order, and the buckets that bound how often it is asked for. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pageOf } from '../../../../bans/service/ban-page.ts';
import { TokenBuckets } from '../../../../bans/service/token-buckets.ts';

const rest = () => Promise.resolve();

async function* inSomeOrder(items: readonly string[]): AsyncGenerator<string> {
  for (const item of items) yield await Promise.resolve(item);
}

test('all pages together are the list, each item once, whatever order it comes in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string(), { maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      async (items, limit) => {
        const seen: string[] = [];
        let after: string | undefined;
        let order = items;
        do {
          const wanted = { limit, after };
          const page = await pageOf(inSomeOrder(order), (item) => item, { wanted, rest });
          expect(page.items.length).toBeLessThanOrEqual(limit);
          seen.push(...page.items);
          after = page.next;
          order = order.toReversed();
        } while (after !== undefined);
        expect(seen.toSorted()).toEqual(items.toSorted());
      },
    ),
    { numRuns: 50 },
  );
});

test('a page says nothing of what is there where it ends', async () => {
  const wanted = { limit: 1, after: undefined };
  const { next } = await pageOf(inSomeOrder(['jo@a', 'al@b']), (item) => item, { wanted, rest });
  expect(next).toMatch(/^[A-Za-z0-9_-]{43}$/);
});

test('a bucket gives what it holds, then one at a time', () => {
  const buckets = new TokenBuckets({ perSecond: 2, burst: 3, most: 10 });
  const take = (nowMs: number) => buckets.take('a', nowMs);
  expect([0, 0, 0, 0].map(take)).toEqual([0, 0, 0, 1]);
  expect(take(499)).toBe(1);
  expect(take(500)).toBe(0);
  expect(take(500)).toBe(1);
  // A clock that was set back gives nothing, and takes nothing.
  expect(take(0)).toBe(1);
  expect(take(500)).toBe(0);
  // However long nobody asked.
  expect([1e9, 1e9, 1e9, 1e9].map(take)).toEqual([0, 0, 0, 1]);
  expect(buckets.take('b', 1e9)).toBe(0);
});
