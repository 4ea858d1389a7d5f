/** A header block may come in several frames, and with other things around it: here it is put together. @see RFC 9113 §6.2, §6.10 */
import type { FrameCursor } from './frame-cursor.ts';
import { frameFlags, http2Errors, type Http2Error } from './http2-frames.ts';

/** What was put together so far. */
interface OpenBlock {
  readonly stream: number;
  readonly endsStream: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

/** A whole one. */
export interface WholeBlock {
  readonly stream: number;
  readonly endsStream: boolean;
  readonly block: Buffer;
}

/** CONTINUATION frames of one block. */
const maxContinuations = 8;

export type BlockFault = 'malformed' | 'too_long';

/** What ends a connection with such a block. */
export const blockErrors: Readonly<Record<BlockFault, Http2Error>> = {
  malformed: http2Errors.protocol,
  too_long: http2Errors.enhanceYourCalm,
};

export class HeaderBlocks {
  readonly #maxBytes: number;
  #open: OpenBlock | undefined;

  /** @param maxBytes of a block, as it comes */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Only the rest of a block may come now. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Takes a HEADERS frame. @returns undefined where more must come */
  begin(frame: FrameCursor): WholeBlock | BlockFault | undefined {
    const payload = unpadded(frame);
    if (payload === undefined) return 'malformed';
    const endsStream = (frame.flags & frameFlags.endStream) !== 0;
    const { stream } = frame;
    if ((frame.flags & frameFlags.endHeaders) !== 0) return { stream, endsStream, block: payload };
    this.#open = { stream, endsStream, parts: [], bytes: 0 };
    return this.#add(this.#open, payload);
  }

  /** Takes a CONTINUATION frame. */
  add(frame: FrameCursor): WholeBlock | BlockFault | undefined {
    const open = this.#open;
    if (open?.stream !== frame.stream) return 'malformed';
    const fault = this.#add(open, frame.bytes.subarray(frame.start, frame.end));
    if (fault !== undefined || (frame.flags & frameFlags.endHeaders) === 0) return fault;
    this.#open = undefined;
    return { ...open, block: Buffer.concat(open.parts) };
  }

  #add(open: OpenBlock, part: Buffer): BlockFault | undefined {
    open.bytes += part.length;
    if (open.bytes > this.#maxBytes || open.parts.length > maxContinuations) return 'too_long';
    // A copy: the chunk that it came in may be larger. And none out of a pool, which may be larger as well.
    const kept = Buffer.allocUnsafeSlow(part.length);
    part.copy(kept);
    open.parts.push(kept);
    return undefined;
  }
}

/** The payload of a HEADERS or DATA frame without padding and priority; undefined where there is more of them than payload. */
export function unpadded({ type, flags, bytes, start, end }: FrameCursor): Buffer | undefined {
  let from = start;
  let to = end;
  if ((flags & frameFlags.padded) !== 0) {
    if (from === to) return undefined;
    to -= bytes[from] ?? 0;
    from += 1;
  }
  if (type !== 0 && (flags & frameFlags.priority) !== 0) from += 5;
  return from > to ? undefined : bytes.subarray(from, to);
}
