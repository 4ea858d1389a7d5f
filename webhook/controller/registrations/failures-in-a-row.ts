/** Failures one after another: how long to wait for the next try, and the first of them in the log. */
import { messageOf } from '#kernel/errors.ts';
import type { Log } from '#kernel/observe.ts';
import { retryDelayMs } from '../../kube/api-limits.ts';
import type { Retries } from './registration-limits.ts';

export interface FailuresOptions {
  readonly log: Log;
  /** Gives [0, 1). */
  readonly random: () => number;
}

export class FailuresInARow {
  readonly #options: FailuresOptions;
  /** What cannot be done, for the log. */
  readonly #message: string;
  #count = 0;

  constructor(message: string, options: FailuresOptions) {
    this.#message = message;
    this.#options = options;
  }

  get any(): boolean {
    return this.#count > 0;
  }

  /** @returns milliseconds until the next try */
  add(thrown: unknown, retries: Retries): number {
    const { log, random } = this.#options;
    this.#count += 1;
    const delayMs = retryDelayMs(this.#count, retries, random);
    const fields = { fault: messageOf(thrown), retryMs: Math.round(delayMs) };
    if (this.#count === 1) log.warn(fields, this.#message);
    else log.debug(fields, this.#message);
    return delayMs;
  }

  clear(): void {
    this.#count = 0;
  }
}
