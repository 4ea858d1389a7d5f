/** One unary gRPC call on an HTTP/2 stream: collects the message, has it answered, sends answer and trailers. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { ByteBudget } from './byte-budget.ts';
import type { Connection } from './connections.ts';
import { FrameReader } from './frame-reader.ts';
import { frameMessage, grpcStatus, timeoutMs } from './grpc-wire.ts';
import type { OpenCalls, OpenRequest } from './open-calls.ts';
import {
  answerHeaders,
  beginAnswer,
  closeStream,
  endAnswer,
  guarded,
  refuseCall,
  sendTrailers,
} from './stream-answers.ts';

/** The metadata that methods may ask for, by name. A repeated one is joined with a comma and a space. */
export type CallMetadata = Readonly<Record<string, string | undefined>>;

/** Answers one message with one message. May throw or reject: the client then gets INTERNAL and no detail. */
export type UnaryMethod = (message: Buffer, metadata: CallMetadata) => Buffer | Promise<Buffer>;

/** What all calls of one server share. */
export interface CallRoom {
  readonly maxMessageBytes: number;
  /** Milliseconds that a call may take, whatever the client allows. */
  readonly callMs: number;
  readonly budget: ByteBudget;
  readonly calls: OpenCalls;
  /** Gets what a method threw, so that it is not lost. */
  readonly onFault: (thrown: unknown) => void;
}

/** Envoy does not look at `date`. */
const withTrailers = { waitForTrailers: true, sendDate: false } as const;
const okTrailers = { 'grpc-status': '0' } as const;

export class UnaryCall implements OpenRequest {
  readonly untilMs: number;
  readonly #stream: ServerHttp2Stream;
  readonly #metadata: CallMetadata;
  readonly #method: UnaryMethod;
  readonly #room: CallRoom;
  readonly #connection: Connection;
  readonly #frames: FrameReader;
  /** Milliseconds that the client allows; undefined where it says nothing. */
  readonly #allowedMs: number | undefined;
  readonly #startedMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #hasMessage = false;
  #hasEnd = false;
  #answer: Buffer | undefined;

  constructor(
    stream: ServerHttp2Stream,
    options: {
      readonly headers: IncomingHttpHeaders;
      readonly metadata: CallMetadata;
      readonly method: UnaryMethod;
      readonly room: CallRoom;
      readonly connection: Connection;
    },
  ) {
    const { headers, room } = options;
    this.#stream = stream;
    this.#metadata = options.metadata;
    this.#method = options.method;
    this.#room = room;
    this.#connection = options.connection;
    this.#frames = new FrameReader(room.maxMessageBytes, room.budget);
    const asked = headers['grpc-timeout'];
    this.#allowedMs = timeoutMs(typeof asked === 'string' ? asked : undefined);
    this.untilMs = this.#startedMs + Math.min(this.#allowedMs ?? room.callMs, room.callMs);
    room.calls.add(this);
    this.#listen();
  }

  /** Ends a call that took too long, whatever it waits for. */
  expire(): void {
    this.#giveUp(grpcStatus.deadlineExceeded, 'the call took too long');
  }

  giveWay(): void {
    this.#giveUp(grpcStatus.resourceExhausted, 'too many calls at once');
  }

  #listen(): void {
    const stream = this.#stream;
    const { onFault } = this.#room;
    // A reset by the client is no error of ours; 'close' follows in every case.
    stream.on('error', ignore);
    stream.on('close', () => {
      this.#forget();
    });
    stream.on(
      'data',
      guarded(stream, onFault, (chunk: Buffer) => {
        this.#take(chunk);
      }),
    );
    stream.on(
      'end',
      guarded(stream, onFault, () => {
        this.#hasEnd = true;
        if (this.#hasMessage) this.#send();
        else this.#refuse(grpcStatus.internal, 'the message is incomplete');
      }),
    );
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#frames.add(chunk);
    const framing = this.#hasMessage ? undefined : this.#frames.next();
    if (framing?.kind === 'incomplete') return;
    if (framing?.kind === 'fault') this.#refuse(framing.code, framing.words);
    else if (this.#frames.hasRest)
      this.#refuse(grpcStatus.internal, 'a unary call has one message, and more came');
    else if (framing !== undefined) this.#ask(framing.message);
  }

  /** At once, so that no message is kept; the answer waits for the call's end. */
  #ask(message: Buffer): void {
    this.#hasMessage = true;
    try {
      const answer = this.#method(message, this.#metadata);
      if (answer instanceof Promise) this.#await(answer);
      else this.#answer = answer;
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  #await(answer: Promise<Buffer>): void {
    const { calls } = this.#room;
    calls.holdOn(this);
    if (this.#allowedMs !== undefined) {
      const leftMs = Math.max(0, this.#allowedMs - (performance.now() - this.#startedMs));
      this.#timer = setTimeout(() => {
        this.expire();
      }, leftMs);
    }
    answer.then(
      (message) => {
        calls.handBack(this);
        this.#answer = message;
        this.#send();
      },
      (thrown: unknown) => {
        calls.handBack(this);
        this.#fault(thrown);
      },
    );
  }

  get #isOver(): boolean {
    return this.#stream.headersSent || this.#stream.closed || this.#stream.destroyed;
  }

  /** Once the message has ended and the answer is there. */
  #send(): void {
    const answer = this.#answer;
    if (!this.#hasEnd || answer === undefined) return;
    this.#answer = undefined;
    const stream = this.#stream;
    stream.on('wantTrailers', sendOkTrailers);
    if (!beginAnswer(stream, answerHeaders, withTrailers)) return;
    this.#connection.isProven = true;
    endAnswer(stream, frameMessage(answer));
  }

  #fault(thrown: unknown): void {
    this.#room.onFault(thrown);
    this.#refuse(grpcStatus.internal, 'the call failed');
  }

  #refuse(code: number, words: string): void {
    refuseCall(this.#stream, code, words);
    this.#frames.close();
    // What still comes is not wanted.
    if (!this.#hasEnd) closeStream(this.#stream);
  }

  /** Says so, where nothing was said yet; an answer that the client does not take is taken back. */
  #giveUp(code: number, words: string): void {
    const isAnswered = this.#stream.headersSent;
    this.#refuse(code, words);
    if (isAnswered) closeStream(this.#stream, constants.NGHTTP2_CANCEL);
    this.#forget();
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#frames.close();
    this.#room.calls.delete(this);
  }
}

function sendOkTrailers(this: ServerHttp2Stream): void {
  sendTrailers(this, okTrailers);
}

function ignore(): void {
  // See where it is used.
}
