/** A look at the cluster that takes seconds: one at a time, told while it runs, its last result kept. */
import type { Clock } from '#kernel/clock.ts';
import { AppError, messageOf } from '#kernel/errors.ts';
import type { RunAnswer, RunState } from '../console/console-reports.ts';
import type { ConnectedApi } from '../kube/connection.ts';
import { RightsApi } from '../kube/denied-rights.ts';

export interface LookParts<Question, Result> {
  readonly api: ConnectedApi;
  readonly clock: Clock;
  /** @param api tells of each request, and what was denied */
  readonly work: (question: Question, api: RightsApi, signal: AbortSignal) => Promise<Result>;
  readonly changed: (state: RunState) => void;
}

/** Milliseconds for all of it: after them something hangs. */
const lookMs = 5 * 60_000;
/** Milliseconds between words of its progress. */
const tellMs = 200;

export class Look<Question, Result> {
  readonly #parts: LookParts<Question, Result>;
  #state: RunState = { kind: 'never' };
  #result: { readonly value: Result; readonly atS: number } | undefined;
  #toldMs = 0;

  constructor(parts: LookParts<Question, Result>) {
    this.#parts = parts;
  }

  get answer(): RunAnswer<Result> {
    return {
      nowS: this.#nowS(),
      state: this.#state,
      ...(this.#result === undefined
        ? {}
        : { result: this.#result.value, resultS: this.#result.atS }),
    };
  }

  /** Begins, unless it is under way. Returns at once. */
  start(question: Question, signal: AbortSignal): RunState {
    if (this.#state.kind !== 'running') void this.#run(question, signal);
    return this.#state;
  }

  async #run(question: Question, signal: AbortSignal): Promise<void> {
    const beganMs = this.#parts.clock.now();
    const startedS = beganMs / 1_000;
    this.#become({ kind: 'running', startedS, asked: 0, doing: '' });
    const api = new RightsApi(this.#parts.api, (asked, doing) => {
      this.#progress({ kind: 'running', startedS, asked, doing });
    });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(lookMs)]);
    try {
      const value = await this.#parts.work(question, api, limit);
      const finishedS = this.#nowS();
      this.#result = { value, atS: finishedS };
      this.#become({ kind: 'done', finishedS, tookMs: this.#parts.clock.now() - beganMs });
    } catch (thrown) {
      const code = thrown instanceof AppError ? thrown.code : 'INTERNAL';
      const finishedS = this.#nowS();
      this.#become({ kind: 'failed', finishedS, code, message: messageOf(thrown) });
    }
  }

  #progress(state: RunState): void {
    this.#state = state;
    if (performance.now() - this.#toldMs < tellMs) return;
    this.#become(state);
  }

  #become(state: RunState): void {
    this.#state = state;
    this.#toldMs = performance.now();
    this.#parts.changed(state);
  }

  #nowS(): number {
    return this.#parts.clock.now() / 1_000;
  }
}
