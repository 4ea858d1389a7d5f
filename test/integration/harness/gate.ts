/** Where work of a steady flow passes, and waits while something happens that would harm it. */
import { setTimeout as wait } from 'node:timers/promises';

export class Gate {
  #open = 0;
  /** How many keep it shut. */
  #shut = 0;

  get isShut(): boolean {
    return this.#shut > 0;
  }

  /** How much work is under way. */
  get open(): number {
    return this.#open;
  }

  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.isShut) await wait(1);
    this.#open += 1;
    try {
      return await work();
    } finally {
      this.#open -= 1;
    }
  }

  /** Does something while no work is under way. */
  async between(act: () => Promise<void>): Promise<void> {
    this.#shut += 1;
    try {
      while (this.#open > 0) await wait(1);
      await act();
    } finally {
      this.#shut -= 1;
    }
  }
}
