/**
 * A bundle as the JWKS document that a verifier less strict than ours may have: nothing is in it that a JWT-SVID may not
 * be signed with, and each key is rebuilt from its parts.
 * @see RFC 7517 §5, JWT-SVID §2.1
 */
import type { KeyObject } from 'node:crypto';
import { algorithms, isAlgorithm, type Algorithm, type Curve } from './algorithms.ts';
import type { VerificationKey } from './keys.ts';
import type { JwtBundle } from './token-ports.ts';

/** On a curve only one algorithm signs. */
const algorithmOf: Readonly<Record<Curve, Algorithm>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
};

/** Members by name: a flat object of strings. */
export type PublicJwk = Readonly<Record<string, string | undefined>>;

/** The keys that JWT-SVIDs of the trust domain may be signed with, as members of a JWKS. */
export function keySetOf(bundle: JwtBundle): readonly PublicJwk[] {
  return bundle.keys.map(jwkOf).filter((jwk) => jwk !== undefined);
}

/** A public key as a member of a JWKS. @param algorithm absent: the key may be used with several */
export function publicJwk(key: KeyObject, keyId: string, algorithm?: string): PublicJwk {
  const { kty, crv, x, y, n, e } = key.export({ format: 'jwk' });
  return { kty, kid: keyId, use: 'sig', alg: algorithm, crv, x, y, n, e };
}

/** Undefined for a key that says of itself that it is for something else. */
function jwkOf(verification: VerificationKey): PublicJwk | undefined {
  const { key, keyId, algorithm } = verification;
  const fitting = verification.keyType === 'EC' ? algorithmOf[verification.curve] : algorithm;
  if (algorithm !== undefined && algorithm !== fitting) return undefined;
  if (fitting !== undefined && !isOfType(fitting, verification.keyType)) return undefined;
  return publicJwk(key, keyId, fitting);
}

function isOfType(algorithm: string, keyType: 'EC' | 'RSA'): boolean {
  return isAlgorithm(algorithm) && algorithms[algorithm].keyType === keyType;
}
