/** Limits of the conversation with an API server, each with where it comes from. */
import { backOffMs } from '#kernel/back-off.ts';

export interface ApiLimits {
  /** Objects of one page of a list. */
  readonly pageSize: number;
  /** Bytes of a page; where it would be more, fewer objects are asked for. */
  readonly pageBytes: number;
  /** Bytes of any answer. */
  readonly answerBytes: number;
  /** Milliseconds without a byte after which a request or a watch is given up. */
  readonly requestIdleMs: number;
  readonly watchIdleMs: number;
  /** Seconds after which the server is asked to end a watch; up to twice as long by chance. */
  readonly watchS: number;
  /** Milliseconds between lists even if all seems well. */
  readonly relistMs: number;
  /** Milliseconds before a list that follows another soon; doubling, up to the last: nobody can have us list at will. */
  readonly firstRelistMs: number;
  readonly lastRelistMs: number;
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
}

export const defaultApiLimits: ApiLimits = Object.freeze({
  // As client-go's pager.
  pageSize: 500,
  // Parsed, JSON takes several times its length; the heap has 192 MiB.
  pageBytes: 8 * 1024 * 1024,
  // etcd takes 1.5 MiB of an object, and JSON may write six characters for one.
  answerBytes: 16 * 1024 * 1024,
  requestIdleMs: 30_000,
  // The API server sends a bookmark about every 60 s; a longer silence is a dead peer.
  watchIdleMs: 75_000,
  // As client-go's reflector: 5 to 10 minutes.
  watchS: 300,
  relistMs: 30 * 60_000,
  firstRelistMs: 1_000,
  lastRelistMs: 60_000,
  firstRetryMs: 200,
  lastRetryMs: 15_000,
});

type RetryLimits = Pick<ApiLimits, 'firstRetryMs' | 'lastRetryMs'>;

/**
 * Milliseconds to wait after the n-th failure in a row (from 1): doubling, with full jitter in the upper half.
 * @param random gives [0, 1)
 */
export function retryDelayMs(failures: number, limits: RetryLimits, random: () => number): number {
  const { firstRetryMs: firstMs, lastRetryMs: limitMs } = limits;
  return backOffMs({ firstMs, factor: 2, limitMs, jitter: 0.5 }, failures - 1, random());
}
