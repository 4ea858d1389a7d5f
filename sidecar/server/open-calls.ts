/**
 * The requests that are open on all connections, whatever they ask for. Those that wait for their client (for the rest of a
 * message, for an end, for a window) give way to new ones, the oldest first; those that wait for us do not.
 */
export interface OpenRequest {
  /** Milliseconds, `performance.now()`: when it must be over. */
  readonly untilMs: number;
  /** It took too long. */
  expire(): void;
  /** Others want its place. */
  giveWay(): void;
}

export class OpenCalls {
  readonly #limit: number;
  /** Both in order of age. */
  readonly #all = new Set<OpenRequest>();
  readonly #waiting = new Set<OpenRequest>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Makes room for one more. @returns false where all that are open wait for us */
  admit(): boolean {
    if (this.#all.size < this.#limit) return true;
    for (const oldest of this.#waiting) {
      this.delete(oldest);
      oldest.giveWay();
      return true;
    }
    return false;
  }

  /** It waits for its client. */
  add(request: OpenRequest): void {
    this.#all.add(request);
    this.#waiting.add(request);
  }

  /** It waits for us. */
  holdOn(request: OpenRequest): void {
    this.#waiting.delete(request);
  }

  /** It waits for its client again. */
  handBack(request: OpenRequest): void {
    if (this.#all.has(request)) this.#waiting.add(request);
  }

  delete(request: OpenRequest): void {
    this.#all.delete(request);
    this.#waiting.delete(request);
  }

  expireOverdue(nowMs: number): void {
    for (const request of this.#all) if (nowMs > request.untilMs) request.expire();
  }
}
