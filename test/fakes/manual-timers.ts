/** Time that a test moves by hand. */
import type { Timers } from '#kernel/clock.ts';

interface Pending {
  readonly atMs: number;
  readonly callback: () => void;
}

export class ManualTimers implements Timers {
  #nowMs: number;
  readonly #pending = new Set<Pending>();

  constructor(nowMs = 1_800_000_000_000) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const pending = { atMs: this.#nowMs + delayMs, callback };
    this.#pending.add(pending);
    return () => {
      this.#pending.delete(pending);
    };
  }

  /** Timers that have neither fired nor been called off. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Milliseconds until the next timer fires; undefined without one. */
  get nextMs(): number | undefined {
    const next = this.#next();
    return next && next.atMs - this.#nowMs;
  }

  /** Moves time forward, fires what is due in order, and lets promises settle after each. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await settled();
    for (let next = this.#next(); next !== undefined && next.atMs <= endMs; next = this.#next()) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#pending.delete(next);
      next.callback();
      await settled();
    }
    this.#nowMs = endMs;
  }

  /** Sets the clock without firing anything, as a machine that slept does. */
  jump(byMs: number): void {
    this.#nowMs += byMs;
  }

  #next(): Pending | undefined {
    return [...this.#pending].sort((a, b) => a.atMs - b.atMs)[0];
  }
}

/** Lets everything that needs no timer and no I/O come to its end. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
