/** Lists in messages: a message is for people, and many messages may name the same list. */

/** Most names in a message. */
export const mostNames = 20;

/** The first names, and how many more there are. @param count of all names, where not all are given */
export function shortList(names: readonly string[], count = names.length): string {
  const more = count - mostNames;
  const shown = names.slice(0, mostNames).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}
