/** What rules share and a reload must not lose: made when it is first asked for, closed when no rule asks for it any more. */

interface Closable {
  close(): void;
}

export class KeptInUse<Held extends Closable> {
  readonly #held = new Map<string, Held>();
  #touched = new Set<string>();

  /** What nobody asks for while `setUp` runs is closed after it. */
  settingUp<T>(setUp: () => T): T {
    this.#touched = new Set();
    const result = setUp();
    for (const [key, one] of this.#held) {
      if (this.#touched.has(key)) continue;
      one.close();
      this.#held.delete(key);
    }
    return result;
  }

  get(key: string, make: () => Held): Held {
    this.#touched.add(key);
    const one = this.#held.get(key) ?? make();
    this.#held.set(key, one);
    return one;
  }

  entries(): Iterable<readonly [string, Held]> {
    return this.#held.entries();
  }

  close(): void {
    for (const one of this.#held.values()) one.close();
    this.#held.clear();
  }
}
