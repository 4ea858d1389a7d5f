/** gRPC over HTTP/2, the parts that a unary server needs. @see grpc PROTOCOL-HTTP2.md */

/** google.rpc.Code values that this server answers with. */
export const grpcStatus = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** One byte of flags and four of length stand before each message. */
const prefixBytes = 5;

/** A message with its prefix, uncompressed. */
export function frameMessage(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  message.copy(framed, prefixBytes);
  return framed;
}

export type Framing =
  /** More bytes must come. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'message'; readonly message: Buffer }
  | { readonly kind: 'fault'; readonly code: number; readonly words: string };

const incomplete: Framing = { kind: 'incomplete' };

/** Reads the one message of a unary request out of what has come so far. */
export function readFrame(body: Buffer, maxMessageBytes: number): Framing {
  if (body.length < prefixBytes) return incomplete;
  if (body[0] !== 0) {
    return fault(grpcStatus.unimplemented, 'compressed messages are not supported');
  }
  const length = body.readUInt32BE(1);
  if (length > maxMessageBytes) {
    return fault(grpcStatus.resourceExhausted, `a message may have ${maxMessageBytes} bytes`);
  }
  const end = prefixBytes + length;
  if (body.length < end) return incomplete;
  if (body.length > end)
    return fault(grpcStatus.internal, 'a unary call has one message, and more came');
  return { kind: 'message', message: body.subarray(prefixBytes, end) };
}

/** Reads the messages of a stream out of chunks as they come. */
export class FrameReader {
  readonly #maxMessageBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes of the unfinished message. */
  get waitingBytes(): number {
    return this.#rest.length;
  }

  add(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /** The next whole message; `incomplete` until more is added. After a fault nothing can be read any more. */
  next(): Framing {
    const length = this.#rest.length < prefixBytes ? 0 : this.#rest.readUInt32BE(1);
    const framing = readFrame(this.#rest.subarray(0, prefixBytes + length), this.#maxMessageBytes);
    if (framing.kind === 'message') this.#rest = this.#rest.subarray(prefixBytes + length);
    return framing;
  }
}

function fault(code: number, words: string): Framing {
  return { kind: 'fault', code, words };
}

/** Milliseconds of each unit of `grpc-timeout`. */
const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** Milliseconds of a `grpc-timeout` header (at most eight digits and a unit), or undefined when there is none that can be read. */
export function timeoutMs(header: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header ?? '') ?? [];
  const factor = unitMs[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}
