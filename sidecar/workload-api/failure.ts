/** Failed calls: their kind, what to do about them, and how to say it. */
import { backOffMs, type BackOff } from '#kernel/back-off.ts';
import type { CallFailure, FailureKind } from './api.ts';
import type { CallStatus } from './call-end.ts';

/** @see SPIFFE Workload Endpoint, appendix A; every other status means that the agent does not answer now. */
const kinds: ReadonlyMap<CallStatus, FailureKind> = new Map([
  ['PERMISSION_DENIED', 'no_identity'],
  ['INVALID_ARGUMENT', 'rejected'],
  ['UNIMPLEMENTED', 'rejected'],
]);

export function failureOf(status: CallStatus, details: string): CallFailure {
  const kind = kinds.get(status) ?? 'unavailable';
  return { kind, text: details === '' ? status : `${status}: ${details}` };
}

/** At start a new entry is on its way (the agent learns of it within 5 s): ask often, for a while. */
const quick: BackOff = { firstMs: 250, factor: 1.5, limitMs: 1_000, jitter: 0.3 };
/** Each call makes the agent attest the workload again, so a workload without an entry must not ask all the time. */
const patient: BackOff = { firstMs: 1_000, factor: 2, limitMs: 5_000, jitter: 0.3 };
/** Short enough for "back within seconds" once the agent is there again. */
const absent: BackOff = { firstMs: 200, factor: 2, limitMs: 5_000, jitter: 0.5 };
/** Milliseconds of asking often. */
const quickForMs = 120_000;

export interface FailureHistory {
  /** Failures in a row before this one. */
  readonly attempt: number;
  /** Milliseconds since the first of them. */
  readonly elapsedMs: number;
  /** Nothing has been had from this source yet. */
  readonly isFirst: boolean;
}

/**
 * Milliseconds until the next try; undefined when there must be none.
 * @param chance from 0 up to 1
 */
export function retryDelayMs(
  kind: FailureKind,
  history: FailureHistory,
  chance: number,
): number | undefined {
  switch (kind) {
    case 'rejected':
      return undefined;
    case 'unavailable':
      return backOffMs(absent, history.attempt, chance);
    case 'no_identity': {
      const isQuick = history.isFirst && history.elapsedMs < quickForMs;
      return backOffMs(isQuick ? quick : patient, history.attempt, chance);
    }
    default:
      return kind satisfies never;
  }
}

/**
 * A failure in words an operator can act on.
 * @param wanted what was asked for, as in "a JWT-SVID for audience x"
 */
export function explainFailure(failure: CallFailure, wanted: string, address: string): string {
  switch (failure.kind) {
    case 'no_identity':
      return (
        `no registration entry matches this workload (${failure.text}), so there is no ${wanted}; ` +
        `it needs an entry with selectors such as k8s:ns:NAMESPACE, k8s:sa:SERVICE_ACCOUNT and k8s:container-name:auth-helper, ` +
        'under the parent ID of this node; a new entry takes some seconds to arrive'
      );
    case 'unavailable':
      return (
        `the Workload API at ${address} gives no ${wanted} (${failure.text}); ` +
        'check that the SPIRE agent runs on this node and that its socket is mounted here'
      );
    case 'rejected':
      return (
        `the Workload API at ${address} refuses for good to give a ${wanted} (${failure.text}); ` +
        'correct the settings, or use an agent that knows this call, and restart'
      );
    default:
      return failure.kind satisfies never;
  }
}
