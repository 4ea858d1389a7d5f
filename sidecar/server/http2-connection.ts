/**
 * A client's HTTP/2 connection, server side: frames in and out, windows, settings. Whatever is over a bound ends the stream
 * or the connection that it came on. What the client does not read is not answered further: then nothing is read of it.
 * @see RFC 9113
 */
import type { Socket } from 'node:net';
import { FrameCursor } from '../http2/frame-cursor.ts';
import { frameFault, settingFault } from '../http2/frame-faults.ts';
import {
  HeaderBlocks,
  blockErrors,
  unpadded,
  type BlockFault,
  type WholeBlock,
} from '../http2/header-blocks.ts';
import { HeaderReader } from '../http2/header-reader.ts';
import { emptyTable } from '../http2/header-writer.ts';
import {
  clientPreface,
  frameFlags,
  frameOf,
  frameTypes,
  goAwayFrame,
  http2Errors,
  initialWindow,
  maxStreamId,
  maxWindow,
  pingFrame,
  pongFrame,
  resetFrame,
  settingIds,
  settingsAckFrame,
  settingsFrame,
  windowFrame,
  type Http2Error,
} from '../http2/http2-frames.ts';
import { CallHead, CallHeads, Trailers, type HeadLimits } from './call-head.ts';
import { EmptyWork } from './empty-work.ts';
import { grpcStatus } from './grpc-wire.ts';
import { Http2Output } from './http2-output.ts';
import { ServerStream, type StreamCarrier } from './server-stream.ts';

/** What a connection asks of its server. */
export interface ConnectionHost {
  /** A request has begun. */
  onStream(stream: ServerStream, head: CallHead): void;
  onStreamClosed(): void;
  /** Preface and settings of the client have come. */
  onSettled(): void;
  /** Gets what a listener threw. */
  onFault(thrown: unknown): void;
}

export interface Http2Limits extends HeadLimits {
  /** Streams that a client may have open at once. */
  readonly maxStreams: number;
}

/** Bytes that a client may send on all streams before it hears from us; each is read at once. */
const receiveWindow = 1_048_576;
/** Bytes that are read before the client is told that it may send as many more. */
const windowStep = receiveWindow >> 2;

export class Http2Connection implements StreamCarrier {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #limits: Http2Limits;
  readonly #output: Http2Output;
  readonly #cursor = new FrameCursor();
  readonly #blocks: HeaderBlocks;
  readonly #headers = new HeaderReader();
  readonly #heads: CallHeads;
  readonly #emptyWork = new EmptyWork();
  readonly #streams = new Map<number, ServerStream>();
  /** Those that could send, if there were room on the connection. */
  readonly #waiting = new Set<ServerStream>();
  #prefaceBytes = 0;
  #isSettled = false;
  /** `asked`: the client is told, and may have begun calls before it heard of it; `done`: it has heard of it. */
  #leaving: 'no' | 'asked' | 'done' = 'no';
  #isOver = false;
  #newest = 0;
  #sendWindow = initialWindow;
  #receiveLeft = receiveWindow;
  #streamWindow = initialWindow;
  /** What the client wants it to be. */
  #askedWindow = initialWindow;
  hasPlainBlocks = true;

