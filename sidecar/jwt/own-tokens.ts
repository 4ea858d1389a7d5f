/**
 * The tokens that this helper gave out, so that it knows one when a request brings it back: after an internal redirect,
 * or through a second listener of the same Envoy.
 *
 * A token is known by all of its bytes. Its subject alone says nothing: the workload can have tokens of the same
 * identity by itself, and anybody can write one without a signature. What is kept is a digest, so neither the set nor the
 * time that a look-up takes tells anything about a token that the asker does not hold already.
 * @see docs/adr/0068-the-helper-knows-its-own-tokens.md
 */
import { createHash } from 'node:crypto';
import type { IssuedToken } from './token-ports.ts';

/** Seconds past its end for which a token is known: validators let clocks differ by a minute, so it can still count. */
const knownAfterEndS = 120;
/** Tokens of the newest sources push out the oldest. Two or three an audience are alive at a time. */
const maxKnown = 16_384;

export class OwnTokens {
  /** Digest → Unix seconds until which it is known; the oldest first. */
  readonly #untilS = new Map<string, number>();

  get size(): number {
    return this.#untilS.size;
  }

  add({ token, expiresAtS }: Pick<IssuedToken, 'token' | 'expiresAtS'>): void {
    this.#untilS.set(digest(token), expiresAtS + knownAfterEndS);
    if (this.#untilS.size <= maxKnown) return;
    for (const oldest of this.#untilS.keys()) {
      this.#untilS.delete(oldest);
      return;
    }
  }

  has(token: string, nowS: number): boolean {
    const untilS = this.#untilS.get(digest(token));
    return untilS !== undefined && nowS < untilS;
  }

  forgetExpired(nowS: number): void {
    for (const [known, untilS] of this.#untilS) if (nowS >= untilS) this.#untilS.delete(known);
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token, 'latin1').digest('base64');
}
