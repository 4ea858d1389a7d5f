/** One gRPC call on an HTTP/2 stream, from its first byte to its end, which comes exactly once. */
import { http2Errors } from '../http2/http2-frames.ts';
import type { ByteBudget } from '../server/byte-budget.ts';
import { FrameReader } from '../server/frame-reader.ts';
import { grpcStatus } from '../server/grpc-wire.ts';
import type { AnswerListener } from './agent-link.ts';
import type { AnswerFields } from './answer-fields.ts';
import {
  callEnd,
  endInHeaders,
  endOfReset,
  endWithoutGrpc,
  type CallEnd,
  type CallStatus,
} from './call-end.ts';

export interface CallListener {
  /** The bytes are only lent: they are another's after the call. */
  onMessage(message: Buffer): void;
  onEnd(end: CallEnd): void;
}

export interface StartedCall {
  /** Ends it from our side. */
  cut(status: CallStatus, details: string): void;
  /** Ends it, and nobody hears of it. */
  drop(): void;
}

export interface CallLimits {
  readonly maxMessageBytes: number;
  /** What unfinished messages of all calls may hold. */
  readonly budget: ByteBudget;
  /** Milliseconds; absent: as long as it lives. */
  readonly deadlineMs?: number | undefined;
}

export class FollowedCall implements StartedCall, AnswerListener {
  readonly #observer: CallListener;
  readonly #reader: FrameReader;
  readonly #deadline: NodeJS.Timeout | undefined;
  readonly #cancel: () => void;
  /** As the other side said it: it counts once it has ended. */
  #said: CallEnd | undefined;
  /** Its headers have come. */
  #isBegun = false;
  #isOver = false;

  /** @param ask begins it. @returns what cancels it */
  constructor(
    observer: CallListener,
    { maxMessageBytes, budget, deadlineMs }: CallLimits,
    ask: (listener: AnswerListener) => () => void,
  ) {
    this.#observer = observer;
    this.#reader = new FrameReader(maxMessageBytes, budget);
    if (deadlineMs !== undefined)
      this.#deadline = setTimeout(() => {
        this.cut('DEADLINE_EXCEEDED', `no answer within ${deadlineMs / 1_000} s`);
      }, deadlineMs);
    this.#cancel = ask(this);
  }

  cut(status: CallStatus, details: string): void {
    this.#cancel();
    this.#finish(callEnd(status, details));
  }

  drop(): void {
    this.#cancel();
    this.#isOver = true;
    this.#letGo();
  }

  onFields(fields: AnswerFields): void {
    this.#said = endInHeaders(fields);
    if (this.#said !== undefined || this.#isBegun) return;
    this.#isBegun = true;
    const end = endWithoutGrpc(fields);
    if (end !== undefined) this.cut(end.status, end.details);
  }

  onEnd(): void {
    if (this.#said?.status === 'OK' && this.#reader.hasRest)
      this.#finish(callEnd('INTERNAL', 'the answer ended within a message'));
    else this.#finish(this.#said ?? endOfReset(http2Errors.none));
  }

  onReset(code: number): void {
    this.#finish(endOfReset(code));
  }

  onLost(words: string): void {
    this.#finish(callEnd('UNAVAILABLE', words));
  }

  onData(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#reader.add(chunk);
    for (;;) {
      const framing = this.#reader.next();
      if (framing.kind === 'incomplete') return;
      if (framing.kind === 'fault') {
        const isTooMuch = framing.code === grpcStatus.resourceExhausted;
        // Nobody asked for compression: it is the server's fault, and no want of a method.
        this.cut(isTooMuch ? 'RESOURCE_EXHAUSTED' : 'INTERNAL', framing.words);
        return;
      }
      this.#observer.onMessage(framing.message);
      // Whoever saw the message may have ended the call.
      if (this.#isEnded()) return;
    }
  }

  #isEnded(): boolean {
    return this.#isOver;
  }

  #finish(end: CallEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#letGo();
    this.#observer.onEnd(end);
  }

  #letGo(): void {
    clearTimeout(this.#deadline);
    this.#reader.close();
  }
}
