/** What waits, by whom it is for: each takes its turn, so that one who asks for much holds up nobody else. */

export class FairQueue<Item> {
  /** By namespace, in the order of their turns; then by key. */
  readonly #waiting = new Map<string, Map<string, Item>>();
  readonly #limits: { readonly all: number; readonly each: number };
  #size = 0;

  constructor(limits: { readonly all: number; readonly each: number }) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  has(namespace: string, key: string): boolean {
    return this.#waiting.get(namespace)?.has(key) === true;
  }

  /** @returns false when too much waits already, of all or of this namespace */
  add(namespace: string, key: string, item: Item): boolean {
    const own = this.#waiting.get(namespace) ?? new Map<string, Item>();
    if (this.#size >= this.#limits.all || own.size >= this.#limits.each) return false;
    this.#waiting.set(namespace, own);
    own.set(key, item);
    this.#size += 1;
    return true;
  }

  /** The next; it stays until it is removed. */
  next(): { readonly namespace: string; readonly key: string; readonly item: Item } | undefined {
    for (const [namespace, own] of this.#waiting) {
      for (const [key, item] of own) return { namespace, key, item };
    }
    return undefined;
  }

  /** Its namespace goes to the end of the row. */
  remove(namespace: string, key: string): void {
    const own = this.#waiting.get(namespace);
    if (own?.delete(key) !== true) return;
    this.#size -= 1;
    this.#waiting.delete(namespace);
    if (own.size > 0) this.#waiting.set(namespace, own);
  }

  clear(): void {
    this.#waiting.clear();
    this.#size = 0;
  }
}
