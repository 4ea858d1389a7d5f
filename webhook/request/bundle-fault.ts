/** A SPIFFE bundle in the configuration: readable by SPIRE, and without a private key. @see SPIFFE Trust Domain and Bundle §4 */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { isObject, listAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';

/** Members of a JWK that nobody else may know. @see RFC 7518 §6 */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const remedy = 'write what "spire-server bundle show -format spiffe" prints on its server';

/**
 * Says what is wrong with a bundle document and what to write, or undefined when nothing is. Quotes nothing of the text:
 * it may be a private key.
 */
export function bundleFault(text: string): string | undefined {
  const document = parsed(text);
  if (document === undefined) return `is not the JSON text of a SPIFFE bundle document: ${remedy}`;
  const keys = listAt(document, 'keys');
  if ([document, ...keys].some(isPrivate))
    return `holds a private or a secret key: take it out, consider that key known to others, and ${remedy}`;
  const fault = faultOfKeys(keys);
  return fault === undefined ? undefined : `is not a SPIFFE bundle document: ${fault}; ${remedy}`;
}

function parsed(text: string): JsonObject | undefined {
  try {
    const document: unknown = JSON.parse(text);
    return isObject(document) ? document : undefined;
  } catch {
    // The parser's words quote the text.
    return undefined;
  }
}

function isPrivate(value: Json): boolean {
  return isObject(value) && privateMembers.some((member) => Object.hasOwn(value, member));
}

/** Keys of other uses are passed over, as the standard demands, but one that is used there must be. */
function faultOfKeys(keys: readonly Json[]): string | undefined {
  if (!keys.every(isObject)) return 'each of its keys must be a JWK, a JSON object';
  const uses = keys.map((key) => stringAt(key, 'use'));
  if (!uses.includes('x509-svid') && !uses.includes('jwt-svid'))
    return 'it has no key with the use x509-svid or jwt-svid';
  for (const [index, key] of keys.entries()) {
    const fault = faultOfKey(key, uses[index]);
    if (fault !== undefined) return `keys[${index}] ${fault}`;
  }
  return undefined;
}

function faultOfKey(key: JsonObject, use: string | undefined): string | undefined {
  if (use === 'x509-svid')
    return isAuthority(key) ? undefined : 'needs x5c with one certificate, DER in base64';
  if (use !== 'jwt-svid') return undefined;
  if ((stringAt(key, 'kid') ?? '') === '') return 'needs a kid';
  return isPublicKey(key) ? undefined : 'is no public key that can be read';
}

function isAuthority(key: JsonObject): boolean {
  const [first, ...more] = listAt(key, 'x5c');
  if (typeof first !== 'string' || more.length > 0) return false;
  try {
    return new X509Certificate(Buffer.from(first, 'base64')).raw.length > 0;
  } catch {
    // Whatever is wrong with it, it is no certificate.
    return false;
  }
}

function isPublicKey(key: JsonObject): boolean {
  try {
    return createPublicKey({ key, format: 'jwk' }).type === 'public';
  } catch {
    // Whatever is wrong with it, SPIRE could not read it either.
    return false;
  }
}
