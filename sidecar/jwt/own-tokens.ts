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

/** As the rules' port `Lookup` has it. */
interface OwnToken {
  readonly kind: 'listed';
  /** Unix seconds until which it is known. */
  readonly entry: number;
}

const notKnown = { kind: 'not_known' } as const;

export class OwnTokens {
  /** By digest, until when each is known; the oldest first. */
  readonly #known = new Map<string, OwnToken>();

  get size(): number {
    return this.#known.size;
  }

  add({ token, expiresAtS }: Pick<IssuedToken, 'token' | 'expiresAtS'>): void {
    this.#known.set(digest(token), { kind: 'listed', entry: expiresAtS + knownAfterEndS });
    if (this.#known.size <= maxKnown) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  find(token: string, nowS: number): OwnToken | typeof notKnown {
    const found = this.#known.get(digest(token));
    return found !== undefined && nowS < found.entry ? found : notKnown;
  }

  forgetExpired(nowS: number): void {
    for (const [key, { entry }] of this.#known) if (nowS >= entry) this.#known.delete(key);
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token, 'latin1').digest('base64');
}
