/** A SPIFFE bundle document, as federated domains publish it, becomes SPIRE's message. @see SPIFFE Trust Domain and Bundle §4 */
import { createPublicKey } from 'node:crypto';
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import type { Bundle, JWTKey, X509Certificate } from './gen/messages.ts';

/** Keys of other uses are passed over, as the standard demands. @throws {AppError} BUNDLE_INVALID */
export function bundleMessage(trustDomain: string, text: string): Bundle {
  const document = parsed(trustDomain, text);
  const keys = listAt(document, 'keys').filter(isObject);
  try {
    return {
      trustDomain,
      x509Authorities: keys.filter(hasUse('x509-svid')).map(certificateOf),
      jwtAuthorities: keys.filter(hasUse('jwt-svid')).map(keyOf),
      refreshHint: countAt(document, 'spiffe_refresh_hint'),
      sequenceNumber: countAt(document, 'spiffe_sequence'),
    };
  } catch (thrown) {
    throw unreadable(trustDomain, 'one of its keys cannot be read', thrown);
  }
}

function parsed(trustDomain: string, text: string): JsonObject {
  try {
    const document: unknown = JSON.parse(text);
    if (isObject(document)) return document;
  } catch {
    // The parser's words quote the text, which may be a private key.
    throw unreadable(trustDomain, 'it is no JSON', undefined);
  }
  throw unreadable(trustDomain, 'it is no JSON object', undefined);
}

function countAt(document: JsonObject, key: string): bigint {
  const value = own(document, key);
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? BigInt(value) : 0n;
}

function hasUse(use: string): (key: JsonObject) => boolean {
  return (key) => stringAt(key, 'use') === use;
}

function certificateOf(key: JsonObject): X509Certificate {
  const [first] = listAt(key, 'x5c');
  if (typeof first !== 'string') throw new TypeError('an X.509 authority without x5c');
  return { asn1: Buffer.from(first, 'base64') };
}

function keyOf(key: JsonObject): JWTKey {
  const publicKey = createPublicKey({ key, format: 'jwk' });
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    keyId: stringAt(key, 'kid') ?? '',
  };
}

function unreadable(trustDomain: string, fault: string, cause: unknown): AppError {
  return new AppError(
    'BUNDLE_INVALID',
    `the bundle given for trust domain ${trustDomain} is no SPIFFE bundle document: ${fault}; ` +
      'write what "spire-server bundle show -format spiffe" prints on its server',
    { cause },
  );
}
