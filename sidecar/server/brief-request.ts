/** A request that is no call: it is answered when it has ended, and then only waited for. */
import { http2Errors } from '../http2/http2-frames.ts';
import type { OpenCalls, OpenRequest } from './open-calls.ts';
import type { ServerStream, StreamListener } from './server-stream.ts';

export class BriefRequest implements OpenRequest, StreamListener {
  readonly untilMs: number;
  readonly #stream: ServerStream;
  readonly #calls: OpenCalls;

  readonly #answer: () => void;

  /** @param limitMs how long its client may take to end it and to take the answer */
  constructor(
    stream: ServerStream,
    options: {
      readonly calls: OpenCalls;
      readonly limitMs: number;
      readonly answer: () => void;
    },
  ) {
    this.#stream = stream;
    this.#answer = options.answer;
    this.#calls = options.calls;
    this.untilMs = performance.now() + options.limitMs;
    options.calls.add(this);
    stream.listener = this;
  }

  onData(): void {
    // It is not wanted.
  }

  onEnd(): void {
    this.#answer();
  }

  onClose(): void {
    this.#calls.delete(this);
  }

  expire(): void {
    this.giveWay();
  }

  giveWay(): void {
    this.#stream.reset(http2Errors.cancel);
  }
}
