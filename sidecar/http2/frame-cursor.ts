/**
 * Finds frames in chunks as they come. A frame that lies in one chunk is read where it is; of one that does not, what has
 * come is copied, so that a chunk of one byte keeps no large read alive, and the work is linear however small chunks are.
 */
import { frameHeadBytes, maxPayloadBytes } from './http2-frames.ts';

const nothing = Buffer.alloc(0);

export class FrameCursor {
  /** Of the frame that `next` found. */
  type = 0;
  flags = 0;
  stream = 0;
  /** Its payload: from `start` to before `end` in `bytes`. */
  bytes: Buffer = nothing;
  start = 0;
  end = 0;
  /** A frame was longer than anybody may send: nothing can be read any more. */
  failed = false;
  #chunk: Buffer = nothing;
  #position = 0;
  #held: Buffer = nothing;
  #heldBytes = 0;

  /** Comes only after `next` has said that there is no more. */
  add(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#position = 0;
  }

  /** @returns whether there is one more whole frame; where there is none, the chunk and the last frame are let go */
  next(): boolean {
    const isFound = !this.failed && (this.#heldBytes > 0 ? this.#nextHeld() : this.#nextInChunk());
    if (isFound) return true;
    this.bytes = nothing;
    this.#chunk = nothing;
    return false;
  }

  #nextInChunk(): boolean {
    const left = this.#chunk.length - this.#position;
    const whole =
      left < frameHeadBytes ? frameHeadBytes : this.#wholeAt(this.#chunk, this.#position);
    if (whole === undefined) return false;
    if (left < whole) {
      if (left > 0) this.#hold(whole);
      return false;
    }
    this.#found(this.#chunk, this.#position, whole);
    this.#position += whole;
    return true;
  }

  /** Bytes of the frame whose head stands there; undefined: too many. */
  #wholeAt(bytes: Buffer, at: number): number | undefined {
    const length = bytes.readUIntBE(at, 3);
    if (length <= maxPayloadBytes) return frameHeadBytes + length;
    this.failed = true;
    return undefined;
  }

  #found(bytes: Buffer, at: number, whole: number): void {
    this.type = bytes[at + 3] ?? 0;
    this.flags = bytes[at + 4] ?? 0;
    // One bit is reserved.
    this.stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    this.bytes = bytes;
    this.start = at + frameHeadBytes;
    this.end = at + whole;
  }

  /** Copies of the chunk what belongs to a frame of so many bytes. */
  #hold(whole: number): void {
    if (this.#held.length < whole) {
      const grown = Buffer.allocUnsafeSlow(whole);
      this.#held.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    const stop = Math.min(this.#chunk.length, this.#position + whole - this.#heldBytes);
    this.#chunk.copy(this.#held, this.#heldBytes, this.#position, stop);
    this.#heldBytes += stop - this.#position;
    this.#position = stop;
  }

  #nextHeld(): boolean {
    if (this.#heldBytes < frameHeadBytes) this.#hold(frameHeadBytes);
    if (this.#heldBytes < frameHeadBytes) return false;
    const whole = this.#wholeAt(this.#held, 0);
    if (whole === undefined) return false;
    this.#hold(whole);
    if (this.#heldBytes < whole) return false;
    this.#found(this.#held, 0, whole);
    this.#held = nothing;
    this.#heldBytes = 0;
    return true;
  }
}
