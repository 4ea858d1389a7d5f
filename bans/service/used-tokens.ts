/** Tokens that were used, for as long as they could be used again. Bounded: beyond, the oldest is forgotten. */
import { createHash } from 'node:crypto';

export class UsedTokens {
  readonly #most: number;
  readonly #keptMs: number;
  /** By hash, the oldest first: until when, in milliseconds since the epoch. */
  readonly #used = new Map<string, number>();

  constructor(options: { readonly most: number; readonly keptS: number }) {
    this.#most = options.most;
    this.#keptMs = options.keptS * 1_000;
  }

  get size(): number {
    return this.#used.size;
  }

  /** False where it was used before. */
  use(issuer: string, tokenId: string, nowMs: number): boolean {
    this.#forgetOld(nowMs);
    const key = keyOfToken(issuer, tokenId);
    if (this.#used.has(key)) return false;
    this.#used.set(key, nowMs + this.#keptMs);
    return true;
  }

  /** It came to nothing: the same token may come again. */
  release(issuer: string, tokenId: string): void {
    this.#used.delete(keyOfToken(issuer, tokenId));
  }

  #forgetOld(nowMs: number): void {
    for (const [key, untilMs] of this.#used) {
      if (untilMs > nowMs && this.#used.size < this.#most) return;
      this.#used.delete(key);
    }
  }
}

function keyOfToken(issuer: string, tokenId: string): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer, tokenId]))
    .digest('base64url');
}
