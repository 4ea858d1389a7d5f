/** How often somebody may ask: a bucket of permits for each, filled at a steady rate. Bounded in number. */
import { LruMap } from '../../sidecar/jwt/lru.ts';

export interface BucketOptions {
  /** Permits a second. */
  readonly perSecond: number;
  /** Permits that a full bucket holds. */
  readonly burst: number;
  /** Buckets kept; whoever has not asked for the longest begins anew. */
  readonly most: number;
}

interface Bucket {
  readonly permits: number;
  /** Milliseconds since the epoch: when it had them. */
  readonly atMs: number;
}

/** @see docs/adr/0135-a-rate-limit-of-our-own.md */
export class TokenBuckets {
  readonly #options: BucketOptions;
  readonly #buckets: LruMap<string, Bucket>;

  constructor(options: BucketOptions) {
    this.#options = options;
    this.#buckets = new LruMap(options.most);
  }

  /** Takes a permit. @returns 0, or the seconds after which to ask again: then none was taken */
  take(whose: string, nowMs: number): number {
    const { perSecond, burst } = this.#options;
    const { permits, atMs } = this.#buckets.get(whose) ?? { permits: burst, atMs: nowMs };
    // A clock that was set back fills nothing, and empties nothing.
    const passedS = Math.max(0, nowMs - atMs) / 1_000;
    const now = Math.min(burst, permits + passedS * perSecond);
    const isAllowed = now >= 1;
    this.#buckets.set(whose, { permits: isAllowed ? now - 1 : now, atMs: nowMs });
    return isAllowed ? 0 : Math.ceil((1 - now) / perSecond);
  }
}
