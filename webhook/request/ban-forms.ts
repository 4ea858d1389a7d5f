/** How people write which tokens, claims and hosts bans are about: in annotations and in the configuration alike. */
import { claimPath } from '../../sidecar/config/ban-values.ts';

/** `header`; `cookie:` and a name (RFC 6265 §4.1.1); `metadata:` and the key under which `jwt_authn` leaves claims. */
export const banTokenPattern =
  /^(?:header|cookie:[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}|metadata:[!-~]{1,128})$/;
export const banTokenForms =
  'header, or cookie: and the name of a cookie, or metadata: and the payload_in_metadata of jwt_authn';
export const banHostPattern = /^(?:\*\.)?[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/;

/** Milliseconds for a question to a store: the filter of `templates/jwt-ban` waits for 100 in all. */
export const longestDeadlineMs = 80;

export function isBanClaim(text: string): boolean {
  return text.length <= 256 && claimPath(text) !== undefined;
}
