/** Failures as `application/problem+json`. @see RFC 9457 */
import type { JsonObject } from '#kernel/json.ts';

/** Stable: for programs. */
export type ProblemCode =
  | 'address_invalid'
  | 'body_invalid'
  | 'body_too_large'
  | 'body_type'
  | 'caller_not_allowed'
  | 'caller_unknown'
  | 'internal'
  | 'method_not_allowed'
  | 'not_banned'
  | 'not_found'
  | 'not_ready'
  | 'query_invalid'
  | 'request_malformed'
  | 'store_away'
  | 'store_full'
  | 'too_many_requests';

const statuses: Readonly<Record<ProblemCode, readonly [status: number, title: string]>> = {
  address_invalid: [400, 'the address names no claim and value'],
  body_invalid: [400, 'the body is not as it must be'],
  body_too_large: [413, 'the body is too large'],
  body_type: [415, 'the body has another type'],
  caller_not_allowed: [403, 'the caller may not do this'],
  caller_unknown: [401, 'the caller has not shown who it is'],
  internal: [500, 'a fault of the service'],
  method_not_allowed: [405, 'there is no such method here'],
  not_banned: [404, 'there is no such ban'],
  not_found: [404, 'there is nothing here'],
  not_ready: [503, 'the service cannot answer yet'],
  query_invalid: [400, 'the query is not as it must be'],
  request_malformed: [400, 'the request is no HTTP as it must be'],
  store_away: [503, 'the store does not answer'],
  store_full: [409, 'the store takes no further ban'],
  too_many_requests: [429, 'too many requests'],
};

export interface ProblemOptions extends ErrorOptions {
  /** Seconds after which to try again. */
  readonly retryAfterS?: number;
}

/** Ends a request with an answer that says why. Its words hold no claim value and no token. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly retryAfterS: number | undefined;

  constructor(code: ProblemCode, detail: string, { retryAfterS, ...options }: ProblemOptions = {}) {
    super(detail, options);
    this.code = code;
    this.retryAfterS = retryAfterS;
  }

  get status(): number {
    return statuses[this.code][0];
  }

  body(): JsonObject {
    const [status, title] = statuses[this.code];
    return { type: 'about:blank', title, status, code: this.code, detail: this.message };
  }
}

/** Codes by the status that they come with. */
export function problemCodesOf(status: number): readonly ProblemCode[] {
  return (
    Object.entries(statuses)
      .filter(([, [each]]) => each === status)
      // The keys of a complete record are the members of its key type.
      .map(([code]) => code as ProblemCode)
  );
}
