/** Refusals as shared values: refusing costs no allocation. */
import type { RefusalReason, TokenVerdict } from './token-ports.ts';

export type Refusal = Extract<TokenVerdict, { kind: 'refused' }>;

const refusals = new Map<RefusalReason, Refusal>();

/** The one refusal with this reason. */
export function refused(reason: RefusalReason): Refusal {
  let refusal = refusals.get(reason);
  if (refusal === undefined) {
    refusal = Object.freeze({ kind: 'refused', reason });
    refusals.set(reason, refusal);
  }
  return refusal;
}
