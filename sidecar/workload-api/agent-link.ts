/**
 * An HTTP/2 connection to an agent, client side, as much of it as gRPC calls need. What is read is given on at once.
 * Whatever breaks a rule ends the call or the connection that it came on.
 * @see RFC 9113
 */
import type { Socket } from 'node:net';
import { messageOf } from '#kernel/errors.ts';
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
import {
  clientPreface,
  frameFlags,
  frameOf,
  frameTypes,
  goAwayFrame,
  http2Errors,
  initialWindow,
  maxPayloadBytes,
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
import { EmptyWork } from '../server/empty-work.ts';
import { AnswerFields, maxAnswerHeaderBytes } from './answer-fields.ts';

/** What a call is told. Nothing comes after an end, a reset or a loss, nor after the call was cancelled. */
export interface AnswerListener {
  /** Of the headers, and of the trailers. */
  onFields(fields: AnswerFields): void;
  /** The bytes are only lent. */
  onData(chunk: Buffer): void;
  /** The agent has said all. */
  onEnd(): void;
  /** The call was ended. @param code HTTP/2 error */
  onReset(code: number): void;
  /** The connection was. */
  onLost(words: string): void;
}

interface LinkListener {
  /** The agent's settings have come. */
  onSettled(): void;
  onPong(): void;
  /** Comes once. */
  onOver(): void;
}

interface AskedCall {
  readonly head: Buffer;
  readonly listener: AnswerListener;
  /** 0: it waits for others to end. */
  id: number;
  /** Of its message. */
  unsent: Buffer;
  sendWindow: number;
  receiveLeft: number;
  hasHead: boolean;
}

/** Bytes that an agent may send on all streams before it hears from us; each is read at once. */
const receiveWindow = 1_048_576;
/** Streams at once, before the agent has said how many it takes. */
const usualStreams = 100;

export class AgentLink {
  readonly #socket: Socket;
  readonly #listener: LinkListener;
  readonly #cursor = new FrameCursor();
  readonly #blocks = new HeaderBlocks(2 * maxAnswerHeaderBytes);
  readonly #headers = new HeaderReader();
  readonly #emptyWork = new EmptyWork();
  readonly #calls = new Map<number, AskedCall>();
  readonly #waiting = new Set<AskedCall>();
  #nextId = 1;
  #maxCalls = usualStreams;
  #sendWindow = initialWindow;
  #callWindow = initialWindow;
  #receiveLeft = receiveWindow;
  #isSettled = false;
  #isLeaving = false;
  #isOver = false;

  constructor(socket: Socket, listener: LinkListener) {
    this.#socket = socket;
    this.#listener = listener;
    let words = 'the agent ended the connection';
    socket.on('error', (fault) => {
      words = messageOf(fault);
    });
    socket.on('close', () => {
      this.#over(words);
    });
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    const settings = settingsFrame([
      [settingIds.enablePush, 0],
      [settingIds.maxHeaderListSize, maxAnswerHeaderBytes],
    ]);
    const wider = windowFrame(0, receiveWindow - initialWindow);
    socket.write(Buffer.concat([clientPreface, settings, wider]));
  }

  /** It takes new calls. */
  get isOpen(): boolean {
    return !this.#isLeaving && !this.#isOver;
  }

  get openCalls(): number {
    return this.#calls.size + this.#waiting.size;
  }

  /** @param head the header block of a request. @returns what cancels it */
  ask(head: Buffer, message: Buffer, listener: AnswerListener): () => void {
    const windows = { sendWindow: 0, receiveLeft: initialWindow };
    const call: AskedCall = { head, listener, id: 0, unsent: message, ...windows, hasHead: false };
    this.#waiting.add(call);
    this.#beginWaiting();
    return () => {
      this.#waiting.delete(call);
      this.#reset(call, http2Errors.cancel);
    };
  }

  ping(): void {
    this.#socket.write(pingFrame());
  }

  /** Ends it, and all its calls. */
  end(words: string): void {
    this.#socket.destroy();
    this.#over(words);
  }

  #over(words: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const lost = [...this.#calls.values(), ...this.#waiting];
    this.#calls.clear();
    this.#waiting.clear();
    for (const { listener } of lost) listener.onLost(words);
    this.#listener.onOver();
  }

  #fail(error: Http2Error): void {
    if (this.#isOver) return;
    this.#socket.write(goAwayFrame(0, error));
    this.end(`what the agent says is no HTTP/2 that can be read (error ${error})`);
  }

  #beginWaiting(): void {
    for (const call of this.#waiting) {
      if (this.#calls.size >= this.#maxCalls || !this.isOpen) return;
      this.#waiting.delete(call);
      call.id = this.#nextId;
      call.sendWindow = this.#callWindow;
      this.#nextId += 2;
      this.#calls.set(call.id, call);
      const head = { type: frameTypes.headers, flags: frameFlags.endHeaders, stream: call.id };
      this.#socket.write(frameOf(head, call.head));
      this.#flush(call);
    }
  }

  /** Sends of its message what the windows allow. */
  #flush(call: AskedCall): void {
    while (call.unsent.length > 0) {
      const room = Math.min(call.sendWindow, this.#sendWindow, maxPayloadBytes);
      if (room <= 0) return;
      const part = call.unsent.subarray(0, room);
      call.unsent = call.unsent.subarray(part.length);
      call.sendWindow -= part.length;
      this.#sendWindow -= part.length;
      const flags = call.unsent.length === 0 ? frameFlags.endStream : frameFlags.none;
      this.#socket.write(frameOf({ type: frameTypes.data, flags, stream: call.id }, part));
    }
  }

  #flushAll(): void {
    for (const call of this.#calls.values()) this.#flush(call);
  }

  /** From our side. */
  #reset(call: AskedCall, error: Http2Error): void {
    if (!this.#calls.has(call.id)) return;
    this.#socket.write(resetFrame(call.id, error));
    this.#forget(call);
  }

  #refuse(call: AskedCall, error: Http2Error): void {
    this.#reset(call, error);
    call.listener.onReset(error);
  }

  #forget(call: AskedCall): void {
    this.#calls.delete(call.id);
    this.#beginWaiting();
    if (this.#isLeaving && this.#calls.size === 0) this.#socket.end();
  }

  #take(chunk: Buffer): void {
    this.#cursor.add(chunk);
    while (!this.#isOver && this.#cursor.next()) this.#onFrame();
    if (this.#cursor.failed) this.#fail(http2Errors.frameSize);
  }

  #onFrame(): void {
    const { type, stream } = this.#cursor;
    const isContinuation = type === frameTypes.continuation;
    const isInOrder =
      isContinuation === this.#blocks.isOpen && (this.#isSettled || type === frameTypes.settings);
    const isKnown = stream < this.#nextId;
    const fault = isInOrder && isKnown ? frameFault(this.#cursor) : http2Errors.protocol;
    if (fault !== undefined) this.#fail(fault);
    else if (type === frameTypes.data) this.#onData();
    else if (type === frameTypes.headers) this.#onBlock(this.#blocks.begin(this.#cursor));
    else if (isContinuation) this.#onBlock(this.#blocks.add(this.#cursor));
    else if (this.#emptyWork.isAllowed(performance.now())) this.#onOther(type);
    else this.#fail(http2Errors.enhanceYourCalm);
  }

  /** Priorities, and what nobody knows, are stepped over. */
  #onOther(type: number): void {
    if (type === frameTypes.settings) this.#onSettings();
    else if (type === frameTypes.ping) this.#onPing();
    else if (type === frameTypes.reset) this.#onReset();
    else if (type === frameTypes.windowUpdate) this.#onWindow();
    else if (type === frameTypes.goAway) this.#onGoAway();
  }

  #onData(): void {
    const { stream, start, end, flags } = this.#cursor;
    const length = end - start;
    this.#receiveLeft -= length;
    if (this.#receiveLeft < receiveWindow / 2) {
      this.#socket.write(windowFrame(0, receiveWindow - this.#receiveLeft));
      this.#receiveLeft = receiveWindow;
    }
    const payload = unpadded(this.#cursor);
    const call = this.#calls.get(stream);
    if (payload === undefined) this.#fail(http2Errors.protocol);
    // It can have crossed our reset.
    if (payload === undefined || call === undefined) return;
    call.receiveLeft -= length;
    if (!call.hasHead) this.#refuse(call, http2Errors.protocol);
    else if (call.receiveLeft < 0) this.#refuse(call, http2Errors.flowControl);
    else this.#give(call, payload, (flags & frameFlags.endStream) !== 0);
  }

  #give(call: AskedCall, payload: Buffer, isLast: boolean): void {
    call.listener.onData(payload);
    if (!this.#calls.has(call.id)) return;
    if (isLast) this.#ended(call);
    else if (call.receiveLeft < initialWindow / 2) {
      this.#socket.write(windowFrame(call.id, initialWindow - call.receiveLeft));
      call.receiveLeft = initialWindow;
    }
  }

  #ended(call: AskedCall): void {
    // What we have still to say is not wanted.
    if (call.unsent.length > 0) this.#reset(call, http2Errors.cancel);
    else this.#forget(call);
    call.listener.onEnd();
  }

  #onBlock(read: WholeBlock | BlockFault | undefined): void {
    if (read === undefined) return;
    if (typeof read === 'string') {
      this.#fail(blockErrors[read]);
      return;
    }
    const fields = new AnswerFields();
    const call = this.#calls.get(read.stream);
    if (!this.#headers.read(read.block, fields)) this.#fail(http2Errors.compression);
    else if (call !== undefined) this.#onFields(call, fields, read.endsStream);
  }

  #onFields(call: AskedCall, fields: AnswerFields, isLast: boolean): void {
    if (fields.isTooLarge) this.#refuse(call, http2Errors.enhanceYourCalm);
    else if (call.hasHead && !isLast) this.#refuse(call, http2Errors.protocol);
    else if (isLast || !fields.isInterim) {
      call.hasHead = true;
      call.listener.onFields(fields);
      if (isLast && this.#calls.has(call.id)) this.#ended(call);
    }
  }

  #onReset(): void {
    const { stream, bytes, start } = this.#cursor;
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    this.#forget(call);
    call.listener.onReset(bytes.readUInt32BE(start));
  }

  #onPing(): void {
    const { flags, bytes, start, end } = this.#cursor;
    if ((flags & frameFlags.ack) !== 0) this.#listener.onPong();
    else this.#socket.write(pongFrame(bytes.subarray(start, end)));
  }

  #onWindow(): void {
    const { stream, bytes, start } = this.#cursor;
    const more = bytes.readUInt32BE(start) & maxWindow;
    const call = this.#calls.get(stream);
    if (stream === 0) this.#sendWindow += more;
    else if (call !== undefined) call.sendWindow += more;
    const isTooWide = Math.max(this.#sendWindow, call?.sendWindow ?? 0) > maxWindow;
    if (more === 0 || isTooWide) this.#fail(http2Errors.flowControl);
    else this.#flushAll();
  }

  #onSettings(): void {
    const { flags, bytes, start, end } = this.#cursor;
    if ((flags & frameFlags.ack) !== 0) return;
    this.#socket.write(settingsAckFrame());
    for (let at = start; at < end && !this.#isOver; at += 6)
      this.#onSetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    if (this.#isOver) return;
    if (!this.#isSettled) this.#listener.onSettled();
    this.#isSettled = true;
    this.#flushAll();
    this.#beginWaiting();
  }

  #onSetting(id: number, value: number): void {
    const fault = settingFault(id, value);
    if (fault !== undefined) this.#fail(fault);
    else if (id === settingIds.maxConcurrentStreams) this.#maxCalls = value;
    else if (id === settingIds.initialWindowSize) {
      for (const call of this.#calls.values()) call.sendWindow += value - this.#callWindow;
      this.#callWindow = value;
    }
  }

  /** Calls that it has seen are finished, unless it says that something is wrong; others may be asked elsewhere. */
  #onGoAway(): void {
    const { bytes, start, end } = this.#cursor;
    if (end - start < 8) {
      this.#fail(http2Errors.frameSize);
      return;
    }
    const error = bytes.readUInt32BE(start + 4);
    this.#isLeaving = true;
    if (error !== http2Errors.none) {
      this.end(`the agent ended the connection with the HTTP/2 error ${error}`);
      return;
    }
    const last = bytes.readUInt32BE(start) & maxWindow;
    const unseen = [...this.#calls.values()].filter(({ id }) => id > last);
    for (const call of [...unseen, ...this.#waiting]) {
      this.#waiting.delete(call);
      this.#calls.delete(call.id);
      call.listener.onReset(http2Errors.refusedStream);
    }
    if (this.#calls.size === 0) this.#socket.end();
  }
}
