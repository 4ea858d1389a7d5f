/** Refusals as shared values: refusing costs no allocation. */
import type { RefusalReason, TokenVerdict } from './token-ports.ts';

export type Refusal = Extract<TokenVerdict, { kind: 'refused' }>;

const refusals: Readonly<Record<RefusalReason, Refusal>> = {
  too_long: refusalFor('too_long'),
  malformed: refusalFor('malformed'),
  algorithm: refusalFor('algorithm'),
  type: refusalFor('type'),
  critical_header: refusalFor('critical_header'),
  subject: refusalFor('subject'),
  audience: refusalFor('audience'),
  no_expiry: refusalFor('no_expiry'),
  expired: refusalFor('expired'),
  not_yet_valid: refusalFor('not_yet_valid'),
  issued_in_future: refusalFor('issued_in_future'),
  no_bundle: refusalFor('no_bundle'),
  no_key: refusalFor('no_key'),
  signature: refusalFor('signature'),
};

function refusalFor(reason: RefusalReason): Refusal {
  return Object.freeze({ kind: 'refused', reason });
}

/** The one refusal with this reason. */
export function refused(reason: RefusalReason): Refusal {
  return refusals[reason];
}
