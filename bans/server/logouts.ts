/** Carries out what providers tell of logouts: a good token becomes a ban, once. */
import type { Clock } from '#kernel/clock.ts';
import {
  banOfLogout,
  logoutRefusals,
  readLogoutToken,
  rememberedS,
  type KnownProvider,
  type LogoutRefusal,
  type ProvenLogout,
} from '../service/logout-token.ts';
import { Problem } from '../service/problem.ts';
import { UsedTokens } from '../service/used-tokens.ts';
import type { BanWriter } from './ban-writer.ts';
import type { BanServiceMetrics } from './ban-service-metrics.ts';

export interface LogoutsOptions {
  /** By issuer. */
  readonly providers: ReadonlyMap<string, KnownProvider>;
  readonly writer: BanWriter;
  readonly metrics: Pick<BanServiceMetrics, 'logout'>;
  readonly clock: Clock;
  /** Used tokens that are remembered. */
  readonly most: number;
}

/** Why nothing was done: a stable id, and words. */
export interface LogoutFault {
  readonly reason: LogoutRefusal;
  readonly words: string;
}

export class Logouts {
  readonly #options: LogoutsOptions;
  readonly #used: UsedTokens;

  constructor(options: LogoutsOptions) {
    this.#options = options;
    this.#used = new UsedTokens({ most: options.most, keptS: rememberedS });
  }

  /** @returns what is wrong with the token; undefined: it is done @throws {Problem} where it cannot be done now */
  async take(token: string): Promise<LogoutFault | undefined> {
    const { providers, clock, metrics } = this.#options;
    const nowMs = clock.now();
    const verdict = await readLogoutToken(token, providers, nowMs);
    switch (verdict.kind) {
      case 'logout':
        return this.#carryOut(verdict.logout, nowMs);
      case 'refused':
        return this.#refuse(verdict.reason, verdict.issuer);
      case 'keys_away':
        metrics.logout('keys_away');
        throw new Problem(
          'not_ready',
          "the provider's keys, or a new one of them, cannot be had now",
          {
            retryAfterS: 10,
          },
        );
      default:
        return verdict satisfies never;
    }
  }

  #refuse(reason: LogoutRefusal, issuer?: string): LogoutFault {
    this.#options.metrics.logout(reason);
    const refused = { by: issuer, claim: undefined, result: reason };
    this.#options.writer.refused({ act: 'logout', ...refused });
    return { reason, words: logoutRefusals[reason] };
  }

  async #carryOut(logout: ProvenLogout, nowMs: number): Promise<LogoutFault | undefined> {
    const { writer, metrics } = this.#options;
    const { provider, tokenId } = logout;
    const { issuer } = provider;
    if (!this.#used.use(issuer, tokenId, nowMs)) return this.#refuse('replayed', issuer);
    try {
      const ban = { ...banOfLogout(logout), reason: 'logout', by: issuer, atS: nowMs / 1_000 };
      await writer.put(ban, 'logout');
    } catch (thrown) {
      this.#used.release(issuer, tokenId);
      metrics.logout('store_failed');
      throw thrown;
    }
    metrics.logout('done');
    return undefined;
  }
}
