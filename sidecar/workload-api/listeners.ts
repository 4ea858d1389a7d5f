/** Who wants to know of a change. */
export class Listeners {
  readonly #listeners = new Set<() => void>();

  /** Returns how to stop. */
  add(listener: () => void): () => void {
    // One function may be added twice: each time is a listener of its own.
    const own = (): void => {
      listener();
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  call(): void {
    for (const listener of this.#listeners) listener();
  }
}
