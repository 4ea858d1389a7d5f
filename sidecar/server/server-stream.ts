/** One stream of a client: what it says goes to a listener, and what is answered goes out as its windows allow. */
import {
  frameFlags,
  frameOf,
  frameTypes,
  http2Errors,
  initialWindow,
  maxPayloadBytes,
  resetFrame,
  windowFrame,
  type Http2Error,
} from '../http2/http2-frames.ts';
import { answerBlock, okTrailers, trailersOf, wholeAnswer } from './grpc-answers.ts';
import { frameMessage, prefixBytes } from './grpc-wire.ts';

/** Hears what the client says. What it throws ends the stream. */
export interface StreamListener {
  /** Lies in a read that is gone when others are read, but is not written over. */
  onData(chunk: Buffer): void;
  /** The client has said all. */
  onEnd(): void;
  /** Comes once, however the stream ended. */
  onClose(): void;
}

/** What a stream needs of its connection. */
export interface StreamCarrier {
  /** Bytes of DATA that may be sent now, on all streams together. */
  readonly sendRoom: number;
  /** No header block must say anything beside its fields. */
  readonly hasPlainBlocks: boolean;
  send(frame: Buffer): void;
  /** Sends bytes of DATA, or frames with so many of them. */
  sendData(frames: Buffer, bytes: number): void;
  sendBlock(block: Buffer, head: { readonly stream: number; readonly endsStream: boolean }): void;
  /** The stream has a window, and the connection none: it flushes the stream when it can. */
  waitForRoom(stream: ServerStream): void;
  /** The client did what brings nothing. @param worth of how many frames */
  spend(worth?: number): void;
  onClosed(stream: ServerStream): void;
}

const nobody: StreamListener = {
  onData: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
};
/** Bytes that were read before the client is told that it may send as many more. */
const windowStep = initialWindow >> 1;

/** Frames that a broken rule counts for: clients that follow the rules never break one, and a call was begun for it. */
const brokenRuleWorth = 20;

export class ServerStream {
  readonly id: number;
  listener: StreamListener = nobody;
  /** The client has said all. */
  isEndedByClient = false;
  /** An answer has begun. */
  isBegun = false;
  isClosed = false;
  /** Bytes that the client has still to send, where it has said how many it will. */
  bodyLeft: number | undefined;
  readonly #carrier: StreamCarrier;
  #isEnded = false;
  #sendWindow: number;
  #receiveWindow = initialWindow;
  #waiting: Buffer[] = [];
  #unsentBytes = 0;
  #trailers: Buffer | undefined;

  constructor(id: number, carrier: StreamCarrier, sendWindow: number) {
    this.id = id;
    this.#carrier = carrier;
    this.#sendWindow = sendWindow;
  }

