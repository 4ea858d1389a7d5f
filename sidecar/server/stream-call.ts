/** One gRPC call that streams both ways for as long as the client likes: messages in, messages out, a status at the end. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { FrameReader, frameMessage, grpcStatus, type Framing } from './grpc-wire.ts';
import { refuseCall, type Connection } from './unary-call.ts';

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
  /** Bytes of unfinished messages that all streams together may hold. */
  readonly maxWaitingBytes: number;
  waitingBytes: number;
  readonly open: Set<StreamCall>;
  readonly onFault: (thrown: unknown) => void;
}

const answerHeaders = { ':status': 200, 'content-type': 'application/grpc' } as const;

export class StreamCall implements OpenCall {
  readonly #stream: ServerHttp2Stream;
  readonly #room: StreamRoom;
  readonly #connection: Connection;
  readonly #listener: CallListener;
  readonly #frames: FrameReader;
  /** Milliseconds, `performance.now()`. */
  readonly #startedMs = performance.now();
  #waiting = 0;
  #status: { readonly code: number; readonly words: string } | undefined;
  /** The client has said what it wants. */
  #hasMessage = false;
  /** The status was on its way a second ago. */
  #isOverdue = false;

  constructor(
    stream: ServerHttp2Stream,
    told: { method: StreamMethod; room: StreamRoom; connection: Connection },
  ) {
    this.#stream = stream;
    this.#room = told.room;
    this.#connection = told.connection;
    this.#frames = new FrameReader(told.room.maxMessageBytes);
    this.#room.open.add(this);
    this.#listener = told.method(this);
    // A reset by the client is no error of ours; 'close' follows in every case.
    stream.on('error', () => undefined);
    stream.on('close', () => {
      this.#close();
    });
    stream.on('wantTrailers', () => {
      this.#sendTrailers();
    });
    stream.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    stream.on('end', () => {
      this.end(grpcStatus.ok, '');
    });
  }

  /**
   * Comes about once a second: ends a stream that says nothing, and closes one that is over for a client that does not, but
   * not right behind the status, which it would overtake. @param silentMs how long a stream may last without a message
   */
  tidy(nowMs: number, silentMs: number): void {
    if (this.#isOverdue) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    else if (this.#status !== undefined) this.#isOverdue = true;
    else if (!this.#hasMessage && nowMs - this.#startedMs > silentMs)
      this.end(grpcStatus.deadlineExceeded, 'no message came');
  }

  send(message: Buffer): void {
    if (this.#status !== undefined || this.#stream.destroyed) return;
    if (!this.#stream.headersSent) {
      this.#stream.respond(answerHeaders, { waitForTrailers: true });
    }
    this.#connection.isProven = true;
    this.#stream.write(frameMessage(message));
  }

  end(code: number, words: string): void {
    if (this.#status !== undefined || this.#stream.destroyed) return;
    this.#status = { code, words };
    if (this.#stream.headersSent) {
      this.#stream.end();
      return;
    }
    refuseCall(this.#stream, code, words);
  }

  #sendTrailers(): void {
    const { code, words } = this.#status ?? { code: grpcStatus.ok, words: '' };
    this.#stream.sendTrailers({
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
    this.#count(this.#frames.waitingBytes);
    if (this.#room.waitingBytes > this.#room.maxWaitingBytes)
      this.end(grpcStatus.resourceExhausted, 'too many unfinished messages');
  }

  #next(): Buffer | undefined {
    if (this.#status !== undefined) return undefined;
    const framing: Framing = this.#frames.next();
    if (framing.kind === 'fault') this.end(framing.code, framing.words);
    return framing.kind === 'message' ? framing.message : undefined;
  }

  #count(waiting: number): void {
    this.#room.waitingBytes += waiting - this.#waiting;
    this.#waiting = waiting;
  }

  #close(): void {
    this.#count(0);
    this.#status ??= { code: grpcStatus.ok, words: '' };
    this.#room.open.delete(this);
    this.#listener.onClose();
  }
}
