/**
 * Versions of secrets. One says when the token expires and which one it is: `1764110000-5f3a…`. Envoy names the version
 * it holds when it comes back, so a helper that has just been started knows when the token that Envoy still
 * sends is over, without ever having seen it.
 */
import { createHash } from 'node:crypto';

/** Of the empty value: nothing is held that could expire. */
export const emptyVersion = '0-empty';
/** Hexadecimal digits; tokens differ in their signature, so these are for telling two apart, not for guessing one. */
const digestDigits = 16;

/** @param expiresAtS Unix seconds */
export function versionOf(expiresAtS: number, value: string): string {
  return `${Math.floor(expiresAtS)}-${digest(value)}`;
}

/** The version of a response with several secrets: it expires with the first of them. */
export function jointVersion(versions: readonly string[]): string {
  const [only] = versions;
  if (only !== undefined && versions.length === 1) return only;
  const held = versions.filter((version) => version !== emptyVersion);
  const expiries = held.map(expiryOf);
  return expiries.length === 0
    ? emptyVersion
    : `${Math.min(...expiries)}-${digest(JSON.stringify(versions))}`;
}

/** Unix seconds; 0 for a version that the helper did not make: what it stands for may have expired long ago. */
export function expiryOf(version: string): number {
  const [, digits] = /^(\d{1,12})-/.exec(version) ?? [];
  return Number(digits ?? 0);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digestDigits);
}
