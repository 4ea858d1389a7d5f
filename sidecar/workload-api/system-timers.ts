/** The machine's clock and timers, behind the port that everything else takes. */
import type { Clock, Timers } from '#kernel/clock.ts';

/** Milliseconds: a longer wait than this would fire at once. */
const maxTimeoutMs = 2_147_483_647;

/** A pending timer keeps the process alive: whoever sets one also calls it off. */
export const systemTimers: Timers = {
  now: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(maxTimeoutMs, Math.max(0, delayMs)));
    return () => {
      clearTimeout(timer);
    };
  },
};

/** The machine's timers, and the time by a clock that is given. */
export function timersBy(clock: Clock): Timers {
  return { ...systemTimers, now: () => clock.now() };
}
