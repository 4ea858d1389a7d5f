/** The keys of a bundle, imported once for as long as the bundle lives. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { isArray, stringAt, type JsonObject } from '#kernel/json.ts';
import { algorithms, type Algorithm, type Curve } from './algorithms.ts';
import type { ParsedToken } from './parse.ts';
import type { JwtBundle } from './ports.ts';

interface Common {
  readonly keyId: string;
  readonly key: KeyObject;
  /** The `alg` member: when there, the only algorithm the key may be used with (RFC 7517 §4.4). */
  readonly algorithm: string | undefined;
  /** Checking a signature takes so long that it is given to the thread pool. */
  readonly isSlow: boolean;
}
export type VerificationKey = Common &
  (
    | { readonly keyType: 'EC'; readonly curve: Curve }
    | { readonly keyType: 'RSA'; readonly modulusBytes: number }
  );

/** Bits of an RSA modulus. Smaller ones are forbidden by RFC 7518 §3.3; larger ones cost more than a check may. */
const minRsaBits = 2048;
const maxRsaBits = 8192;
/** Bits: above this an RSA check takes longer than an ES256 one. */
const slowRsaBits = 3072;
/** A token that names no key is tried with so many at most; a bundle in rotation holds two or three. */
const maxKeysWithoutId = 4;

const imported = new WeakMap<JwtBundle, readonly VerificationKey[]>();

/**
 * The keys that may have signed this token. With a `kid` only keys of that name count. A token without one is
 * allowed by JWT-SVID §2.2 (though go-spiffe refuses it): then each key that fits the algorithm is tried, which
 * keeps such tokens valid while a rotation has two keys in the bundle; none is when more than four fit.
 */
export function keysFor(bundle: JwtBundle, token: ParsedToken): readonly VerificationKey[] {
  const fitting = keysOf(bundle).filter(
    (key) => (token.keyId === undefined || key.keyId === token.keyId) && fits(key, token.algorithm),
  );
  return token.keyId === undefined && fitting.length > maxKeysWithoutId ? [] : fitting;
}

/** The keys of a bundle that any JWT-SVID can be checked with. */
export function keysOf(bundle: JwtBundle): readonly VerificationKey[] {
  let keys = imported.get(bundle);
  if (keys === undefined) {
    keys = bundle.keys.map(importKey).filter((key) => key !== undefined);
    imported.set(bundle, keys);
  }
  return keys;
}

function fits(key: VerificationKey, algorithm: Algorithm): boolean {
  const facts = algorithms[algorithm];
  if (key.algorithm !== undefined && key.algorithm !== algorithm) return false;
  if (facts.keyType === 'EC') return key.keyType === 'EC' && key.curve === facts.curve;
  return key.keyType === 'RSA';
}

/** Undefined for a key that no JWT-SVID can be checked with: it does not spoil its neighbours. */
function importKey(jwk: JsonObject): VerificationKey | undefined {
  const keyId = stringAt(jwk, 'kid');
  if (keyId === undefined || !mayVerify(jwk)) return undefined;
  const common = { keyId, algorithm: stringAt(jwk, 'alg') };
  if (jwk['kty'] === 'EC') return importEc(jwk, common);
  return jwk['kty'] === 'RSA' ? importRsa(jwk, common) : undefined;
}

/** @see RFC 7517 §4.3 */
function mayVerify(jwk: JsonObject): boolean {
  const operations = jwk['key_ops'];
  return operations === undefined || (isArray(operations) && operations.includes('verify'));
}

type Named = Pick<Common, 'keyId' | 'algorithm'>;

function importEc(jwk: JsonObject, named: Named): VerificationKey | undefined {
  const curve = jwk['crv'];
  if (curve !== 'P-256' && curve !== 'P-384' && curve !== 'P-521') return undefined;
  const key = publicKey({ kty: 'EC', crv: curve, x: stringAt(jwk, 'x'), y: stringAt(jwk, 'y') });
  return key && { ...named, keyType: 'EC', curve, key, isSlow: curve !== 'P-256' };
}

function importRsa(jwk: JsonObject, named: Named): VerificationKey | undefined {
  const modulus = Buffer.from(stringAt(jwk, 'n') ?? '', 'base64url');
  const leadingZeros = modulus.findIndex((byte) => byte !== 0);
  const first = modulus[leadingZeros];
  if (first === undefined) return undefined;
  const modulusBytes = modulus.length - leadingZeros;
  const bits = modulusBytes * 8 - (Math.clz32(first) - 24);
  if (bits < minRsaBits || bits > maxRsaBits) return undefined;
  const key = publicKey({ kty: 'RSA', n: stringAt(jwk, 'n'), e: stringAt(jwk, 'e') });
  return key && { ...named, keyType: 'RSA', modulusBytes, key, isSlow: bits > slowRsaBits };
}

/** @param members of the JWK, which is rebuilt from them: what else stood there cannot matter. */
function publicKey(members: Readonly<Record<string, string | undefined>>): KeyObject | undefined {
  try {
    return createPublicKey({ key: members, format: 'jwk' });
  } catch {
    // A point that is not on its curve, a number that is not base64url, a member that is missing.
    return undefined;
  }
}
