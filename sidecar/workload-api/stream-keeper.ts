/** Keeps a stream of the Workload API open: opened again after each end, with back-off by kind of failure. */
import type { Timers } from '#kernel/clock.ts';
import type { CallFailure, Watch } from './api.ts';
import { explainFailure, retryDelayMs } from './failure.ts';

/** What every source is made from. `random` gives numbers from 0 up to 1. */
export interface SourceContext {
  readonly timers: Timers;
  readonly random: () => number;
}

export interface StreamKeeperOptions<T> extends SourceContext {
  readonly watch: Watch<T>;
  readonly onMessage: (message: T) => void;
  /** What the stream brings, for messages. */
  readonly wanted: string;
  readonly address: string;
}

/** Milliseconds; attestation may take the agent 30 s, no longer. */
const firstMessageWithinMs = 60_000;

export class StreamKeeper<T> {
  readonly #options: StreamKeeperOptions<T>;
  #state: 'new' | 'running' | 'closed' = 'new';
  #problem: string | undefined;
  #attempt = 0;
  #failingSinceMs = 0;
  #hasHadMessage = false;
  #cancelStream: () => void = () => undefined;
  #cancelTimer: () => void = () => undefined;

  constructor(options: StreamKeeperOptions<T>) {
    this.#options = options;
    this.#problem = `${options.wanted}: not asked for yet`;
  }

  /** Undefined while the stream is open and has brought something. */
  problem(): string | undefined {
    return this.#problem;
  }

  /** Runs until `close` or the signal. */
  start(signal?: AbortSignal): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    if (signal?.aborted === true) {
      this.close();
      return;
    }
    signal?.addEventListener(
      'abort',
      () => {
        this.close();
      },
      { once: true },
    );
    this.#open();
  }

  close(): void {
    this.#state = 'closed';
    this.#cancelTimer();
    this.#cancelStream();
  }

  #open(): void {
    const { wanted, address, timers, watch } = this.#options;
    this.#problem ??= `the stream of ${wanted} is being opened again`;
    if (!this.#hasHadMessage && this.#attempt === 0) {
      this.#problem = `waiting for the Workload API at ${address} to give a ${wanted}`;
    }
    this.#cancelTimer = timers.after(firstMessageWithinMs, () => {
      this.#cancelStream();
      const text = `no message within ${firstMessageWithinMs / 1_000} s`;
      this.#onEnd({ kind: 'unavailable', text });
    });
    this.#cancelStream = watch({
      onMessage: (message) => {
        this.#onMessage(message);
      },
      onEnd: (failure) => {
        this.#onEnd(failure);
      },
    });
  }

  #onMessage(message: T): void {
    this.#cancelTimer();
    this.#problem = undefined;
    this.#attempt = 0;
    this.#hasHadMessage = true;
    this.#options.onMessage(message);
  }

  #onEnd(failure: CallFailure): void {
    if (this.#state === 'closed') return;
    const { wanted, address, timers, random } = this.#options;
    this.#cancelTimer();
    this.#problem = explainFailure(failure, wanted, address);
    if (this.#attempt === 0) this.#failingSinceMs = timers.now();
    const history = {
      attempt: this.#attempt++,
      elapsedMs: timers.now() - this.#failingSinceMs,
      isFirst: !this.#hasHadMessage,
    };
    const delayMs = retryDelayMs(failure.kind, history, random());
    if (delayMs === undefined) return;
    this.#cancelTimer = timers.after(delayMs, () => {
      this.#open();
    });
  }
}
