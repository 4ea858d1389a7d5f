/** JWKs become keys that signatures are checked with; which of a bundle's keys may have signed a token. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { isArray, stringAt, type JsonObject } from '#kernel/json.ts';
import { algorithms, type Algorithm, type Curve } from './algorithms.ts';
import { rsaFault, type RsaFault } from './rsa-faults.ts';

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

/** Bits: above this an RSA check takes longer than an ES256 one. */
const slowRsaBits = 3072;
/** A token that names no key is tried with so many at most; a bundle in rotation holds two or three. */
const maxKeysWithoutId = 4;

/** What a token's header says of the key that signed it. */
interface SignedWith {
  readonly keyId: string | undefined;
  readonly algorithm: Algorithm;
}

/**
 * The keys that may have signed this token. With a `kid` only keys of that name count. A token without one is
 * allowed by JWT-SVID §2.2 (though go-spiffe refuses it): then each key that fits the algorithm is tried, which
 * keeps such tokens valid while a rotation has two keys in the bundle; none is when more than four fit.
 */
export function keysFor(
  keys: readonly VerificationKey[],
  token: SignedWith,
): readonly VerificationKey[] {
  const fitting = keys.filter(
    (key) => (token.keyId === undefined || key.keyId === token.keyId) && fits(key, token.algorithm),
  );
  return token.keyId === undefined && fitting.length > maxKeysWithoutId ? [] : fitting;
}

function fits(key: VerificationKey, algorithm: Algorithm): boolean {
  const facts = algorithms[algorithm];
  if (key.algorithm !== undefined && key.algorithm !== algorithm) return false;
  if (facts.keyType === 'EC') return key.keyType === 'EC' && key.curve === facts.curve;
  return key.keyType === 'RSA';
}

/** Why no JWT-SVID is checked with a key: stable ids, used as metric labels. */
export type KeyFault =
  | RsaFault
  /** `kty` is neither RSA nor EC: symmetric, or of an algorithm that JWT-SVIDs may not use. */
  | 'key_type'
  | 'curve'
  /** A point that is not on its curve, a number that is not base64url, a member that is missing. */
  | 'malformed'
  /** `key_ops` without `verify`. */
  | 'operations'
  /** The private key is in the bundle too: whoever reads it can sign. */
  | 'private_part';

export type ImportedKey =
  | { readonly kind: 'key'; readonly key: VerificationKey }
  | { readonly kind: 'left_out'; readonly fault: KeyFault };

const leftOut = (fault: KeyFault): ImportedKey => ({ kind: 'left_out', fault });
/** @see RFC 7518 §6.2.2, §6.3.2, §6.4 */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const;

/** A key that is left out does not spoil its neighbours. */
export function importKey(jwk: JsonObject): ImportedKey {
  const type = jwk['kty'];
  if (type !== 'EC' && type !== 'RSA') return leftOut('key_type');
  if (privateMembers.some((name) => Object.hasOwn(jwk, name))) return leftOut('private_part');
  if (!mayVerify(jwk)) return leftOut('operations');
  const common = { keyId: stringAt(jwk, 'kid') ?? '', algorithm: stringAt(jwk, 'alg') };
  return type === 'EC' ? importEc(jwk, common) : importRsa(jwk, common);
}

/** @see RFC 7517 §4.3 */
function mayVerify(jwk: JsonObject): boolean {
  const operations = jwk['key_ops'];
  return operations === undefined || (isArray(operations) && operations.includes('verify'));
}

type Named = Pick<Common, 'keyId' | 'algorithm'>;

/** Bytes of a coordinate (RFC 7518 §6.2.1.2). */
const coordinateBytes: Readonly<Record<Curve, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };

function importEc(jwk: JsonObject, named: Named): ImportedKey {
  const curve = jwk['crv'];
  if (curve !== 'P-256' && curve !== 'P-384' && curve !== 'P-521') return leftOut('curve');
  const x = bytesAt(jwk, 'x');
  const y = bytesAt(jwk, 'y');
  const length = coordinateBytes[curve];
  if (x?.length !== length || y?.length !== length) return leftOut('malformed');
  const key = publicKey({ kty: 'EC', crv: curve, x: base64url(x), y: base64url(y) });
  if (key === undefined) return leftOut('malformed');
  return { kind: 'key', key: { ...named, keyType: 'EC', curve, key, isSlow: curve !== 'P-256' } };
}

function importRsa(jwk: JsonObject, named: Named): ImportedKey {
  const modulus = numberAt(jwk, 'n');
  const exponent = numberAt(jwk, 'e');
  if (modulus === undefined || exponent === undefined) return leftOut('malformed');
  const fault = rsaFault(numberOf(modulus), numberOf(exponent));
  if (fault !== undefined) return leftOut(fault);
  const key = publicKey({ kty: 'RSA', n: base64url(modulus), e: base64url(exponent) });
  if (key === undefined) return leftOut('malformed');
  const modulusBytes = modulus.length;
  const isSlow = modulusBytes * 8 > slowRsaBits;
  return { kind: 'key', key: { ...named, keyType: 'RSA', modulusBytes, key, isSlow } };
}

/** Characters of a member: twice as many as the longest modulus that is taken has. */
const maxMemberLength = 4_096;

/** What is judged is what is imported: bytes are read here, and nowhere again. */
function bytesAt(jwk: JsonObject, name: string): Buffer | undefined {
  const text = stringAt(jwk, name);
  if (text === undefined || text.length > maxMemberLength) return undefined;
  return /^[A-Za-z0-9_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64url') : undefined;
}

/** Without zeros before it. */
function numberAt(jwk: JsonObject, name: string): Buffer | undefined {
  const bytes = bytesAt(jwk, name);
  const start = bytes?.findIndex((byte) => byte !== 0) ?? -1;
  return start === -1 ? undefined : bytes?.subarray(start);
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function base64url(bytes: Buffer): string {
  return bytes.toString('base64url');
}

/** @param members of the JWK, which is rebuilt from them: what else stood there cannot matter. */
function publicKey(members: Readonly<Record<string, string>>): KeyObject | undefined {
  try {
    return createPublicKey({ key: members, format: 'jwk' });
  } catch {
    // The library has looked as well, and says no.
    return undefined;
  }
}
