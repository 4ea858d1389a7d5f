/** Every limit of the conversation with SPIRE's server, with where it comes from. */
import { AppError } from '#kernel/errors.ts';
import type { ApiLimits } from '../../kube/api-limits.ts';

export type Retries = Pick<ApiLimits, 'firstRetryMs' | 'lastRetryMs'>;

export interface RegistrationLimits {
  /** Milliseconds that changes are gathered. */
  readonly gatherMs: number;
  /** Entries of one call. */
  readonly batchSize: number;
  /** Entries that one namespace may have. */
  readonly entriesEach: number;
  /** Waits after calls that failed, by what was wrong. */
  readonly unreachable: Retries;
  readonly forbidden: Retries;
  readonly failed: Retries;
  /** Waits before a single entry that was refused is tried again. */
  readonly item: Retries;
  /** The same where only another content would help. */
  readonly lastingItem: Retries;
  /** Milliseconds between looks whether we lead, where nothing else happens. */
  readonly idleMs: number;
}

export const defaultRegistrationLimits: RegistrationLimits = Object.freeze({
  // Short against the second within which an entry must exist.
  gatherMs: 50,
  // SPIRE writes 130 to 300 entries a second whatever the batch: a call stays well within its deadline.
  batchSize: 200,
  entriesEach: 10_000,
  unreachable: { firstRetryMs: 200, lastRetryMs: 10_000 },
  // Somebody has to do something first.
  forbidden: { firstRetryMs: 1_000, lastRetryMs: 60_000 },
  failed: { firstRetryMs: 500, lastRetryMs: 30_000 },
  item: { firstRetryMs: 1_000, lastRetryMs: 60_000 },
  lastingItem: { firstRetryMs: 60_000, lastRetryMs: 600_000 },
  idleMs: 1_000,
});

/** Waits after a call to SPIRE's server that failed. */
export function retriesFor(thrown: unknown, limits: RegistrationLimits): Retries {
  if (!(thrown instanceof AppError)) return limits.failed;
  if (thrown.code === 'SPIRE_FORBIDDEN') return limits.forbidden;
  return thrown.code === 'SPIRE_UNREACHABLE' ? limits.unreachable : limits.failed;
}
