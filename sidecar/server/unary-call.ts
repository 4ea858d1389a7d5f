/** One unary gRPC call on an HTTP/2 stream: collects the message, has it answered, sends answer and trailers. */
import { http2Errors } from '../http2/http2-frames.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { CallHead, CallMetadata } from './call-head.ts';
import type { Connection } from './connections.ts';
import { FrameReader } from './frame-reader.ts';
import { grpcStatus } from './grpc-wire.ts';
import type { OpenCalls, OpenRequest } from './open-calls.ts';
import type { ServerStream, StreamListener } from './server-stream.ts';

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

export class UnaryCall implements OpenRequest, StreamListener {
  readonly untilMs: number;
  readonly #stream: ServerStream;
  readonly #head: CallHead;
  readonly #method: UnaryMethod;
  readonly #room: CallRoom;
  readonly #connection: Connection;
  readonly #frames: FrameReader;
  #timer: NodeJS.Timeout | undefined;
  #hasMessage = false;
  #hasEnd = false;
  #answer: Buffer | undefined;

  constructor(
    stream: ServerStream,
    options: {
      readonly head: CallHead;
      readonly method: UnaryMethod;
      readonly room: CallRoom;
      readonly connection: Connection;
    },
  ) {
    const { head, room } = options;
    this.#stream = stream;
    this.#head = head;
    this.#method = options.method;
    this.#room = room;
    this.#connection = options.connection;
    this.#frames = new FrameReader(room.maxMessageBytes, room.budget);
    this.untilMs = performance.now() + Math.min(head.allowedMs ?? room.callMs, room.callMs);
    room.calls.add(this);
    stream.listener = this;
  }

  /** Ends a call that took too long, whatever it waits for. */
  expire(): void {
    this.#giveUp(grpcStatus.deadlineExceeded, 'the call took too long');
  }

  giveWay(): void {
    this.#giveUp(grpcStatus.resourceExhausted, 'too many calls at once');
  }

  onData(chunk: Buffer): void {
    if (this.#stream.isBegun) return;
    this.#frames.add(chunk);
    const framing = this.#hasMessage ? undefined : this.#frames.next();
    if (framing?.kind === 'incomplete') return;
    if (framing?.kind === 'fault') this.#refuse(framing.code, framing.words);
    else if (this.#frames.hasRest)
      this.#refuse(grpcStatus.internal, 'a unary call has one message, and more came');
    else if (framing !== undefined) this.#ask(framing.message);
  }

  onEnd(): void {
    this.#hasEnd = true;
    if (this.#hasMessage) this.#send();
    else this.#refuse(grpcStatus.internal, 'the message is incomplete');
  }

  onClose(): void {
    clearTimeout(this.#timer);
    this.#frames.close();
    this.#room.calls.delete(this);
  }

  /** At once, so that no message is kept; the answer waits for the call's end. */
  #ask(message: Buffer): void {
    this.#hasMessage = true;
    try {
      const answer = this.#method(message, this.#head.metadata);
      if (answer instanceof Promise) this.#await(answer);
      else this.#answer = answer;
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  #await(answer: Promise<Buffer>): void {
    const { calls } = this.#room;
    calls.holdOn(this);
    if (this.#head.allowedMs !== undefined)
      this.#timer = setTimeout(
        () => {
          this.expire();
        },
        Math.max(0, this.untilMs - performance.now()),
      );
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

  /** Once the message has ended and the answer is there. */
  #send(): void {
    const answer = this.#answer;
    if (!this.#hasEnd || answer === undefined) return;
    this.#answer = undefined;
    if (this.#stream.answer(answer)) this.#connection.isProven = true;
  }

  #fault(thrown: unknown): void {
    this.#room.onFault(thrown);
    this.#refuse(grpcStatus.internal, 'the call failed');
  }

  /** What still comes is not wanted. */
  #refuse(code: number, words: string): void {
    this.#stream.refuse(code, words);
  }

  /** Says so, where nothing was said yet; an answer that the client does not take is taken back. */
  #giveUp(code: number, words: string): void {
    this.#refuse(code, words);
    this.#stream.reset(http2Errors.cancel);
  }
}
