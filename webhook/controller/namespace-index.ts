/** Entries by namespace and key. */
export class NamespaceIndex<Entry extends { readonly namespace: string }> {
  readonly #byNamespace = new Map<string, Map<string, Entry>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(namespace: string, key: string): Entry | undefined {
    return this.#byNamespace.get(namespace)?.get(key);
  }

  of(namespace: string): ReadonlyMap<string, Entry> {
    return this.#byNamespace.get(namespace) ?? new Map<string, Entry>();
  }

  all(): readonly Entry[] {
    return [...this.#byNamespace.values()].flatMap((entries) => [...entries.values()]);
  }

  put(key: string, entry: Entry): void {
    let entries = this.#byNamespace.get(entry.namespace);
    if (entries === undefined) {
      entries = new Map();
      this.#byNamespace.set(entry.namespace, entries);
    }
    if (!entries.has(key)) this.#size += 1;
    entries.set(key, entry);
  }

  /** @returns whether it was there */
  drop(namespace: string, key: string): boolean {
    const entries = this.#byNamespace.get(namespace);
    if (entries?.delete(key) !== true) return false;
    this.#size -= 1;
    if (entries.size === 0) this.#byNamespace.delete(namespace);
    return true;
  }
}
