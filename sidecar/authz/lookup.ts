/**
 * The port of a rule that needs to know whether a value is on a list: the helper's own tokens now.
 * A rule decides what a value on the list means, and it must treat `not_known` as "no reason to act".
 */

export type LookupResult<Entry> =
  /** Definitely on the list. */
  | { readonly kind: 'listed'; readonly entry: Entry }
  /** Everything else: not on the list, the list is not loaded, or its store does not answer. */
  | { readonly kind: 'not_known' };

/** Answers at once, from memory; whatever keeps the list runs beside the checks. Must not throw. */
export interface Lookup<Entry> {
  /** @param nowS Unix seconds */
  find(value: string, nowS: number): LookupResult<Entry>;
}
