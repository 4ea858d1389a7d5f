/** How often each of many may do something: several times at once after a quiet time, then at a steady rate. */

interface Allowance {
  left: number;
  atMs: number;
}

export class Allowances {
  readonly #burst: number;
  readonly #everyMs: number;
  readonly #all = new Map<string, Allowance>();

  constructor(burst: number, everyMs: number) {
    this.#burst = burst;
    this.#everyMs = everyMs;
  }

  /** Those that have used some of theirs lately. */
  get size(): number {
    return this.#all.size;
  }

  /** Takes one. @returns milliseconds until there is another */
  take(key: string, nowMs: number): number {
    const left = Math.max(0, this.#leftAt(key, nowMs) - 1);
    this.#all.set(key, { left, atMs: nowMs });
    if (this.#all.size > 1_000) this.#forgetRested(nowMs);
    return left >= 1 ? 0 : Math.ceil((1 - left) * this.#everyMs);
  }

  #leftAt(key: string, nowMs: number): number {
    const known = this.#all.get(key);
    if (known === undefined) return this.#burst;
    return Math.min(this.#burst, known.left + (nowMs - known.atMs) / this.#everyMs);
  }

  #forgetRested(nowMs: number): void {
    for (const key of [...this.#all.keys()]) {
      if (this.#leftAt(key, nowMs) >= this.#burst) this.#all.delete(key);
    }
  }
}