  constructor(socket: Socket, host: ConnectionHost, limits: Http2Limits) {
    this.#socket = socket;
    this.#host = host;
    this.#limits = limits;
    // More than is ever accepted: a code can also make a text longer.
    this.#heads = new CallHeads(this.#headers, limits);
    this.#blocks = new HeaderBlocks(2 * limits.maxHeaderBytes);
    this.#output = new Http2Output(socket, () => {
      this.#serveWaiting();
    });
    this.#output.send(
      settingsFrame([
        [settingIds.maxConcurrentStreams, limits.maxStreams],
        [settingIds.maxHeaderListSize, limits.maxHeaderBytes],
      ]),
    );
    this.#output.send(windowFrame(0, receiveWindow - initialWindow));
  }

  get sendRoom(): number {
    return Math.min(this.#sendWindow, this.#output.room);
  }

  /** Comes about once a second: closes a connection that was ended, and one whose client reads nothing for so long. */
  tidy(nowMs: number, limitMs: number): void {
    const { fullSinceMs } = this.#output;
    const isStuck = fullSinceMs !== undefined && nowMs - fullSinceMs > limitMs;
    if (this.#isOver || isStuck) this.#socket.destroy();
  }

  /** Takes what has come. */
  take(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#output.hold();
    const rest = this.#withoutPreface(chunk);
    const cursor = this.#cursor;
    cursor.add(rest);
    while (this.#isOpen && cursor.next()) this.#onFrameGuarded();
    if (cursor.failed) this.fail(http2Errors.frameSize);
    this.#output.release();
  }

  get #isOpen(): boolean {
    return !this.#isOver;
  }

  /**
   * Lets calls finish, those too that the client begins before it hears of it: its answer to a ping says that it has. Then it
   * closes, unless the client does. @see RFC 9113 §6.8
   */
  leave(): void {
    if (this.#leaving !== 'no' || this.#isOver) return;
    this.#leaving = 'asked';
    this.#output.send(goAwayFrame(maxStreamId, http2Errors.none));
    this.#output.send(pingFrame());
  }

  /** The socket is closed. */
  gone(): void {
    this.#isOver = true;
    for (const stream of [...this.#streams.values()]) stream.close();
  }

  send(frame: Buffer): void {
    this.#output.send(frame);
  }

  sendData(frames: Buffer, bytes: number): void {
    this.#sendWindow -= bytes;
    this.#output.send(frames);
  }

  sendBlock(block: Buffer, head: { readonly stream: number; readonly endsStream: boolean }): void {
    const { endHeaders, endStream, none } = frameFlags;
    const flags = endHeaders | (head.endsStream ? endStream : none);
    const whole = this.hasPlainBlocks ? block : Buffer.concat([emptyTable, block]);
    this.hasPlainBlocks = true;
    this.#output.send(frameOf({ type: frameTypes.headers, flags, stream: head.stream }, whole));
  }

  waitForRoom(stream: ServerStream): void {
    this.#waiting.add(stream);
  }

  onClosed(stream: ServerStream): void {
    this.#streams.delete(stream.id);
    this.#waiting.delete(stream);
    this.#host.onStreamClosed();
    this.#endIfDone();
  }

  /** Ends the connection, and says why. */
  fail(error: Http2Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#output.send(goAwayFrame(this.#newest, error));
    this.#output.release();
    this.#socket.end();
    this.gone();
  }

  #left(): void {
    this.#leaving = 'done';
    this.#output.send(goAwayFrame(this.#newest, http2Errors.none));
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#leaving === 'done' && this.#streams.size === 0 && !this.#isOver) this.#output.end();
  }

  #withoutPreface(chunk: Buffer): Buffer {
    const missing = clientPreface.length - this.#prefaceBytes;
    if (missing === 0) return chunk;
    const came = chunk.subarray(0, missing);
    const wanted = clientPreface.subarray(this.#prefaceBytes, this.#prefaceBytes + came.length);
    if (!came.equals(wanted)) this.fail(http2Errors.protocol);
    this.#prefaceBytes += came.length;
    return chunk.subarray(came.length);
  }

  /** What one stream meets must not end the process, nor the connection. */
  #onFrameGuarded(): void {
    try {
      this.#onFrame();
    } catch (thrown) {
      this.#host.onFault(thrown);
      const stream = this.#streams.get(this.#cursor.stream);
      stream?.refuse(grpcStatus.internal, 'the call failed');
      stream?.reset(http2Errors.internal);
    }
  }

  #onFrame(): void {
    const { type } = this.#cursor;
    const isContinuation = type === frameTypes.continuation;
    const isInOrder =
      isContinuation === this.#blocks.isOpen && (this.#isSettled || type === frameTypes.settings);
    const fault = isInOrder ? frameFault(this.#cursor) : http2Errors.protocol;
    if (fault !== undefined) this.fail(fault);
    else if (type === frameTypes.data) this.#onData();
    else if (type === frameTypes.headers) this.#onBlock(this.#blocks.begin(this.#cursor));
    else if (isContinuation) this.#onBlock(this.#blocks.add(this.#cursor));
    else if (type === frameTypes.windowUpdate) this.#onWindow();
    else this.#onOther(type);
  }

  /** Priorities, what a client says when it leaves, and what nobody knows, are stepped over. */
  #onOther(type: number): void {
    this.spend();
    if (type === frameTypes.settings) this.#onSettings();
    else if (type === frameTypes.ping) this.#onPing();
    else if (type === frameTypes.reset) this.#onReset();
  }

  /** For what brings nothing. */
  spend(worth = 1): void {
    if (!this.#emptyWork.isAllowed(performance.now(), worth))
      this.fail(http2Errors.enhanceYourCalm);
  }

  #onData(): void {
    const { stream: id, start, end, flags } = this.#cursor;
    const length = end - start;
    if (id > this.#newest) {
      this.fail(http2Errors.protocol);
      return;
    }
    this.#receiveLeft -= length;
    if (this.#receiveLeft < 0) this.fail(http2Errors.flowControl);
    else if (this.#receiveLeft <= receiveWindow - windowStep) {
      this.#output.send(windowFrame(0, receiveWindow - this.#receiveLeft));
      this.#receiveLeft = receiveWindow;
    }
    const payload = unpadded(this.#cursor);
    const stream = this.#streams.get(id);
    const endsStream = (flags & frameFlags.endStream) !== 0;
    if (payload === undefined) this.fail(http2Errors.protocol);
    else if (stream === undefined) this.#answerStray(id);
    else if (stream.isEndedByClient) stream.breakOff(http2Errors.streamClosed);
    else {
      if (payload.length === 0 && !endsStream) this.spend();
      stream.take(payload, { counted: length, isLast: endsStream });
    }
  }

  /** Something came on a stream that is over. */
  #answerStray(id: number): void {
    this.spend();
    this.#output.send(resetFrame(id, http2Errors.streamClosed));
  }

  #onBlock(read: WholeBlock | BlockFault | undefined): void {
    if (read === undefined) return;
    if (typeof read === 'string') {
      this.fail(blockErrors[read]);
      return;
    }
    const { stream: id, endsStream, block } = read;
    const isNew = id > this.#newest;
    const fields = isNew ? this.#heads.read(block) : this.#trailersIn(block);
    if (fields === undefined) this.fail(http2Errors.compression);
    else if (fields instanceof CallHead) this.#open(id, { head: fields, endsStream });
    else this.#onTrailers(id, endsStream && !fields.isMalformed);
  }

  #trailersIn(block: Buffer): Trailers | undefined {
    const trailers = new Trailers(this.#limits);
    return this.#headers.read(block, trailers) ? trailers : undefined;
  }

  /** Also of a stream that we have closed meanwhile. */
  #onTrailers(id: number, areGood: boolean): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) this.#answerStray(id);
    else if (!areGood || stream.isEndedByClient) stream.breakOff(http2Errors.protocol);
    else stream.endByClient();
  }

  #open(id: number, { head, endsStream }: { head: CallHead; endsStream: boolean }): void {
    this.#newest = id;
    const refusal = this.#refusalOf(head);
    if (refusal !== undefined) {
      this.spend();
      this.#output.send(resetFrame(id, refusal));
      return;
    }
    const stream = new ServerStream(id, this, this.#streamWindow);
    stream.bodyLeft = head.contentLength;
    this.#streams.set(id, stream);
    stream.isEndedByClient = endsStream;
    this.#host.onStream(stream, head);
    if (endsStream) stream.endByClient();
  }

  #refusalOf(head: CallHead): Http2Error | undefined {
    if (this.#leaving === 'done' || this.#streams.size >= this.#limits.maxStreams)
      return http2Errors.refusedStream;
    if (head.isTooLarge) return http2Errors.enhanceYourCalm;
    return head.isMalformed ? http2Errors.protocol : undefined;
  }

  #onReset(): void {
    const { stream: id } = this.#cursor;
    if (id > this.#newest) this.fail(http2Errors.protocol);
    else this.#streams.get(id)?.close();
  }

  #onPing(): void {
    const { flags, bytes, start, end } = this.#cursor;
    if ((flags & frameFlags.ack) === 0) this.#output.send(pongFrame(bytes.subarray(start, end)));
    else if (this.#leaving === 'asked') this.#left();
  }

  #onWindow(): void {
    const { stream: id, bytes, start } = this.#cursor;
    const more = bytes.readUInt32BE(start) & maxWindow;
    const stream = this.#streams.get(id);
    if (more === 0 || id > this.#newest) this.fail(http2Errors.protocol);
    else if (id === 0) {
      this.#sendWindow += more;
      if (this.#sendWindow > maxWindow) this.fail(http2Errors.flowControl);
      else this.#serveWaiting();
    } else if (stream === undefined) this.spend();
    else if (!stream.widen(more, maxWindow)) stream.breakOff(http2Errors.flowControl);
  }

  #serveWaiting(): void {
    for (const stream of this.#waiting) {
      if (this.sendRoom <= 0) return;
      this.#waiting.delete(stream);
      stream.flush();
    }
  }

  #onSettings(): void {
    const { flags, bytes, start, end } = this.#cursor;
    if ((flags & frameFlags.ack) !== 0) return;
    // In front of what they let us send.
    this.#output.send(settingsAckFrame());
    for (let at = start; at < end && !this.#isOver; at += 6)
      this.#onSetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    this.#widenStreams();
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#host.onSettled();
  }

  #onSetting(id: number, value: number): void {
    const fault = settingFault(id, value);
    if (fault !== undefined) this.fail(fault);
    if (id === settingIds.headerTableSize) this.hasPlainBlocks = false;
    if (id === settingIds.initialWindowSize) this.#askedWindow = value;
  }

  /** Once a frame, however often it says so. */
  #widenStreams(): void {
    const wider = this.#askedWindow - this.#streamWindow;
    if (wider === 0 || this.#isOver) return;
    this.#streamWindow = this.#askedWindow;
    this.spend(this.#streams.size);
    for (const stream of [...this.#streams.values()])
      if (!stream.widen(wider, maxWindow)) stream.breakOff(http2Errors.flowControl);
  }
}
