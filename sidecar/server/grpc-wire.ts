/** gRPC over HTTP/2: frames of messages, status codes and time-outs, for unary calls and streams. @see grpc PROTOCOL-HTTP2.md */
import { own } from '#kernel/members.ts';

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
export const prefixBytes = 5;

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

export const incomplete: Framing = { kind: 'incomplete' };

/**
 * Where the message at the beginning of these bytes ends, as far as is known yet: at least behind its prefix. A fault
 * where the prefix is invalid.
 */
export function messageEnd(bytes: Buffer, maxMessageBytes: number): number | Framing {
  if (bytes.length > 0 && bytes[0] !== 0)
    return fault(grpcStatus.unimplemented, 'compressed messages are not supported');
  if (bytes.length < prefixBytes) return prefixBytes;
  const length = bytes.readUInt32BE(1);
  return length > maxMessageBytes
    ? fault(grpcStatus.resourceExhausted, `a message may have ${maxMessageBytes} bytes`)
    : prefixBytes + length;
}

export function fault(code: number, words: string): Framing {
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

/** Milliseconds of a `grpc-timeout` header (at most eight digits and a unit), or undefined when it is absent or malformed. */
export function timeoutMs(header: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header ?? '') ?? [];
  const factor = own(unitMs, unit);
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}
