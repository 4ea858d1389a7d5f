/** Reads a token from the Workload API: its subject and its lifetime. */
import { parseSpiffeId, spiffeIdFault } from '#kernel/spiffe-id.ts';
import { parseToken } from './parse.ts';
import type { IssuedToken } from './token-ports.ts';
import { refused, type Refusal } from './refusal.ts';

/**
 * The signature is not checked: the issuer is trusted, and the token is for others to judge.
 * @param receivedAtS Unix seconds: stands in for `iat` where the token has none.
 */
export function readUnverifiedIssuedToken(
  token: string,
  receivedAtS: number,
): { readonly kind: 'issued'; readonly issued: IssuedToken } | Refusal {
  const parsed = parseToken(token);
  if (parsed.kind === 'refused') return parsed;
  const { subject, expiresAtS, issuedAtS } = parsed;
  if (subject === undefined || spiffeIdFault(subject) !== undefined) return refused('subject');
  if (expiresAtS === undefined) return refused('no_expiry');
  const spiffeId = parseSpiffeId(subject);
  return {
    kind: 'issued',
    issued: { token, spiffeId, expiresAtS, issuedAtS: issuedAtS ?? receivedAtS },
  };
}
