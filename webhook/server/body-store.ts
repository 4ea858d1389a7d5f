/** Memory for bodies that are arriving: bounded in total, and the slowest give way. */

export interface Arriving {
  readonly bytes: number;
  /** Ends it: somebody else needs the memory. */
  readonly cut: () => void;
}

export class BodyStore {
  readonly #maxBytes: number;
  /** In the order in which they began. */
  readonly #arriving = new Set<Arriving>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes memory for one body. When none is left, the oldest are cut off: a body from an API server is
   * there within milliseconds, so nobody waits for the one that has been arriving for longest.
   * @returns a function that gives the memory back (idempotent)
   */
  take(arriving: Arriving): () => void {
    for (const oldest of this.#arriving) {
      if (this.#bytes + arriving.bytes <= this.#maxBytes) break;
      this.#release(oldest);
      oldest.cut();
    }
    this.#arriving.add(arriving);
    this.#bytes += arriving.bytes;
    return () => {
      this.#release(arriving);
    };
  }

  #release(arriving: Arriving): void {
    if (this.#arriving.delete(arriving)) this.#bytes -= arriving.bytes;
  }
}
