/** Who may call: a SPIFFE ID, a prefix of them ending in `/*`, or a whole trust domain (an ID without a path). */
import { spiffeIdFault } from '#kernel/spiffe-id.ts';

export type CallerPattern =
  | { readonly kind: 'exact'; readonly id: string }
  /** Begins with this; it ends with a slash, so that `/ns/a/*` does not let `/ns/ab` in. */
  | { readonly kind: 'prefix'; readonly start: string };

/** Says what is wrong with a pattern, or undefined when nothing is. */
export function callerPatternFault(text: string): string | undefined {
  return spiffeIdFault(text.endsWith('/*') ? text.slice(0, -2) : text);
}

/** The pattern that a checked text means: a trust domain means itself and all below it. */
export function callerPatternsOf(text: string): readonly CallerPattern[] {
  if (text.endsWith('/*')) return [{ kind: 'prefix', start: text.slice(0, -1) }];
  const exact: CallerPattern = { kind: 'exact', id: text };
  const isTrustDomain = !text.slice('spiffe://'.length).includes('/');
  return isTrustDomain ? [exact, { kind: 'prefix', start: `${text}/` }] : [exact];
}
