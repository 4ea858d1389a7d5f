/** What a token says of itself, whoever wrote it: for rules that can only refuse because of it. */
import { isObject, type JsonObject } from '#kernel/json.ts';

/** Characters of the payload. Nothing longer passes through an Envoy with its usual limits. */
const maxPayloadLength = 65_536;

/**
 * The claims of a JWS in compact form, read as leniently as the most lenient verifier may: any header and signature, both
 * alphabets of base64, and of a member that is named twice the last one. Undefined where there are none.
 */
export function unverifiedClaims(token: string): JsonObject | undefined {
  const start = token.indexOf('.') + 1;
  const end = token.indexOf('.', start);
  if (start === 0 || end === -1 || end - start > maxPayloadLength) return undefined;
  try {
    const value: unknown = JSON.parse(
      Buffer.from(token.slice(start, end), 'base64url').toString('utf8'),
    );
    return isObject(value) ? value : undefined;
  } catch {
    // Not JSON, or nested beyond what the parser can hold.
    return undefined;
  }
}
