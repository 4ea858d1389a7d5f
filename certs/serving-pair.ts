/** Whether a certificate and a key can serve the webhook. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { AppError, messageOf } from '#kernel/errors.ts';
import type { ServingPair } from './certificate-ports.ts';

/**
 * Checks a PEM chain (leaf first) and its PEM key as one pair.
 * @param nowS Unix seconds: an expired certificate is refused.
 * @throws {AppError} CERTIFICATE_INVALID, naming what is wrong; never any part of the key.
 */
export function checkPair(certificate: string, key: string, nowS: number): ServingPair {
  const leaf = readLeaf(certificate);
  const privateKey = readKey(key);
  if (!leaf.checkPrivateKey(privateKey)) {
    throw invalid('tls.key does not match the first certificate in tls.crt');
  }
  // Some managed API servers refuse Ed25519 in handshakes.
  const type = privateKey.asymmetricKeyType ?? 'unknown';
  if (type !== 'ec' && type !== 'rsa') {
    throw invalid(
      `the key is of type ${type}; use an ECDSA or RSA key, which every API server accepts`,
    );
  }
  const notAfter = Math.floor(leaf.validToDate.getTime() / 1000);
  if (notAfter <= nowS) throw invalid(`tls.crt expired at ${leaf.validToDate.toISOString()}`);
  try {
    createSecureContext({ cert: certificate, key });
  } catch (thrown) {
    throw invalid(`the TLS library refuses the pair: ${messageOf(thrown)}`, thrown);
  }
  return Object.freeze({ certificate, key, notAfter });
}

function readLeaf(certificate: string): X509Certificate {
  try {
    return new X509Certificate(certificate);
  } catch (thrown) {
    throw invalid('tls.crt does not begin with a PEM certificate', thrown);
  }
}

function readKey(key: string): KeyObject {
  try {
    return createPrivateKey(key);
  } catch {
    // The cause is left out: messages of the key parser might quote what it read.
    throw invalid('tls.key holds no unencrypted PEM private key');
  }
}

function invalid(message: string, cause?: unknown): AppError {
  return new AppError('CERTIFICATE_INVALID', `serving certificate: ${message}`, { cause });
}