  /** Bytes that the client has not taken. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** Takes DATA. @param frame how many bytes it has with its padding, and whether the client has said all with it */
  take(chunk: Buffer, frame: { readonly counted: number; readonly isLast: boolean }): void {
    this.isEndedByClient = frame.isLast;
    this.#receiveWindow -= frame.counted;
    if (this.bodyLeft !== undefined) this.bodyLeft -= chunk.length;
    if (this.#receiveWindow < 0 || (this.bodyLeft ?? 0) < 0) {
      this.breakOff(this.#receiveWindow < 0 ? http2Errors.flowControl : http2Errors.protocol);
      return;
    }
    if (chunk.length > 0) this.listener.onData(chunk);
    if (frame.isLast) this.endByClient();
    else if (this.#receiveWindow < windowStep && !this.isClosed) {
      this.#carrier.send(windowFrame(this.id, initialWindow - this.#receiveWindow));
      this.#receiveWindow = initialWindow;
    }
  }

  endByClient(): void {
    this.isEndedByClient = true;
    if ((this.bodyLeft ?? 0) > 0) this.breakOff(http2Errors.protocol);
    if (!this.isClosed) this.listener.onEnd();
  }

  /** @returns false where the window would be larger than it may be */
  widen(bytes: number, most: number): boolean {
    this.#sendWindow += bytes;
    if (this.#sendWindow > most) return false;
    if (this.#unsentBytes > 0) this.flush();
    return true;
  }

  /** Answers with one message and status OK. @returns whether the client is still there */
  answer(message: Buffer): boolean {
    if (this.isBegun || this.isClosed) return false;
    const bytes = prefixBytes + message.length;
    const carrier = this.#carrier;
    const room = Math.min(this.#sendWindow, carrier.sendRoom, maxPayloadBytes);
    if (bytes > room || !carrier.hasPlainBlocks) {
      this.begin(answerBlock);
      this.write(frameMessage(message));
      this.end(okTrailers);
      return true;
    }
    this.isBegun = true;
    this.#sendWindow -= bytes;
    carrier.sendData(wholeAnswer(this.id, message), bytes);
    this.#ended();
    return true;
  }

  /** Begins an answer. @param block its header block. @returns whether the client is still there */
  begin(block: Buffer): boolean {
    if (this.isBegun || this.isClosed) return false;
    this.isBegun = true;
    this.#carrier.sendBlock(block, { stream: this.id, endsStream: false });
    return true;
  }

  write(bytes: Buffer): void {
    if (this.#isEnded || this.isClosed || bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#unsentBytes += bytes.length;
    this.flush();
  }

  /** Nothing is written behind it. @param trailers their header block */
  end(trailers?: Buffer): void {
    if (this.#isEnded || this.isClosed) return;
    this.#isEnded = true;
    this.#trailers = trailers;
    this.flush();
  }

  /** Answers with a status and no message; what still comes is not wanted. @param words ASCII */
  refuse(code: number, words: string): void {
    if (this.isBegun || this.isClosed) return;
    this.isBegun = true;
    this.#isEnded = true;
    const block = Buffer.concat([answerBlock, trailersOf(code, words)]);
    this.#carrier.sendBlock(block, { stream: this.id, endsStream: true });
    this.#ended();
  }

  /** Ends it where the client broke a rule. */
  breakOff(error: Http2Error): void {
    this.#carrier.spend(brokenRuleWorth);
    this.reset(error);
  }

  reset(error: Http2Error): void {
    if (this.isClosed) return;
    this.#carrier.send(resetFrame(this.id, error));
    this.close();
  }

  /** Lets go of everything; the client is told nothing. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#waiting = [];
    this.#unsentBytes = 0;
    this.#carrier.onClosed(this);
    this.listener.onClose();
  }

  /** Sends what the windows allow. */
  flush(): void {
    const carrier = this.#carrier;
    for (let [next] = this.#waiting; next !== undefined && !this.isClosed; [next] = this.#waiting) {
      const room = Math.min(this.#sendWindow, carrier.sendRoom, maxPayloadBytes);
      if (room <= 0) {
        if (this.#sendWindow > 0) carrier.waitForRoom(this);
        return;
      }
      const part = next.length <= room ? next : next.subarray(0, room);
      if (part === next) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(room);
      this.#sendWindow -= part.length;
      this.#unsentBytes -= part.length;
      const head = { type: frameTypes.data, flags: frameFlags.none, stream: this.id };
      carrier.sendData(frameOf(head, part), part.length);
    }
    if (this.#isEnded && !this.isClosed) this.#finish();
  }

  #finish(): void {
    const stream = this.id;
    const trailers = this.#trailers;
    if (trailers !== undefined) this.#carrier.sendBlock(trailers, { stream, endsStream: true });
    else
      this.#carrier.send(frameOf({ type: frameTypes.data, flags: frameFlags.endStream, stream }));
    this.#ended();
  }

  #ended(): void {
    this.#isEnded = true;
    // What the client still says is not wanted.
    if (!this.isEndedByClient) this.#carrier.send(resetFrame(this.id, http2Errors.none));
    this.close();
  }
}
