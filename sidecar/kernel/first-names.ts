/** Lists in sentences: a sentence is for people, who read no more than its first names. */

/** Most names in a sentence that has no reason for another limit. */
const usualMost = 5;

export interface NamesToldOf {
  /** Names that are shown. */
  readonly most?: number;
  /** All that there are, where not all are given. */
  readonly count?: number;
}

/** `a, b and 3 more`. */
export function firstNames(
  names: readonly string[],
  { most = usualMost, count = names.length }: NamesToldOf = {},
): string {
  const shown = names.slice(0, most);
  const more = count - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
