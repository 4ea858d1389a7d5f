/** One gRPC call that streams both ways for as long as the client likes: messages in, messages out, a status at the end. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { ByteBudget } from './byte-budget.ts';
import type { Connection } from './connections.ts';
import { FrameReader } from './frame-reader.ts';
import { frameMessage, grpcStatus, type Framing } from './grpc-wire.ts';
import {
  answerHeaders,
  beginAnswer,
  closeStream,
  endAnswer,
  guarded,
  refuseCall,
  sendTrailers,
  writeAnswer,
} from './stream-answers.ts';

/** What a service sees of a call. */
export interface OpenCall {
  /** Sends one message; nothing once the call is over. */
  send(message: Buffer): void;
  /** Ends the call with a status. @param words ASCII */
  end(code: number, words: string): void;
}

/** What a service does with a call. May throw: the client then gets INTERNAL and no detail. */
export interface CallListener {
  onMessage(message: Buffer): void;
  /** Comes once, however the call ended. */
  onClose(): void;
}
export type StreamMethod = (call: OpenCall) => CallListener;

/** What all streams of one server share. */
export interface StreamRoom {
  readonly maxMessageBytes: number;
  readonly budget: ByteBudget;
  readonly open: Set<StreamCall>;
  readonly onFault: (thrown: unknown) => void;
}

/** Bytes that a client may leave unread; one that leaves more is cut off. */
const maxUnreadBytes = 1_048_576;

export class StreamCall implements OpenCall {
  readonly #stream: ServerHttp2Stream;
  readonly #room: StreamRoom;
  readonly #connection: Connection;
  readonly #listener: CallListener;
  readonly #frames: FrameReader;
  /** Milliseconds, `performance.now()`. */
  readonly #startedMs = performance.now();
  #status: { readonly code: number; readonly words: string } | undefined;
  /** The client has said what it wants. */
  #hasMessage = false;
  /** The status was on its way a second ago. */
  #isOverdue = false;

  constructor(
    stream: ServerHttp2Stream,
    options: { method: StreamMethod; room: StreamRoom; connection: Connection },
  ) {
    this.#stream = stream;
    this.#room = options.room;
    this.#connection = options.connection;
    this.#frames = new FrameReader(options.room.maxMessageBytes, options.room.budget);
    this.#listener = options.method(this);
    this.#room.open.add(this);
    this.#listen();
  }

  /**
   * Comes about once a second: ends a stream that says nothing, and closes one that is over for a client that does not, but
   * not right behind the status, which it would overtake. @param silentMs how long a stream may last without a message
   */
  tidy(nowMs: number, silentMs: number): void {
    if (this.#isOverdue) closeStream(this.#stream, constants.NGHTTP2_NO_ERROR);
    else if (this.#status !== undefined) this.#isOverdue = true;
    else if (!this.#hasMessage && nowMs - this.#startedMs > silentMs)
      this.end(grpcStatus.deadlineExceeded, 'no message came');
  }

  send(message: Buffer): void {
    const stream = this.#stream;
    if (this.#status !== undefined) return;
    if (stream.writableLength > maxUnreadBytes) {
      this.#status = { code: grpcStatus.resourceExhausted, words: 'answers are not read' };
      closeStream(stream, constants.NGHTTP2_CANCEL);
      return;
    }
    if (!stream.headersSent && !beginAnswer(stream, answerHeaders, { waitForTrailers: true }))
      return;
    this.#connection.isProven = true;
    writeAnswer(stream, frameMessage(message));
  }

  end(code: number, words: string): void {
    if (this.#status !== undefined) return;
    this.#status = { code, words };
    this.#frames.close();
    if (this.#stream.headersSent) endAnswer(this.#stream);
    else refuseCall(this.#stream, code, words);
  }

  #listen(): void {
    const stream = this.#stream;
    const guard = <A extends readonly unknown[]>(listener: (...args: A) => void) =>
      guarded(stream, this.#room.onFault, listener);
    // A reset by the client is no error of ours; 'close' follows in every case.
    stream.on('error', () => undefined);
    stream.on(
      'close',
      guard(() => {
        this.#close();
      }),
    );
    stream.on('wantTrailers', () => {
      this.#sendTrailers();
    });
    stream.on(
      'data',
      guard((chunk: Buffer) => {
        this.#take(chunk);
      }),
    );
    stream.on(
      'end',
      guard(() => {
        this.end(grpcStatus.ok, '');
      }),
    );
  }

  #sendTrailers(): void {
    const { code, words } = this.#status ?? { code: grpcStatus.ok, words: '' };
    sendTrailers(this.#stream, {
      'grpc-status': String(code),
      ...(words === '' ? {} : { 'grpc-message': encodeURI(words) }),
    });
  }

  #take(chunk: Buffer): void {
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

  #next(): Buffer | undefined {
    if (this.#status !== undefined) return undefined;
    const framing: Framing = this.#frames.next();
    if (framing.kind === 'fault') this.end(framing.code, framing.words);
    return framing.kind === 'message' ? framing.message : undefined;
  }

  #close(): void {
    this.#frames.close();
    this.#status ??= { code: grpcStatus.ok, words: '' };
    this.#room.open.delete(this);
    this.#listener.onClose();
  }
}
