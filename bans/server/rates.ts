/** How often each may ask: addresses before anybody is asked who they are, callers after it, and all of them together. */
import type { Clock } from '#kernel/clock.ts';
import { Problem } from '../service/problem.ts';
import { TokenBuckets } from '../service/token-buckets.ts';
import type { ServedPart } from '../service/listener-faults.ts';
import type { ServiceLimits } from '../service/service-settings.ts';
import type { BanServiceMetrics } from './ban-service-metrics.ts';

export interface RatesOptions {
  readonly limits: ServiceLimits;
  /** Callers, and addresses, that are told apart. */
  readonly most: number;
  readonly clock: Clock;
  readonly metrics: Pick<BanServiceMetrics, 'limited'>;
}

/** What a stranger may ask without being told from others: health, metrics, the document. */
const otherPerSecond = 50;

export class Rates {
  readonly #clock: Clock;
  readonly #metrics: RatesOptions['metrics'];
  readonly #byAddress: Readonly<Record<ServedPart | 'other', TokenBuckets>>;
  readonly #callers: TokenBuckets;
  readonly #all: TokenBuckets;

  constructor({ limits, most, clock, metrics }: RatesOptions) {
    const buckets = (perSecond: number): TokenBuckets =>
      new TokenBuckets({ perSecond, burst: 2 * perSecond, most });
    this.#clock = clock;
    this.#metrics = metrics;
    // One address may be a proxy for everybody: it may have all that all may have, so that it takes nothing from others.
    this.#byAddress = {
      bans: buckets(limits.all),
      check: buckets(limits.checks),
      logout: buckets(limits.logouts),
      other: buckets(otherPerSecond),
    };
    this.#callers = buckets(limits.perCaller);
    this.#all = buckets(limits.all);
  }

  /** @throws {Problem} */
  ofAddress(address: string, asked: ServedPart | 'other'): void {
    this.#allow(this.#byAddress[asked].take(address, this.#clock.now()), 'address');
  }

  /** @param caller SPIFFE ID; undefined: nobody is asked who they are @throws {Problem} */
  ofCaller(caller: string | undefined): void {
    const nowMs = this.#clock.now();
    this.#allow(this.#callers.take(caller ?? '', nowMs), 'caller');
    this.#allow(this.#all.take('', nowMs), 'all');
  }

  #allow(retryAfterS: number, scope: keyof typeof scopes): void {
    if (retryAfterS === 0) return;
    this.#metrics.limited.labels(scope).inc();
    throw new Problem(
      'too_many_requests',
      `ask less often; the limit of ${scopes[scope]} is reached`,
      {
        retryAfterS,
      },
    );
  }
}

const scopes = { address: 'one address', caller: 'one caller', all: 'all callers' } as const;
