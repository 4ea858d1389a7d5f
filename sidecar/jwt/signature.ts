/** JWS signatures by node:crypto: at once where that is quick, on the thread pool where it is slow. */
import { verify } from 'node:crypto';
import { algorithms } from './algorithms.ts';
import type { VerificationKey } from './keys.ts';
import type { ParsedToken } from './parse.ts';

/**
 * Whether one of these keys made the token's signature.
 * @param keys each fits the token's algorithm
 */
export function isSignedByAny(
  keys: readonly VerificationKey[],
  token: ParsedToken,
): boolean | Promise<boolean> {
  for (const [index, key] of keys.entries()) {
    const signed = isSignedBy(key, token);
    if (signed === true) return true;
    if (signed !== false) {
      return signed.then((yes) => yes || isSignedByAny(keys.slice(index + 1), token));
    }
  }
  return false;
}

function isSignedBy(key: VerificationKey, token: ParsedToken): boolean | Promise<boolean> {
  const facts = algorithms[token.algorithm];
  const wanted = facts.keyType === 'EC' ? facts.signatureBytes : modulusBytesOf(key);
  // A signature of another length is invalid (RFC 7518 §3.4, RFC 8017 §8.1.2); no need to compute anything.
  if (token.signature.length !== wanted) return false;
  const input = Buffer.from(token.signingInput, 'latin1');
  const how =
    facts.keyType === 'EC'
      ? ({ key: key.key, dsaEncoding: 'ieee-p1363' } as const)
      : { key: key.key, ...facts.padding };
  if (!key.isSlow) return verify(facts.digest, input, how, token.signature);
  return new Promise((resolve) => {
    verify(facts.digest, input, how, token.signature, (fault, signed) => {
      // A fault of the library is not a proof: fail closed.
      resolve(fault === null && signed);
    });
  });
}

function modulusBytesOf(key: VerificationKey): number | undefined {
  return key.keyType === 'RSA' ? key.modulusBytes : undefined;
}
