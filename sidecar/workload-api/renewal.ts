/** When a token is renewed, and how long its renewal may take. */
import type { IssuedToken } from '../jwt/token-ports.ts';

/** Milliseconds between two requests that both succeed. */
const minDelayMs = 1_000;
/** Milliseconds: attesting a container that is not listed yet takes the agent up to 30 s. */
const maxDeadlineMs = 30_000;
const minDeadlineMs = 5_000;
/** The agent issues a new token once less than half of the lifetime is left; asked earlier, it returns the same one. */
const renewFrom = 0.5;
/** Part of the life over which chance spreads renewals. */
const spread = 0.1;

/**
 * Milliseconds until the token should be renewed: between 50 and 60 % of its life. For one that is already
 * older than that (the agent's own copy) a quarter of what is left, so that a server that is away is not pressed.
 * @param chance from 0 up to 1
 */
export function renewalDelayMs(token: IssuedToken, nowMs: number, chance: number): number {
  const lifeS = token.expiresAtS - token.issuedAtS;
  const dueMs = (token.issuedAtS + lifeS * (renewFrom + spread * chance)) * 1_000;
  const leftMs = token.expiresAtS * 1_000 - nowMs;
  return Math.max(minDelayMs, dueMs > nowMs ? dueMs - nowMs : leftMs / 4);
}

/** Milliseconds: half of what the present token has left, so that a hanging call leaves room for another. */
export function fetchDeadlineMs(token: IssuedToken | undefined, nowMs: number): number {
  if (token === undefined) return maxDeadlineMs;
  const leftMs = token.expiresAtS * 1_000 - nowMs;
  return Math.min(maxDeadlineMs, Math.max(minDeadlineMs, leftMs / 2));
}
