/** What is wrong with a frame by itself, whatever came before it. @see RFC 9113 §6 */
import type { FrameCursor } from './frame-cursor.ts';
import {
  frameFlags,
  frameTypes,
  http2Errors,
  maxPayloadBytes,
  maxWindow,
  settingIds,
  type Http2Error,
} from './http2-frames.ts';

interface Shape {
  /** Where it may stand: on the connection, on a stream of the client, on both. */
  readonly on: 'connection' | 'stream' | 'any' | 'nowhere';
  /** Bytes of its payload; absent: any number. */
  readonly bytes?: number;
}

/** By type. */
const shapes: readonly Shape[] = shapesByType();

function shapesByType(): readonly Shape[] {
  const made: Shape[] = [];
  made[frameTypes.data] = { on: 'stream' };
  made[frameTypes.headers] = { on: 'stream' };
  made[frameTypes.priority] = { on: 'stream', bytes: 5 };
  made[frameTypes.reset] = { on: 'stream', bytes: 4 };
  made[frameTypes.settings] = { on: 'connection' };
  // Only servers send it.
  made[frameTypes.pushPromise] = { on: 'nowhere' };
  made[frameTypes.ping] = { on: 'connection', bytes: 8 };
  made[frameTypes.goAway] = { on: 'connection' };
  made[frameTypes.windowUpdate] = { on: 'any', bytes: 4 };
  made[frameTypes.continuation] = { on: 'stream' };
  return made;
}

/** Why the connection must end; undefined: there is nothing wrong, or nobody knows the type. */
export function frameFault(frame: FrameCursor): Http2Error | undefined {
  const shape = shapes[frame.type];
  if (shape === undefined) return undefined;
  if (!isInPlace(shape, frame.stream)) return http2Errors.protocol;
  const length = frame.end - frame.start;
  if (shape.bytes !== undefined && length !== shape.bytes) return http2Errors.frameSize;
  return frame.type === frameTypes.settings ? settingsFault(frame, length) : undefined;
}

/** A client's streams have odd numbers. */
function isInPlace({ on }: Shape, stream: number): boolean {
  switch (on) {
    case 'connection':
      return stream === 0;
    case 'stream':
      return stream % 2 === 1;
    case 'any':
      return stream === 0 || stream % 2 === 1;
    case 'nowhere':
      return false;
    default:
      return on satisfies never;
  }
}

function settingsFault({ flags }: FrameCursor, length: number): Http2Error | undefined {
  const isWhole = length % 6 === 0;
  const saysNothing = (flags & frameFlags.ack) === 0 || length === 0;
  return isWhole && saysNothing ? undefined : http2Errors.frameSize;
}

/** Why a setting cannot be. */
export function settingFault(id: number, value: number): Http2Error | undefined {
  if (id === settingIds.enablePush && value > 1) return http2Errors.protocol;
  if (id === settingIds.initialWindowSize && value > maxWindow) return http2Errors.flowControl;
  const isFrameSize = id === settingIds.maxFrameSize;
  return isFrameSize && (value < maxPayloadBytes || value > 0xff_ffff)
    ? http2Errors.protocol
    : undefined;
}
