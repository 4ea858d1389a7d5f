/** One gRPC call on an HTTP/2 stream, from its first byte to its end, which comes exactly once. */
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { messageOf } from '#kernel/errors.ts';
import type { ByteBudget } from '../server/byte-budget.ts';
import { FrameReader } from '../server/frame-reader.ts';
import { grpcStatus } from '../server/grpc-wire.ts';
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

/** The number of HTTP/2's CANCEL. */
const cancel = 8;

export class FollowedCall implements StartedCall {
  readonly #stream: ClientHttp2Stream;
  readonly #observer: CallListener;
  readonly #reader: FrameReader;
  readonly #deadline: NodeJS.Timeout | undefined;
  /** As the other side said it: it counts once all messages before it are read. */
  #said: CallEnd | undefined;
  #fault: unknown;
  #isOver = false;
  /** All data was read. */
  #isRead = false;

  constructor(stream: ClientHttp2Stream, observer: CallListener, limits: CallLimits) {
    const { maxMessageBytes, budget, deadlineMs } = limits;
    this.#stream = stream;
    this.#observer = observer;
    this.#reader = new FrameReader(maxMessageBytes, budget);
    if (deadlineMs !== undefined)
      this.#deadline = setTimeout(() => {
        this.cut('DEADLINE_EXCEEDED', `no answer within ${deadlineMs / 1_000} s`);
      }, deadlineMs);
    stream.on('response', (headers: IncomingHttpHeaders) => {
      this.#onHeaders(headers);
    });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      this.#said ??= endInHeaders(trailers);
      // The one runtime has read all data by now, the other has not.
      if (this.#isRead) this.#settle();
    });
    stream.on('data', (chunk: Buffer) => {
      this.#onData(chunk);
    });
    stream.on('end', () => {
      this.#isRead = true;
      if (this.#said !== undefined) this.#settle();
    });
    stream.on('error', (fault) => {
      this.#fault ??= fault;
    });
    stream.on('close', () => {
      this.#settle();
    });
  }

  cut(status: CallStatus, details: string): void {
    this.#finish(callEnd(status, details));
    this.#stream.close(cancel);
  }

  drop(): void {
    this.#isOver = true;
    this.#letGo();
    this.#stream.close(cancel);
  }

  #onHeaders(headers: IncomingHttpHeaders): void {
    this.#said = endInHeaders(headers);
    if (this.#said !== undefined) return;
    const end = endWithoutGrpc(headers);
    if (end !== undefined) this.cut(end.status, end.details);
  }

  #onData(chunk: Buffer): void {
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

  #settle(): void {
    if (this.#isOver) return;
    if (this.#said?.status === 'OK' && this.#reader.hasRest)
      this.#finish(callEnd('INTERNAL', 'the answer ended within a message'));
    else this.#finish(this.#said ?? this.#endUnsaid());
  }

  /** A stream's own error says no more than its code; any other one is the connection's. */
  #endUnsaid(): CallEnd {
    const fault = this.#fault;
    const isOfConnection = fault instanceof Error && codeOf(fault) !== 'ERR_HTTP2_STREAM_ERROR';
    return isOfConnection
      ? callEnd('UNAVAILABLE', messageOf(fault.cause ?? fault))
      : endOfReset(this.#stream.rstCode);
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

function codeOf(fault: Error): unknown {
  return 'code' in fault ? fault.code : undefined;
}
