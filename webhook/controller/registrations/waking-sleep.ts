/** A wait that can be ended from outside; a call to wake while nobody sleeps ends the next sleep at once. */
import { setTimeout as wait } from 'node:timers/promises';

export class WakingSleep {
  #isAsked = false;
  #end: AbortController | undefined;

  wake(): void {
    this.#isAsked = true;
    this.#end?.abort();
  }

  /** @returns whether somebody woke us; false also where `signal` aborts. Never rejects. */
  async for(delayMs: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#isAsked && !signal.aborted) {
      const end = new AbortController();
      this.#end = end;
      const both = AbortSignal.any([signal, end.signal]);
      // The wait rejects when it is ended.
      await wait(delayMs, undefined, { signal: both, ref: false }).catch(() => undefined);
      this.#end = undefined;
    }
    const isWoken = this.#isAsked;
    this.#isAsked = false;
    return isWoken;
  }

  /** Lets more of the same come in. */
  async gather(delayMs: number, signal: AbortSignal): Promise<void> {
    await wait(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
    this.#isAsked = false;
  }
}
