/**
 * How many frames that bring nothing a client may send: resets, pings, settings, empty DATA, what belongs to no stream. Envoy
 * resets a check's stream whenever its own client goes away, so it is more than one core answers in a second: a client that
 * exceeds it is no Envoy whose clients leave, but a flood (CVE-2023-44487), and loses its connection. What makes us reset a
 * stream counts as well (CVE-2025-8671), and a window of all streams as much as there are streams.
 */

/** Frames at once. */
const burst = 20_000;
/** Frames a millisecond, in the long run. */
const perMs = 10;

export class EmptyWork {
  #left = burst;
  #atMs = 0;

  /** Counts one, or as many as it is worth. @param nowMs `performance.now()` */
  isAllowed(nowMs: number, worth = 1): boolean {
    this.#left = Math.min(burst, this.#left + (nowMs - this.#atMs) * perMs) - worth;
    this.#atMs = nowMs;
    return this.#left >= 0;
  }
}
