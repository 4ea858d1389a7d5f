/**
 * How a claim of a token and an entry of a list meet: both become the same key, or there is none. A key belongs to one
 * claim and one value only, whatever characters these hold.
 */
import { isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';

/** Characters of a value; a longer one is on no list. */
export const maxBannedLength = 1_024;
/** Characters of what stands beside it. */
export const banLengths = Object.freeze({ claim: 256, reason: 256, by: 2_048 });
/** Bytes of the HMAC key of a store that holds no values. */
export const hmacKeyBytes = Object.freeze({ least: 32, most: 1_024 });
/** A list beyond these is refused as a whole. A ConfigMap has 1 MiB at most. */
export const banListLimits = Object.freeze({
  bytes: 16 * 1024 * 1024,
  bans: 100_000,
  ofOneValue: 16,
});
/** The claim whose case does not count: no provider of e-mail tells `Jo@` from `jo@`. */
const withoutCase = 'email';

export type ClaimPath = readonly string[];

/**
 * `sub` → `['sub']`, `/realm/user` → `['realm', 'user']`. Undefined for a pointer that is none, or to the whole.
 * @see RFC 6901 §3
 */
export function claimPath(text: string): ClaimPath | undefined {
  if (!text.startsWith('/')) return text === '' ? undefined : [text];
  if (/~(?![01])/.test(text)) return undefined;
  return text
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What stands in the claims under a path; lists have no members. */
export function claimAt(claims: JsonObject, path: ClaimPath): Json | undefined {
  let value: Json | undefined = claims;
  for (const name of path) value = isObject(value) ? own(value, name) : undefined;
  return value;
}

/**
 * A text in normalization form C, of `email` in lower case; a whole number as its decimal digits, so that 42 and "42" are
 * one value. Undefined for what cannot be on a list: other types, an empty or too long text, a number that JSON readers
 * round.
 */
export function banKey(path: ClaimPath, value: Json | undefined): string | undefined {
  const text = textOf(value);
  if (text === undefined) return undefined;
  const composed = text.normalize('NFC');
  const isCaseless = path.at(-1) === withoutCase;
  return JSON.stringify([path, isCaseless ? composed.toLowerCase().normalize('NFC') : composed]);
}

function textOf(value: Json | undefined): string | undefined {
  // -0 and 0 are one number.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  const isText = typeof value === 'string' && value !== '' && value.length <= maxBannedLength;
  return isText ? value : undefined;
}
