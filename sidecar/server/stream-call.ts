/** One gRPC call that streams both ways for as long as the client likes: messages in, messages out, a status at the end. */
import { http2Errors } from '../http2/http2-frames.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { Connection } from './connections.ts';
import { FrameReader } from './frame-reader.ts';
import { answerBlock, trailersOf } from './grpc-answers.ts';
import { frameMessage, grpcStatus, type Framing } from './grpc-wire.ts';
import type { ServerStream, StreamListener } from './server-stream.ts';

/** What a service sees of a call. */
export interface OpenCall {
  /** Sends one message; nothing once the call is over. */
  send(message: Buffer): void;
  /** Ends the call with a status. @param words ASCII */
  end(code: number, words: string): void;
}

/** What a service does with a call. May throw: the client then gets INTERNAL and no detail. */
export interface StreamCallListener {
  onMessage(message: Buffer): void;
  /** Comes once, however the call ended. */
  onClose(): void;
}
export type StreamMethod = (call: OpenCall) => StreamCallListener;

/** What all streams of one server share. */
export interface StreamRoom {
  readonly maxMessageBytes: number;
  readonly budget: ByteBudget;
  readonly open: Set<StreamCall>;
  readonly onFault: (thrown: unknown) => void;
}

/** Bytes that a client may leave unread; one that leaves more is cut off. */
const maxUnreadBytes = 1_048_576;

export class StreamCall implements OpenCall, StreamListener {
  readonly #stream: ServerStream;
  readonly #room: StreamRoom;
  readonly #connection: Connection;
  readonly #listener: StreamCallListener;
  readonly #frames: FrameReader;
  /** Milliseconds, `performance.now()`. */
  readonly #startedMs = performance.now();
  #status: { readonly code: number; readonly words: string } | undefined;
  /** The client has said what it wants. */
  #hasMessage = false;
  /** The status was on its way a second ago. */
  #isOverdue = false;

  constructor(
    stream: ServerStream,
    options: { method: StreamMethod; room: StreamRoom; connection: Connection },
  ) {
    this.#stream = stream;
    this.#room = options.room;
    this.#connection = options.connection;
    this.#frames = new FrameReader(options.room.maxMessageBytes, options.room.budget);
    this.#listener = options.method(this);
    this.#room.open.add(this);
    stream.listener = this;
  }

  /**
   * Comes about once a second: ends a stream that says nothing, and takes back a status that the client does not take. @param silentMs how long a stream may last without a message
   */
  tidy(nowMs: number, silentMs: number): void {
    if (this.#isOverdue) this.#stream.reset(http2Errors.cancel);
    else if (this.#status !== undefined) this.#isOverdue = true;
    else if (!this.#hasMessage && nowMs - this.#startedMs > silentMs)
      this.end(grpcStatus.deadlineExceeded, 'no message came');
  }

  send(message: Buffer): void {
    const stream = this.#stream;
    if (this.#status !== undefined) return;
    if (stream.unsentBytes > maxUnreadBytes) {
      this.#status = { code: grpcStatus.resourceExhausted, words: 'answers are not read' };
      stream.reset(http2Errors.cancel);
      return;
    }
    if (!stream.isBegun) stream.begin(answerBlock);
    this.#connection.isProven = true;
    stream.write(frameMessage(message));
  }

  end(code: number, words: string): void {
    if (this.#status !== undefined) return;
    this.#status = { code, words };
    this.#frames.close();
    if (this.#stream.isBegun) this.#stream.end(trailersOf(code, words));
    else this.#stream.refuse(code, words);
  }

  onData(chunk: Buffer): void {
    if (this.#status !== undefined) return;
    this.#frames.add(chunk);
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#hasMessage = true;
      try {
        this.#listener.onMessage(next);
      } catch (thrown) {
        this.#room.onFault(thrown);
        this.end(grpcStatus.internal, 'the call failed');
      }
    }
  }

  onEnd(): void {
    this.end(grpcStatus.ok, '');
  }

  #next(): Buffer | undefined {
    if (this.#status !== undefined) return undefined;
    const framing: Framing = this.#frames.next();
    if (framing.kind === 'fault') this.end(framing.code, framing.words);
    return framing.kind === 'message' ? framing.message : undefined;
  }

  onClose(): void {
    this.#frames.close();
    this.#status ??= { code: grpcStatus.ok, words: '' };
    this.#room.open.delete(this);
    this.#listener.onClose();
  }
}
