/** Frames of HTTP/2: their numbers, and how they are written. @see RFC 9113 §4, §6 and §7 */

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlags = {
  none: 0,
  ack: 0x01,
  endStream: 0x01,
  endHeaders: 0x04,
  padded: 0x08,
  priority: 0x20,
} as const;

export const http2Errors = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;
export type Http2Error = (typeof http2Errors)[keyof typeof http2Errors];

export const settingIds = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** What a client sends first. */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Bytes before each payload: its length, type, flags and stream. */
export const frameHeadBytes = 9;
/** Bytes of a payload: what both sides allow unless a setting says more, which ours does not. */
export const maxPayloadBytes = 16_384;
/** Bytes that may be sent on a connection, and on a stream, before anybody says otherwise. */
export const initialWindow = 65_535;
/** The most that a window may be. */
export const maxWindow = 2_147_483_647;
/** No stream has a higher number. */
export const maxStreamId = 2_147_483_647;

/** Where a frame belongs, and what it is. */
export interface FrameHead {
  readonly type: number;
  readonly flags: number;
  /** 0: the connection. */
  readonly stream: number;
}

/** Writes a frame's head at a place. */
export function putHead(into: Buffer, at: number, head: FrameHead & { length: number }): void {
  into.writeUIntBE(head.length, at, 3);
  into[at + 3] = head.type;
  into[at + 4] = head.flags;
  into.writeUInt32BE(head.stream, at + 5);
}

const nothing = Buffer.alloc(0);

export function frameOf(head: FrameHead, payload: Buffer = nothing): Buffer {
  const { length } = payload;
  const frame = Buffer.allocUnsafe(frameHeadBytes + length);
  putHead(frame, 0, { ...head, length });
  payload.copy(frame, frameHeadBytes);
  return frame;
}

export function settingsFrame(pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  for (const [index, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frameOf({ type: frameTypes.settings, flags: frameFlags.none, stream: 0 }, payload);
}

/** A frame whose payload is one number. */
function numberFrame(type: number, stream: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return frameOf({ type, flags: frameFlags.none, stream }, payload);
}

export function windowFrame(stream: number, bytes: number): Buffer {
  return numberFrame(frameTypes.windowUpdate, stream, bytes);
}

export function resetFrame(stream: number, error: Http2Error): Buffer {
  return numberFrame(frameTypes.reset, stream, error);
}

/** @param last the newest stream of the client that is, or may still be, looked at */
export function goAwayFrame(last: number, error: Http2Error): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(last);
  payload.writeUInt32BE(error, 4);
  return frameOf({ type: frameTypes.goAway, flags: frameFlags.none, stream: 0 }, payload);
}

/** Its answer says that the other side has read all that was sent before. */
export function pingFrame(): Buffer {
  return frameOf({ type: frameTypes.ping, flags: frameFlags.none, stream: 0 }, Buffer.alloc(8));
}

/** Answers a PING. @param payload its 8 bytes */
export function pongFrame(payload: Buffer): Buffer {
  return frameOf({ type: frameTypes.ping, flags: frameFlags.ack, stream: 0 }, payload);
}

/** Answers SETTINGS. */
export function settingsAckFrame(): Buffer {
  return frameOf({ type: frameTypes.settings, flags: frameFlags.ack, stream: 0 });
}
