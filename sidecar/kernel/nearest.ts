/** The known name nearest to a mistyped one. */

/** Edits between two short names (Levenshtein); O(n·m). */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + Number(left[i - 1] !== right[j - 1]);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

/**
 * Undefined when nothing is near enough to be meant.
 * @param maxEdits that count as a typing mistake; default: a third of the name
 */
export function nearest(
  name: string,
  known: readonly string[],
  maxEdits?: number,
): string | undefined {
  // Annotation keys and template names are short; longer input is no typing mistake.
  if (name.length > 100) return undefined;
  let best: { readonly candidate: string; readonly edits: number } | undefined;
  for (const candidate of known) {
    const edits = distance(name, candidate);
    if (best === undefined || edits < best.edits) best = { candidate, edits };
  }
  return best !== undefined && best.edits <= (maxEdits ?? Math.max(2, best.candidate.length / 3))
    ? best.candidate
    : undefined;
}
