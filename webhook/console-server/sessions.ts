/** Who may ask: whoever has opened an address that was printed, each address once. */
import { createHash, randomBytes } from 'node:crypto';

/** Addresses that wait to be opened; the oldest go. */
const maxTokens = 5;
/** Browsers that were let in; the oldest go. */
const maxKeys = 20;
const bytes = 32;

/** Secrets are kept as digests: looking one up takes the same time whatever it is. */
export class Sessions {
  readonly #tokens = new Set<string>();
  readonly #used = new Set<string>();
  readonly #keys = new Set<string>();

  /** A token for one address. */
  issue(): string {
    return add(this.#tokens, maxTokens);
  }

  /** @returns the key of a new session; why there is none */
  exchange(token: string): { readonly key: string } | { readonly fault: 'used' | 'unknown' } {
    const digest = digestOf(token);
    if (!this.#tokens.delete(digest)) return { fault: this.#used.has(digest) ? 'used' : 'unknown' };
    this.#used.add(digest);
    bound(this.#used, maxKeys);
    return { key: add(this.#keys, maxKeys) };
  }

  isKnown(key: string): boolean {
    return this.#keys.has(digestOf(key));
  }
}

function add(secrets: Set<string>, most: number): string {
  const secret = randomBytes(bytes).toString('base64url');
  secrets.add(digestOf(secret));
  bound(secrets, most);
  return secret;
}

function bound(secrets: Set<string>, most: number): void {
  for (const oldest of secrets) {
    if (secrets.size <= most) return;
    secrets.delete(oldest);
  }
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
