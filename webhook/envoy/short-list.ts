/** Lists in messages about Envoy: only the message has them, so it names more than a sentence usually does; and many messages may name the same list. */
import { firstNames } from '#kernel/first-names.ts';

/** Most names in a message. */
export const mostNames = 20;

/** The first names, and how many more there are. @param count of all names, where not all are given */
export function shortList(names: readonly string[], count = names.length): string {
  return firstNames(names, { most: mostNames, count });
}
