/** Every limit of the service for bans, with where it comes from; those that a person sets are in the settings. */
import type { ConnectionLimits } from '../../webhook/server/http-connections.ts';
import type { TimeLimits } from '../../webhook/server/keep-serving.ts';

export interface BanServiceLimits extends ConnectionLimits, TimeLimits {
  /** Bytes of a request's line and headers together. */
  readonly maxHeaderBytes: number;
  readonly maxBodyBytes: number;
  readonly maxFormBytes: number;
  /** Questions to the store at once. */
  readonly maxStoreQuestions: number;
  readonly storeDeadlineMs: number;
  readonly listDeadlineMs: number;
  /** Listings at once: each reads all that the store has. */
  readonly maxListings: number;
  /** Callers, and addresses, whose rate is known. */
  readonly maxCallers: number;
  /** Used logout tokens that are remembered. */
  readonly maxUsedTokens: number;
}

export const banServiceLimits: BanServiceLimits = Object.freeze({
  // An Envoy lets headers of 60 KiB pass by default, and helpers send their Authorization and Cookie on.
  maxHeaderBytes: 128 * 1024,
  // The longest reason, written as escapes, takes 1.5 KiB.
  maxBodyBytes: 8_192,
  // A logout token of 16 KiB, and what else a provider may add.
  maxFormBytes: 32_768,
  maxStoreQuestions: 64,
  // Longer than a failover of Redis takes to be noticed.
  storeDeadlineMs: 5_000,
  listDeadlineMs: 30_000,
  maxListings: 2,
  maxCallers: 4_096,
  // Twelve minutes of 130 logouts a second: 15 MB.
  maxUsedTokens: 100_000,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  handshakeTimeoutMs: 5_000,
  socketTimeoutMs: 45_000,
  // Longer than an Envoy (an hour), a load balancer or nginx in front keeps an idle one, so that they close first: what they
  // send on one that we are closing is lost, and a POST is not sent again.
  keepAliveTimeoutMs: 3_660_000,
  // 1,000 helpers with 64 connections each would not be served by one replica anyway.
  maxUnanswered: 512,
  maxUnansweredEach: 256,
  maxAnswered: 4_096,
  maxAnsweredEach: 1_024,
  // Until every node has taken us out of the Service.
  drainMs: 5_000,
  closeMs: 5_000,
});
