/**
 * How many frames that bring nothing a client may send: resets, pings, settings, empty DATA, what belongs to no stream. Envoy
 * resets a check's stream whenever its own client goes away, so it is more than one core answers in a second: a client that
 * exceeds it is no Envoy whose clients leave, but a flood (CVE-2023-44487), and loses its connection.
 */

/** Frames at once. */
const burst = 20_000;
/** Frames a millisecond, in the long run. */
const perMs = 10;

export class EmptyWork {
  #left = burst;
  #atMs = 0;

  /** Counts one. @param nowMs `performance.now()` */
  isAllowed(nowMs: number): boolean {
    this.#left = Math.min(burst, this.#left + (nowMs - this.#atMs) * perMs) - 1;
    this.#atMs = nowMs;
    return this.#left >= 0;
  }
}
