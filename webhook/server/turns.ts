/** One at a time: what costs much memory or time waits for its turn, and no sender can use up the turns of others. */

export interface Entrant {
  /** The sender: turns go round robin among senders. */
  readonly address: string;
  /** Called when it is its turn, at once if nobody is ahead of it. */
  readonly begin: () => void;
  /** Called instead when the queue was full and a sender with fewer entries needed the place. */
  readonly refuse: () => void;
}

/** Hands out one turn; the rest wait, in order for each address. */
export class ParseTurns {
  readonly #maxWaiting: number;
  #waiting: Entrant[] = [];
  /** Whose turn it is, or was last. */
  #address: string | undefined;
  #busy = false;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** @returns a function that gives the turn back or leaves the queue (idempotent); undefined when the queue is full. */
  enter(entrant: Entrant): (() => void) | undefined {
    if (this.#busy && !this.#hasRoom(entrant.address)) return undefined;
    let state: 'waiting' | 'working' | 'left' = 'waiting';
    const queued: Entrant = {
      ...entrant,
      begin: () => {
        state = 'working';
        entrant.begin();
      },
    };
    if (this.#busy) this.#waiting.push(queued);
    else this.#begin(queued);
    return () => {
      const was = state;
      state = 'left';
      if (was === 'working') this.#next();
      else if (was === 'waiting') this.#waiting = this.#waiting.filter((each) => each !== queued);
    };
  }

  /** In a full queue the sender with the most entries gives way to one with fewer. */
  #hasRoom(address: string): boolean {
    if (this.#waiting.length < this.#maxWaiting) return true;
    const counts = new Map<string, number>();
    for (const each of this.#waiting) counts.set(each.address, (counts.get(each.address) ?? 0) + 1);
    const own = counts.get(address) ?? 0;
    const most = Math.max(0, ...counts.values());
    if (most <= own + 1) return false;
    const last = this.#waiting.findLast((each) => counts.get(each.address) === most);
    this.#waiting = this.#waiting.filter((each) => each !== last);
    last?.refuse();
    return true;
  }

  #begin(entrant: Entrant): void {
    this.#busy = true;
    this.#address = entrant.address;
    entrant.begin();
  }

  #next(): void {
    const next = this.#waiting.find(({ address }) => address !== this.#address) ?? this.#waiting[0];
    this.#waiting = this.#waiting.filter((each) => each !== next);
    this.#busy = false;
    if (next !== undefined) this.#begin(next);
  }
}
