/**
 * Writing to a stream that its client may have reset a moment ago. Node throws then, and between a look at the stream and
 * the call it can close all the same; so each call here looks first, and what is thrown nevertheless ends that stream alone.
 */
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { grpcStatus } from './grpc-wire.ts';

/** What every gRPC answer begins with. */
export const answerHeaders = { ':status': 200, 'content-type': 'application/grpc' } as const;

/** A stream on which an answer can still begin. */
function isUnanswered(stream: ServerHttp2Stream): boolean {
  return isOpen(stream) && !stream.headersSent;
}

function isOpen(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed;
}

/** @returns whether it happened */
function attempt(stream: ServerHttp2Stream, act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    // The stream was closed meanwhile, or this runtime's HTTP/2 does not allow it now: no client waits for this answer any more.
    stream.destroy();
    return false;
  }
}

/** Begins an answer. @returns whether the client is still there */
export function beginAnswer(
  stream: ServerHttp2Stream,
  headers: OutgoingHttpHeaders,
  options: { endStream?: boolean; waitForTrailers?: boolean; sendDate?: boolean } = {},
): boolean {
  if (!isUnanswered(stream)) return false;
  return attempt(stream, () => {
    stream.respond(headers, options);
  });
}

export function writeAnswer(stream: ServerHttp2Stream, bytes: Buffer): boolean {
  if (!isOpen(stream) || stream.writableEnded) return false;
  return attempt(stream, () => stream.write(bytes));
}

export function endAnswer(stream: ServerHttp2Stream, bytes?: Buffer | string): boolean {
  if (!isOpen(stream) || stream.writableEnded) return false;
  return attempt(stream, () => stream.end(bytes));
}

export function sendTrailers(stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders): void {
  if (isOpen(stream))
    attempt(stream, () => {
      stream.sendTrailers(trailers);
    });
}

/** Answers with a status and no message. @param words ASCII */
export function refuseCall(stream: ServerHttp2Stream, code: number, words: string): void {
  const message = encodeURI(words);
  const headers = { ...answerHeaders, 'grpc-status': String(code), 'grpc-message': message };
  beginAnswer(stream, headers, { endStream: true });
}

/** What still comes is not wanted. */
export function closeStream(stream: ServerHttp2Stream, code = constants.NGHTTP2_NO_ERROR): void {
  if (isOpen(stream))
    attempt(stream, () => {
      stream.close(code);
    });
}

/**
 * Calls a listener with what it throws caught: an event of one stream must not end the process.
 * @param onFault gets what was thrown; the stream is refused and closed
 */
export function guarded<A extends readonly unknown[]>(
  stream: ServerHttp2Stream,
  onFault: (thrown: unknown) => void,
  listener: (...args: A) => void,
): (...args: A) => void {
  return (...args) => {
    try {
      listener(...args);
    } catch (thrown) {
      onFault(thrown);
      refuseCall(stream, grpcStatus.internal, 'the call failed');
      closeStream(stream, constants.NGHTTP2_INTERNAL_ERROR);
    }
  };
}
