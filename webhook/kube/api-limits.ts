/** Limits for talking to an API server, each with its derivation. */
import { backOffMs } from '#kernel/back-off.ts';

export interface ApiLimits {
  /** Objects in one page of a list. */
  readonly pageSize: number;
  /** Bytes of a page; where it would be larger, fewer objects are requested. */
  readonly pageBytes: number;
  /** Bytes of any answer. */
  readonly answerBytes: number;
  /** Milliseconds without a byte after which a request or a watch is abandoned. */
  readonly requestIdleMs: number;
  readonly watchIdleMs: number;
  /** Seconds after which the server is asked to end a watch; randomly up to twice as long. */
  readonly watchS: number;
  /** Milliseconds between lists even if all seems well. */
  readonly relistMs: number;
  /** Milliseconds before a list that soon follows another; doubling up to the last, so that nobody can make us list at will. */
  readonly firstRelistMs: number;
  readonly lastRelistMs: number;
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
  /** Milliseconds between looks for a resource that the cluster does not have. */
  readonly absentMs: number;
}

export const defaultApiLimits: ApiLimits = Object.freeze({
  // As client-go's pager.
  pageSize: 500,
  // Parsed, JSON takes several times its length; the heap has 192 MiB.
  pageBytes: 8 * 1024 * 1024,
  // etcd accepts 1.5 MiB for an object, and JSON may write six characters for one.
  answerBytes: 16 * 1024 * 1024,
  requestIdleMs: 30_000,
  // The API server sends a bookmark about every 60 s; a longer silence means a dead peer.
  watchIdleMs: 75_000,
  // As client-go's reflector: 5 to 10 minutes.
  watchS: 300,
  relistMs: 30 * 60_000,
  firstRelistMs: 1_000,
  lastRelistMs: 60_000,
  firstRetryMs: 200,
  lastRetryMs: 15_000,
  // A small answer; whoever installs Istio waits longer for the rest of it.
  absentMs: 10_000,
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
