/** A level-triggered loop: looks at everything, again after each change and at least each tick; failures only delay it. */
import type { Timers } from '#kernel/clock.ts';
import { backOffMs, type BackOff } from '#kernel/back-off.ts';

export interface RoundsOptions {
  readonly timers: Timers;
  /** Milliseconds between rounds when nothing happens: a missed timer is caught up by the next one. */
  readonly tickMs: number;
  /** One round; called again only after it has finished. */
  readonly work: () => Promise<void>;
  /** Called for each round that failed. */
  readonly failed: (thrown: unknown, retryMs: number) => void;
  /** From 0 up to 1. */
  readonly random: () => number;
}

const retry: BackOff = { firstMs: 500, factor: 2, limitMs: 30_000, jitter: 0.5 };

export class Rounds {
  readonly #options: RoundsOptions;
  #isRunning = false;
  #isAsked = false;
  #failures = 0;
  #signal: AbortSignal | undefined;
  #cancel: () => void = () => undefined;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Consecutive rounds that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Runs the first round now. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      this.#cancel();
    });
    this.wake();
  }

  /** Asks for a round soon: at once, or after the one in progress. After a failure the back-off continues. */
  wake(): void {
    this.#isAsked = true;
    if (this.#failures === 0) void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isRunning || this.#isOver()) return;
    this.#isRunning = true;
    this.#cancel();
    let delayMs = this.#options.tickMs;
    while (this.#isAsked && !this.#isOver()) {
      this.#isAsked = false;
      const retryMs = await this.#once();
      if (retryMs === undefined) continue;
      delayMs = retryMs;
      break;
    }
    this.#isRunning = false;
    if (this.#isOver()) return;
    this.#cancel = this.#options.timers.after(delayMs, () => {
      this.#isAsked = true;
      void this.#run();
    });
  }

  /** @returns milliseconds until the next try, after a failure */
  async #once(): Promise<number | undefined> {
    const { work, failed, tickMs, random } = this.#options;
    try {
      await work();
      this.#failures = 0;
      return undefined;
    } catch (thrown) {
      if (this.#isOver()) return undefined;
      const retryMs = Math.min(tickMs, backOffMs(retry, this.#failures, random()));
      this.#failures += 1;
      failed(thrown, retryMs);
      return retryMs;
    }
  }

  #isOver(): boolean {
    return this.#signal?.aborted ?? true;
  }
}
