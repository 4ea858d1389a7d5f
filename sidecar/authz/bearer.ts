/** Takes the token out of an Authorization header. */

const scheme = 'bearer ';

/**
 * "Bearer" in either case (RFC 9110 §11.1), exactly one space, then a token without a space (RFC 6750 §2.1).
 * Undefined for anything else; whether the token's characters are those of a JWS is for the verifier to say.
 */
export function bearerToken(value: string): string | undefined {
  if (value.length <= scheme.length || value.slice(0, scheme.length).toLowerCase() !== scheme)
    return undefined;
  return value.includes(' ', scheme.length) ? undefined : value.slice(scheme.length);
}
