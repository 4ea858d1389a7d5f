/** How long to wait before trying again: exponential, bounded, and spread by chance. */

export interface BackOff {
  /** Milliseconds before the first repetition. */
  readonly firstMs: number;
  /** Each wait is so many times the one before. */
  readonly factor: number;
  /** Milliseconds: no wait is longer. */
  readonly limitMs: number;
  /** Between 0 and 1: the part of a wait that chance may take away, so that many clients don't come back at once. */
  readonly jitter: number;
}

/**
 * @param attempt 0 for the first repetition
 * @param chance from 0 up to 1: a random number, passed in
 * @returns milliseconds
 */
export function backOffMs(backOff: BackOff, attempt: number, chance: number): number {
  const wait = Math.min(backOff.limitMs, backOff.firstMs * backOff.factor ** Math.max(0, attempt));
  return Math.round(wait * (1 - backOff.jitter * chance));
}
