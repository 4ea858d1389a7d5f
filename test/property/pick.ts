import * as arb from 'fast-check';
import type fc from 'fast-check';

/** One of several values, chosen by a property's generator. */
export function pick<T>(g: fc.GeneratorValue, ...items: readonly T[]): T {
  const item = items[g(arb.nat, items.length - 1)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}
