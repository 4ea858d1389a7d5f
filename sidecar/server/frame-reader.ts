/**
 * Reads gRPC messages out of chunks as they come. A message that lies in one chunk is read where it is. Of one that does
 * not, every byte is counted from the first on, and copied: a chunk of one byte may be a part of a read of 64 kB, all of
 * which would stay in memory with it. The copy grows by half, so that the work is linear however small the chunks are.
 */
import type { ByteBudget } from './byte-budget.ts';
import {
  fault,
  grpcStatus,
  incomplete,
  messageEnd,
  prefixBytes,
  type Framing,
} from './grpc-wire.ts';

const nothing = Buffer.alloc(0);
/** Bytes of the first copy. */
const firstCapacity = 256;

export class FrameReader {
  readonly #maxMessageBytes: number;
  readonly #budget: ByteBudget;
  /** What was added last, and where the next byte is read in it. */
  #chunk: Buffer = nothing;
  #position = 0;
  /** The beginning of an unfinished message, in a buffer that may be longer. */
  #held: Buffer = nothing;
  #heldBytes = 0;

  constructor(maxMessageBytes: number, budget: ByteBudget) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#budget = budget;
  }

  /** Comes only after `next` has said `incomplete`. */
  add(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#position = 0;
  }

  /** Bytes were added that no message has used. */
  get hasRest(): boolean {
    return this.#heldBytes > 0 || this.#position < this.#chunk.length;
  }

  /** The next whole message; `incomplete` until more is added. After a fault nothing can be read any more. */
  next(): Framing {
    return this.#heldBytes === 0 ? this.#nextInChunk() : this.#nextHeld();
  }

  /** Lets go of everything. */
  close(): void {
    this.#budget.give(this.#held.length);
    this.#held = nothing;
    this.#heldBytes = 0;
    this.#chunk = nothing;
    this.#position = 0;
  }

  #nextInChunk(): Framing {
    const rest = this.#chunk.subarray(this.#position);
    const end = messageEnd(rest, this.#maxMessageBytes);
    if (typeof end === 'object') return end;
    if (rest.length < end) return this.#hold(end);
    this.#position += end;
    this.#letGoOfUsed();
    return { kind: 'message', message: rest.subarray(prefixBytes, end) };
  }

  #nextHeld(): Framing {
    for (;;) {
      const end = messageEnd(this.#held.subarray(0, this.#heldBytes), this.#maxMessageBytes);
      if (typeof end === 'object') return end;
      if (this.#heldBytes === end) return this.#release(end);
      if (this.#position === this.#chunk.length) return this.#hold(end);
      const held = this.#hold(end);
      if (held.kind === 'fault') return held;
    }
  }

  #release(end: number): Framing {
    const message = this.#held.subarray(prefixBytes, end);
    this.#budget.give(this.#held.length);
    this.#held = nothing;
    this.#heldBytes = 0;
    return { kind: 'message', message };
  }

  /** Copies what the chunk has of a message that ends after `end` bytes. */
  #hold(end: number): Framing {
    const stop = Math.min(this.#chunk.length, this.#position + end - this.#heldBytes);
    const needed = this.#heldBytes + stop - this.#position;
    if (needed > this.#held.length && !this.#grow(needed, end))
      return fault(grpcStatus.resourceExhausted, 'too many unfinished messages');
    this.#chunk.copy(this.#held, this.#heldBytes, this.#position, stop);
    this.#heldBytes = needed;
    this.#position = stop;
    this.#letGoOfUsed();
    return incomplete;
  }

  /** A chunk that was read to its end may be a small part of a large read. */
  #letGoOfUsed(): void {
    if (this.#position < this.#chunk.length) return;
    this.#chunk = nothing;
    this.#position = 0;
  }

  /** By half of its size where the budget allows it, otherwise by what is left: either way few copies are made. */
  #grow(needed: number, end: number): boolean {
    const { length } = this.#held;
    const wanted = Math.min(end, Math.max(firstCapacity, Math.ceil(length * 1.5)));
    const capacity = Math.max(needed, Math.min(wanted, length + this.#budget.left));
    if (!this.#budget.take(capacity - length)) return false;
    // Not out of a pool that others share: what is counted is what is kept.
    const grown = Buffer.allocUnsafeSlow(capacity);
    this.#held.copy(grown, 0, 0, this.#heldBytes);
    this.#held = grown;
    return true;
  }
}
