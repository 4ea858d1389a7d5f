/** The verifiers in use, one for each set of audiences, with their caches of verdicts. */
import type { TrustDomain } from '#kernel/spiffe-id.ts';
import { cachedVerifier, type CachedVerifier } from '../jwt/cache.ts';
import type { BundleSource } from '../jwt/token-ports.ts';
import { createVerifier } from '../jwt/verify.ts';

/** Sets of audiences; routes name some of them, and each has a cache, so they are bounded. */
const maxVerifiers = 64;

interface WatchedBundles extends BundleSource {
  soleTrustDomain(): TrustDomain | undefined;
}

export class Verifiers {
  readonly #bundles: () => WatchedBundles;
  readonly #known = new Map<string, CachedVerifier>();

  /** @param bundles called when the first verifier is wanted: a helper that only injects watches no bundles. */
  constructor(bundles: () => WatchedBundles) {
    this.#bundles = bundles;
  }

  verifierFor(audiences: readonly string[]): CachedVerifier | undefined {
    // An audience may hold any character, so no separator would tell two lists apart.
    const key = JSON.stringify([...new Set(audiences)].sort());
    const present = this.#known.get(key);
    if (present !== undefined) return present;
    if (this.#known.size >= maxVerifiers) return undefined;
    const bundles = this.#bundles();
    const made = cachedVerifier(createVerifier({ audiences, bundles }), { bundles });
    this.#known.set(key, made);
    return made;
  }

  /** @see ValidatePorts.soleTrustDomain */
  soleTrustDomain(): TrustDomain | undefined {
    return this.#bundles().soleTrustDomain();
  }

  /** Lets go of tokens that have expired. */
  forgetExpired(nowS: number): void {
    for (const verifier of this.#known.values()) verifier.forgetExpired(nowS);
  }

  counts(): { readonly hits: number; readonly misses: number; readonly held: number } {
    const all = [...this.#known.values()];
    return {
      hits: all.reduce((sum, { counts }) => sum + counts.hits, 0),
      misses: all.reduce((sum, { counts }) => sum + counts.misses, 0),
      held: all.reduce((sum, { size }) => sum + size, 0),
    };
  }
}
