/** Time as a port, so that nothing pure reads the clock and tests own it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}
