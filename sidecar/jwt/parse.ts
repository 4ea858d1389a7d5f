/**
 * A compact JWS becomes its parts, cheapest rule first. Nothing here checks a signature: what comes out is
 * what the token says, not what is true.
 * @see JWT-SVID §2, RFC 7515 §5.2, RFC 7519 §4.1
 */
import { own } from '#kernel/members.ts';
import { isArray, stringAt, type JsonObject } from '#kernel/json.ts';
import { isAlgorithm, type Algorithm } from './algorithms.ts';
import { refused, type Refusal } from './refusal.ts';
import { parseStrictObject } from './strict-json.ts';

/** Characters. A JWT-SVID of SPIRE has 500 to 1,500; beyond this nothing is looked at. */
export const maxTokenLength = 8192;

/** Unverified. */
export interface ParsedToken {
  readonly kind: 'parsed';
  readonly algorithm: Algorithm;
  /** The `kid` header; undefined when absent. */
  readonly keyId: string | undefined;
  readonly claims: JsonObject;
  /** The `sub` claim as it stands: not yet a SPIFFE ID. */
  readonly subject: string | undefined;
  /** The `aud` claim as a list; empty when absent. */
  readonly audiences: readonly string[];
  /** Unix seconds, possibly with a fraction (NumericDate, RFC 7519 §2); undefined when absent. */
  readonly expiresAtS: number | undefined;
  readonly notBeforeS: number | undefined;
  readonly issuedAtS: number | undefined;
  /** What was signed: header and payload as they came. */
  readonly signingInput: string;
  readonly signature: Buffer;
}

/** Never throws. @param token what follows `Bearer `. */
export function parseToken(token: string): ParsedToken | Refusal {
  if (token.length > maxTokenLength) return refused('too_long');
  const parts = token.split('.', 4);
  const [headerPart = '', payloadPart = '', signaturePart = ''] = parts;
  if (parts.length !== 3) return refused('malformed');
  const header = parseHeader(headerPart);
  if ('kind' in header) return header;
  const claims = objectIn(payloadPart);
  const registered = claims && registeredClaims(claims);
  const signature = bytesIn(signaturePart);
  if (registered === undefined || signature === undefined) return refused('malformed');
  const signingInput = token.slice(0, headerPart.length + 1 + payloadPart.length);
  return { kind: 'parsed', ...header, ...registered, signingInput, signature };
}

function parseHeader(part: string): Pick<ParsedToken, 'algorithm' | 'keyId'> | Refusal {
  const header = objectIn(part);
  if (header === undefined) return refused('malformed');
  const { alg: algorithm, typ: type, crit: critical, kid: keyId } = header;
  if (!isAlgorithm(algorithm)) return refused('algorithm');
  if (type !== undefined && type !== 'JWT' && type !== 'JOSE') return refused('type');
  // No extension is understood here, and an empty list is forbidden (RFC 7515 §4.1.11): any `crit` refuses.
  if (critical !== undefined) return refused('critical_header');
  if (keyId !== undefined && typeof keyId !== 'string') return refused('malformed');
  return { algorithm, keyId };
}

type RegisteredClaims = Pick<
  ParsedToken,
  'claims' | 'subject' | 'audiences' | 'expiresAtS' | 'notBeforeS' | 'issuedAtS'
>;

/** Undefined when a registered claim has a type that RFC 7519 §4.1 does not allow. */
function registeredClaims(claims: JsonObject): RegisteredClaims | undefined {
  const expiresAtS = numericDate(claims, 'exp');
  const notBeforeS = numericDate(claims, 'nbf');
  const issuedAtS = numericDate(claims, 'iat');
  const audiences = audiencesIn(claims);
  if (expiresAtS === null || notBeforeS === null || issuedAtS === null) return undefined;
  if (audiences === undefined) return undefined;
  return {
    claims,
    subject: stringAt(claims, 'sub'),
    audiences,
    expiresAtS,
    notBeforeS,
    issuedAtS,
  };
}

/** Undefined when absent, null when it is not a finite number. */
function numericDate(claims: JsonObject, name: string): number | undefined | null {
  const value = own(claims, name);
  if (value === undefined) return undefined;
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** `aud` may be one string or a list of them (RFC 7519 §4.1.3); undefined when it is anything else. */
function audiencesIn(claims: JsonObject): readonly string[] | undefined {
  const value = claims['aud'];
  if (value === undefined) return [];
  if (typeof value === 'string') return [value];
  if (!isArray(value)) return undefined;
  return value.every((item) => typeof item === 'string') ? value : undefined;
}

function objectIn(part: string): JsonObject | undefined {
  const bytes = bytesIn(part);
  return bytes === undefined ? undefined : parseStrictObject(bytes);
}

/**
 * Strict base64url (RFC 7515 §2): no padding, no white space, no other alphabet, and the unused bits of the
 * last character zero (RFC 4648 §3.5), so that one byte string has one spelling. All of that is what the
 * encoder would write again.
 */
function bytesIn(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}
