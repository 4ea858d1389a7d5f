/** One unary gRPC call on an HTTP/2 stream: collects the message, has it answered, sends answer and trailers. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { frameMessage, grpcStatus, readFrame, timeoutMs, type Framing } from './grpc-wire.ts';

/** Header values as they came; a repeated one is joined with a comma and a space. */
export type CallHeaders = Readonly<IncomingHttpHeaders>;

/** Answers one message with one message. May throw or reject: the client then gets INTERNAL and no detail. */
export type UnaryMethod = (message: Buffer, headers: CallHeaders) => Buffer | Promise<Buffer>;

/** What all calls of one server share. */
export interface CallRoom {
  readonly maxMessageBytes: number;
  /** Bytes of unfinished messages that all calls together may hold. */
  readonly maxWaitingBytes: number;
  waitingBytes: number;
  readonly open: Set<UnaryCall>;
  /** Told of what a method threw, so that it is not lost. */
  readonly onFault: (thrown: unknown) => void;
}

/** What is known of the connection that a call came on. */
export interface Connection {
  /** True once a call has been answered on it. */
  isProven: boolean;
}

const answerHeaders = { ':status': 200, 'content-type': 'application/grpc' } as const;
/** Envoy does not look at `date`. */
const withTrailers = { waitForTrailers: true, sendDate: false } as const;
const okTrailers = { 'grpc-status': '0' } as const;
const nothing = Buffer.alloc(0);

export class UnaryCall {
  readonly #stream: ServerHttp2Stream;
  readonly #headers: CallHeaders;
  readonly #method: UnaryMethod;
  readonly #room: CallRoom;
  readonly #connection: Connection;
  /** Milliseconds, `performance.now()`. */
  readonly startedMs = performance.now();
  #body: Buffer = nothing;
  #chunks: Buffer[] | undefined;
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    stream: ServerHttp2Stream,
    told: { headers: CallHeaders; method: UnaryMethod; room: CallRoom; connection: Connection },
  ) {
    this.#stream = stream;
    this.#headers = told.headers;
    this.#method = told.method;
    this.#room = told.room;
    this.#connection = told.connection;
    this.#room.open.add(this);
    // A reset by the client is no error of ours; 'close' follows in every case.
    stream.on('error', ignore);
    stream.on('close', () => {
      this.#forget();
    });
    stream.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    stream.on('end', () => {
      this.#answer();
    });
  }

  /** Ends a call that took too long, whatever it waits for. */
  expire(): void {
    this.#refuse(grpcStatus.deadlineExceeded, 'the call took too long');
  }

  /** Milliseconds that this call may take: what the client allows, but not more than the limit. */
  deadlineMs(limitMs: number): number {
    const asked = this.#headers['grpc-timeout'];
    return Math.min(timeoutMs(typeof asked === 'string' ? asked : undefined) ?? limitMs, limitMs);
  }

  #take(chunk: Buffer): void {
    if (this.#body.length === 0 && this.#chunks === undefined) {
      this.#body = chunk;
      return;
    }
    this.#chunks ??= [this.#body];
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    this.#room.waitingBytes += chunk.length;
    const isFull = this.#room.waitingBytes > this.#room.maxWaitingBytes;
    if (isFull || this.#waiting > this.#room.maxMessageBytes) {
      const words = isFull
        ? 'too many unfinished messages'
        : `a message may have ${this.#room.maxMessageBytes} bytes`;
      this.#refuse(grpcStatus.resourceExhausted, words);
    }
  }

  #answer(): void {
    const body = this.#chunks === undefined ? this.#body : Buffer.concat(this.#chunks);
    const framing = readFrame(body, this.#room.maxMessageBytes);
    if (framing.kind !== 'message') {
      this.#refuseFraming(framing);
      return;
    }
    try {
      const answer = this.#method(framing.message, this.#headers);
      if (answer instanceof Promise) this.#await(answer);
      else this.#send(answer);
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  #refuseFraming(framing: Exclude<Framing, { kind: 'message' }>): void {
    if (framing.kind === 'fault') this.#refuse(framing.code, framing.words);
    else this.#refuse(grpcStatus.internal, 'the message is incomplete');
  }

  #await(answer: Promise<Buffer>): void {
    const asked = this.deadlineMs(Infinity);
    if (asked !== Infinity) {
      const left = Math.max(0, asked - (performance.now() - this.startedMs));
      this.#timer = setTimeout(() => {
        this.expire();
      }, left);
    }
    answer.then(
      (message) => {
        this.#send(message);
      },
      (thrown: unknown) => {
        this.#fault(thrown);
      },
    );
  }

  #send(message: Buffer): void {
    const stream = this.#stream;
    if (stream.headersSent || stream.destroyed) return;
    this.#connection.isProven = true;
    stream.on('wantTrailers', sendOkTrailers);
    stream.respond(answerHeaders, withTrailers);
    stream.end(frameMessage(message));
  }

  #fault(thrown: unknown): void {
    this.#room.onFault(thrown);
    this.#refuse(grpcStatus.internal, 'the call failed');
  }

  #refuse(code: number, words: string): void {
    refuseCall(this.#stream, code, words);
    // What still comes is not wanted.
    if (!this.#stream.readableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#room.waitingBytes -= this.#waiting;
    this.#room.open.delete(this);
  }
}

/** Answers with a status and no message. @param words ASCII */
export function refuseCall(stream: ServerHttp2Stream, code: number, words: string): void {
  if (stream.headersSent || stream.destroyed) return;
  const message = encodeURI(words);
  stream.respond(
    { ...answerHeaders, 'grpc-status': String(code), 'grpc-message': message },
    { endStream: true },
  );
}

function sendOkTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(okTrailers);
}

function ignore(): void {
  // See the constructor.
}
