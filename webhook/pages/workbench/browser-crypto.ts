/**
 * What the engine takes of node:crypto, for a browser: scripts/pages.ts puts this file in its place. Hashes are the same,
 * byte for byte. Certificates and keys are not looked at: whoever shows the outcome says so by {@link takeUnread}.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';

const utf8 = new TextEncoder();
const unread: string[] = [];

/** What was taken as good since the last call, because no browser can look at it at once. */
export function takeUnread(): readonly string[] {
  return unread.splice(0);
}

function encoded(bytes: Uint8Array, encoding: string): string {
  if (encoding === 'hex')
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const base64 = btoa(String.fromCharCode(...bytes));
  if (encoding === 'base64') return base64;
  if (encoding === 'base64url')
    return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  throw new TypeError(`hashes are not written as ${encoding}`);
}

function requireSha256(algorithm: string): void {
  if (algorithm !== 'sha256') throw new TypeError(`there is no ${algorithm} here`);
}

/** @see https://nodejs.org/docs/latest-v24.x/api/crypto.html#cryptohashalgorithm-data-options */
export function hash(algorithm: string, text: string, encoding: string): string {
  requireSha256(algorithm);
  return encoded(sha256(utf8.encode(text)), encoding);
}

/** An HMAC in the making. */
class BrowserHmac {
  readonly #mac: ReturnType<typeof hmac.create>;

  constructor(key: Uint8Array) {
    this.#mac = hmac.create(sha256, key);
  }

  update(text: string): this {
    this.#mac.update(utf8.encode(text));
    return this;
  }

  digest(encoding: string): string {
    return encoded(this.#mac.digest(), encoding);
  }
}

/** As {@link hash}. */
export function createHmac(algorithm: string, key: Uint8Array): BrowserHmac {
  requireSha256(algorithm);
  return new BrowserHmac(key);
}

/** Taken as an authority's certificate, and noted. */
export class X509Certificate {
  readonly ca = true;
  readonly raw = { length: 1 };

  constructor() {
    unread.push('certificate');
  }
}

/** Taken as a public key, and noted. */
export function createPublicKey(): { readonly type: 'public' } {
  unread.push('key');
  return { type: 'public' };
}
