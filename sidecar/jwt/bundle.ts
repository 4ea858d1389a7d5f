/**
 * A trust domain's JWKS document becomes the keys that may sign its JWT-SVIDs.
 * @see SPIFFE Trust Domain and Bundle §4, JWT-SVID, RFC 7517
 */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, type JsonObject } from '#kernel/json.ts';
import type { TrustDomain } from '#kernel/spiffe-id.ts';
import type { JwtBundle } from './ports.ts';

/**
 * Where a bundle came from. A bundle file or endpoint holds keys for X.509 as well and says of each what it is
 * for; the Workload API gives JWT keys alone, and SPIRE sends them without `use`.
 */
export type BundleOrigin = 'workload_api' | 'file';

export interface ReadBundle {
  readonly bundle: JwtBundle;
  /** Keys that are no JWT-SVID keys, or have no `kid`: left out, without harm to the others. */
  readonly skippedKeys: number;
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
  const usable = keys.filter((key) => isObject(key) && isJwtSvidKey(key, origin)).filter(isObject);
  const refreshHintS = hintOf(content);
  const bundle = { trustDomain, keys: usable, refreshHintS };
  return { bundle, skippedKeys: keys.length - usable.length };
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
    // Said by the caller, which knows whose bundle it is.
    return undefined;
  }
}

function isJwtSvidKey(key: JsonObject, origin: BundleOrigin): boolean {
  const use = key['use'];
  const useFits = use === 'jwt-svid' || (origin === 'workload_api' && use === undefined);
  const keyId = key['kid'];
  return useFits && typeof keyId === 'string' && keyId !== '';
}
