/** Who may call: a SPIFFE ID, a prefix of them ending in `/*`, or a whole trust domain (an ID without a path). */
import { spiffeIdFault } from '#kernel/spiffe-id.ts';

export interface CallerPatterns {
  readonly ids: readonly string[];
  /** What their IDs begin with; it ends with a slash, so that `/ns/a/*` does not let `/ns/ab` in. */
  readonly starts: readonly string[];
}

/** Says what is wrong with a pattern, or undefined when nothing is. */
export function callerPatternFault(text: string): string | undefined {
  return spiffeIdFault(text.endsWith('/*') ? text.slice(0, -2) : text);
}

/** Whom checked patterns mean: a trust domain means itself and all below it. */
export function callersOf(patterns: readonly string[]): CallerPatterns {
  return {
    ids: patterns.filter((text) => !text.endsWith('/*')),
    starts: patterns.flatMap((text) => {
      if (text.endsWith('/*')) return [text.slice(0, -1)];
      return text.slice('spiffe://'.length).includes('/') ? [] : [`${text}/`];
    }),
  };
}
