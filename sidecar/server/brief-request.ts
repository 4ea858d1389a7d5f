/** A request that is answered at once, with a page or a refusal, and is then only waited for. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { OpenCalls, OpenRequest } from './open-calls.ts';
import { closeStream } from './stream-answers.ts';

export class BriefRequest implements OpenRequest {
  readonly untilMs: number;
  readonly #stream: ServerHttp2Stream;
  readonly #calls: OpenCalls;

  /** @param limitMs how long its client may take to end it and to take the answer */
  constructor(
    stream: ServerHttp2Stream,
    options: { readonly calls: OpenCalls; readonly limitMs: number },
  ) {
    this.#stream = stream;
    this.#calls = options.calls;
    this.untilMs = performance.now() + options.limitMs;
    options.calls.add(this);
    stream.on('error', () => undefined);
    stream.on('close', () => {
      this.#calls.delete(this);
    });
    stream.resume();
  }

  expire(): void {
    this.giveWay();
  }

  giveWay(): void {
    closeStream(this.#stream, constants.NGHTTP2_CANCEL);
    this.#calls.delete(this);
  }
}
