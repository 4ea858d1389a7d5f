/**
 * How many HTTP/2 streams each connection may have open. Node makes an object for every stream in up to 64 KB of input before
 * anybody hears of the first, so what all connections can open at once is bounded by what they were granted, not by counting.
 * The first connections may open many streams, later ones fewer: an Envoy sends all that waits for a new connection before it has read the
 * limit, and what is over it is refused.
 */

export interface GrantLimits {
  /** Streams for one connection at most. */
  readonly most: number;
  /** Streams that a connection gets also when nothing is left. */
  readonly least: number;
  /** Streams that are shared out before connections get the least. */
  readonly shared: number;
}

export class StreamGrants {
  readonly #limits: GrantLimits;
  #granted = 0;

  constructor(limits: GrantLimits) {
    this.#limits = limits;
  }

  /** A quarter of what is left, rounded down to a power of two. Give it back when the connection is closed. */
  take(): number {
    const { most, least, shared } = this.#limits;
    const quarter = Math.max((shared - this.#granted) / 4, 1);
    const grant = Math.min(most, Math.max(least, 2 ** Math.floor(Math.log2(quarter))));
    this.#granted += grant;
    return grant;
  }

  giveBack(grant: number): void {
    this.#granted -= grant;
  }
}
