/** Time as a port, so that nothing pure reads the clock and tests own it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** A clock that also calls back. */
export interface Timers extends Clock {
  /** Calls back once, after `delayMs` or a little later; returns how to call it off. */
  after(delayMs: number, callback: () => void): () => void;
}
