/**
 * A trust domain's JWKS document becomes the keys that may sign its JWT-SVIDs.
 * @see SPIFFE Trust Domain and Bundle §4, JWT-SVID, RFC 7517
 */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import type { TrustDomain } from '#kernel/spiffe-id.ts';
import { importKey, type ImportedKey, type KeyFault } from './keys.ts';
import type { JwtBundle } from './token-ports.ts';

/**
 * Where a bundle came from. A bundle file or endpoint holds keys for X.509 as well and says of each what it is
 * for; the Workload API gives JWT keys alone, and SPIRE sends them without `use`.
 */
export type BundleOrigin = 'workload_api' | 'file';

/** `no_kid`: it has no name; `use`: it is for something else, such as X.509, or does not say what for where it must. */
export type LeftOutReason = KeyFault | 'no_kid' | 'use' | 'no_key';

export interface LeftOutKey {
  /** Its `kid`, where it has one: the only part of a key that is shown. */
  readonly keyId: string | undefined;
  readonly reason: LeftOutReason;
}

export interface ReadBundle {
  readonly bundle: JwtBundle;
  /** Keys that no JWT-SVID is checked with: without harm to the others, which stay in force. */
  readonly leftOut: readonly LeftOutKey[];
}

/**
 * Reads a JWKS document. One without keys is valid: it refuses every token of its trust domain.
 * @throws {AppError} BUNDLE_INVALID when the document as a whole cannot be read.
 */
export function readJwtBundle(
  trustDomain: TrustDomain,
  document: string,
  origin: BundleOrigin,
): ReadBundle {
  const content = readDocument(document);
  const keys = content?.['keys'];
  if (content === undefined || !isArray(keys)) {
    throw new AppError(
      'BUNDLE_INVALID',
      `the JWT bundle of ${trustDomain} is not a JWKS document: an object with a list "keys" is expected`,
    );
  }
  const judged = keys.map((key) => judge(key, origin));
  const usable = judged.flatMap((one) => (one.kind === 'key' ? [one.key] : []));
  const leftOut = judged.flatMap((one) =>
    one.kind === 'left_out' ? [{ keyId: one.keyId, reason: one.reason }] : [],
  );
  return { bundle: { trustDomain, keys: usable, refreshHintS: hintOf(content) }, leftOut };
}

function hintOf(content: JsonObject): number | undefined {
  const hint = content['spiffe_refresh_hint'];
  return typeof hint === 'number' && hint > 0 ? hint : undefined;
}

function readDocument(document: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(document);
    return isObject(value) ? value : undefined;
  } catch {
    // The caller says it, since it knows whose bundle it is.
    return undefined;
  }
}

type Judged = Extract<ImportedKey, { kind: 'key' }> | ({ readonly kind: 'left_out' } & LeftOutKey);

function judge(key: Json, origin: BundleOrigin): Judged {
  if (!isObject(key)) return { kind: 'left_out', keyId: undefined, reason: 'no_key' };
  const keyId = stringAt(key, 'kid');
  if (keyId === undefined || keyId === '')
    return { kind: 'left_out', keyId: undefined, reason: 'no_kid' };
  const use = key['use'];
  const isForUs = use === 'jwt-svid' || (origin === 'workload_api' && use === undefined);
  if (!isForUs) return { kind: 'left_out', keyId, reason: 'use' };
  const imported = importKey(key);
  return imported.kind === 'key' ? imported : { kind: 'left_out', keyId, reason: imported.fault };
}
