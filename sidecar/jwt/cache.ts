/**
 * Verdicts remembered, so that a token costs one signature check and not one a request.
 *
 * What makes that safe: one cache belongs to one verifier, so audiences are never mixed; an entry counts only
 * for the bundle generation it was found under and for a minute at most; `exp` is compared on every hit, and a
 * clock that went back ends every entry; refusals live apart, so that garbage cannot push good verdicts out; and
 * of refusals only those are kept that time and new keys cannot turn into an acceptance.
 */
import { LruMap } from './lru.ts';
import { maxTokenLength } from './parse.ts';
import type { BundleSource, RefusalReason, TokenVerifier, TokenVerdict } from './token-ports.ts';
import { refused } from './refusal.ts';
import { defaultLeewayS } from './verify.ts';

export interface CacheOptions {
  readonly bundles: BundleSource;
  /** As the verifier's. Seconds. */
  readonly leewayS?: number;
  /** Accepted tokens kept; each takes about two kilobytes. */
  readonly maxAccepted?: number;
  /** Refused tokens kept. */
  readonly maxRefused?: number;
  /** Seconds; bounds how long a withdrawn key could go on counting if its withdrawal were missed. */
  readonly acceptedForS?: number;
  readonly refusedForS?: number;
}

/** How often the cache answered, for metrics. */
export interface CacheCounts {
  hits: number;
  misses: number;
}

export interface CachedVerifier extends TokenVerifier {
  readonly counts: Readonly<CacheCounts>;
  /** Tokens held now, accepted and refused together. */
  readonly size: number;
  /** Forgets tokens that have expired or whose entry is over; to be called every few minutes. */
  forgetExpired(nowS: number): void;
}

interface Entry {
  readonly verdict: TokenVerdict;
  readonly generation: number;
  /** Unix seconds: when the verdict was found. */
  readonly sinceS: number;
  /** Unix seconds: the first moment at which the entry no longer counts. */
  readonly untilS: number;
}

/** Verdicts that neither time nor new keys can turn into an acceptance. */
const finalReasons: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'malformed',
  'algorithm',
  'type',
  'critical_header',
  'subject',
  'audience',
  'no_expiry',
  'expired',
  'signature',
]);
/** Seconds between two clean-ups that a miss may start. */
const cleanEveryS = 30;

const defaults = { maxAccepted: 1024, maxRefused: 256, acceptedForS: 60, refusedForS: 5 };

/**
 * Wraps a verifier. While an entry lives the very same TokenVerdict comes back, so a caller may hang a
 * prepared answer on it. Tokens that are being verified are waited for, not verified again.
 */
export function cachedVerifier(verifier: TokenVerifier, options: CacheOptions): CachedVerifier {
  return new VerdictCache(verifier, options);
}

class VerdictCache implements CachedVerifier {
  readonly counts: CacheCounts = { hits: 0, misses: 0 };
  readonly #verifier: TokenVerifier;
  readonly #options: CacheOptions & typeof defaults & { readonly leewayS: number };
  readonly #accepted: LruMap<string, Entry>;
  readonly #refused: LruMap<string, Entry>;
  readonly #pending = new Map<string, { generation: number; verdict: Promise<TokenVerdict> }>();
  #cleanAtS = -Infinity;

  constructor(verifier: TokenVerifier, options: CacheOptions) {
    this.#verifier = verifier;
    this.#options = { ...defaults, leewayS: defaultLeewayS, ...options };
    this.#accepted = new LruMap(this.#options.maxAccepted);
    this.#refused = new LruMap(this.#options.maxRefused);
  }

  get size(): number {
    return this.#accepted.size + this.#refused.size;
  }

  verify(token: string, nowS: number): TokenVerdict | Promise<TokenVerdict> {
    // Before it is hashed, let alone kept.
    if (token.length > maxTokenLength) return refused('too_long');
    const known = this.#lookUp(token, nowS);
    if (known !== undefined) {
      this.counts.hits++;
      return known;
    }
    const generation = this.#options.bundles.generation;
    const pending = this.#pending.get(token);
    if (pending?.generation === generation) return pending.verdict;
    this.counts.misses++;
    this.#cleanSometimes(nowS);
    const verdict = this.#verifier.verify(token, nowS);
    if (!(verdict instanceof Promise)) return this.#keep(token, verdict, { generation, nowS });
    return this.#keepLater(token, verdict, { generation, nowS });
  }

  forgetExpired(nowS: number): void {
    const isOver = (entry: Entry): boolean => nowS >= entry.untilS;
    this.#accepted.deleteWhere(isOver);
    this.#refused.deleteWhere(isOver);
  }

  #lookUp(token: string, nowS: number): TokenVerdict | undefined {
    const entry = this.#accepted.get(token) ?? this.#refused.get(token);
    if (entry === undefined) return undefined;
    const counts =
      entry.generation === this.#options.bundles.generation &&
      nowS < entry.untilS &&
      // `nbf` and `iat` were in the past then; a clock that was set back since makes them open again.
      nowS >= entry.sinceS;
    if (counts) return entry.verdict;
    this.#accepted.delete(token);
    this.#refused.delete(token);
    return undefined;
  }

  #keepLater(
    token: string,
    verdict: Promise<TokenVerdict>,
    found: { readonly generation: number; readonly nowS: number },
  ): Promise<TokenVerdict> {
    const kept = verdict
      .then((result) => this.#keep(token, result, found))
      .finally(() => {
        if (this.#pending.get(token)?.verdict === kept) this.#pending.delete(token);
      });
    this.#pending.set(token, { generation: found.generation, verdict: kept });
    return kept;
  }

  #keep(
    token: string,
    verdict: TokenVerdict,
    found: { readonly generation: number; readonly nowS: number },
  ): TokenVerdict {
    const { acceptedForS, refusedForS, leewayS } = this.#options;
    const { generation, nowS } = found;
    const entry = { verdict, generation, sinceS: nowS };
    switch (verdict.kind) {
      case 'accepted':
        this.#accepted.set(token, {
          ...entry,
          untilS: Math.min(nowS + acceptedForS, verdict.expiresAtS + leewayS),
        });
        break;
      case 'refused':
        if (!finalReasons.has(verdict.reason)) break;
        this.#refused.set(token, { ...entry, untilS: nowS + refusedForS });
        break;
      default:
        return verdict satisfies never;
    }
    return verdict;
  }

  #cleanSometimes(nowS: number): void {
    if (nowS < this.#cleanAtS) return;
    this.#cleanAtS = nowS + cleanEveryS;
    this.forgetExpired(nowS);
  }
}
