/** One large body at a time: bounds peak memory and lets small reviews in between. */

type Turn = () => void;

/** Hands out one turn; the rest wait in order. */
export class LargeBodies {
  readonly #maxWaiting: number;
  readonly #waiting: Turn[] = [];
  #busy = false;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Calls `turn` when it is its turn, at once if nobody is before it.
   * @returns a function that gives the turn back or leaves the queue (idempotent); undefined when the queue is full.
   */
  enter(turn: Turn): (() => void) | undefined {
    if (this.#busy && this.#waiting.length >= this.#maxWaiting) return undefined;
    let state: 'waiting' | 'working' | 'left' = 'waiting';
    const begin = (): void => {
      state = 'working';
      turn();
    };
    if (this.#busy) this.#waiting.push(begin);
    else {
      this.#busy = true;
      begin();
    }
    return () => {
      if (state === 'working') this.#next();
      else if (state === 'waiting') this.#waiting.splice(this.#waiting.indexOf(begin), 1);
      state = 'left';
    };
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#busy = false;
    else next();
  }
}
