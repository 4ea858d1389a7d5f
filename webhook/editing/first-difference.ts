/** Where two JSON values differ: key order does not count. */
import { own } from '#kernel/members.ts';
import { type Json, isArray, isObject } from '#kernel/json.ts';
import { escapeToken } from './operation.ts';

/** The JSON Pointer of the first place where two values differ; undefined when they are equal. */
export function firstDifference(
  one: Json | undefined,
  other: Json | undefined,
): string | undefined {
  if (one === other) return undefined;
  if (isArray(one) && isArray(other)) return differenceOfLists(one, other);
  if (isObject(one) && isObject(other)) {
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      if (Object.hasOwn(one, key) !== Object.hasOwn(other, key)) return `/${escapeToken(key)}`;
      const below = firstDifference(own(one, key), own(other, key));
      if (below !== undefined) return `/${escapeToken(key)}${below}`;
    }
    return undefined;
  }
  return '';
}

function differenceOfLists(one: readonly Json[], other: readonly Json[]): string | undefined {
  for (let index = 0; index < Math.max(one.length, other.length); index += 1) {
    if (index >= one.length || index >= other.length) return `/${index}`;
    const below = firstDifference(one[index], other[index]);
    if (below !== undefined) return `/${index}${below}`;
  }
  return undefined;
}
