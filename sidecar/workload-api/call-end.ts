/**
 * How a gRPC call ended: as the other side says it in headers, or as it follows from HTTP where it says nothing.
 * @see grpc PROTOCOL-HTTP2.md; grpc http-grpc-status-mapping.md
 */
import { constants, type IncomingHttpHeaders } from 'node:http2';
import { own } from '#kernel/members.ts';

/** google.rpc.Code, by number. */
const names = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;
export type CallStatus = (typeof names)[number];

export interface CallEnd {
  /** What a server invents is `UNKNOWN`. */
  readonly status: CallStatus;
  readonly details: string;
}

/** Characters of a server's words that are kept. */
const maxDetails = 1_024;

export function callEnd(status: CallStatus, details: string): CallEnd {
  return { status, details: details.slice(0, maxDetails) };
}

/** Of trailers, or of the headers of an answer that has nothing but them; undefined where no status stands in them. */
export function endInHeaders(headers: IncomingHttpHeaders): CallEnd | undefined {
  const code = headers['grpc-status'];
  if (code === undefined) return undefined;
  const said = headers['grpc-message'];
  const details = typeof said === 'string' ? percentDecoded(said.slice(0, 3 * maxDetails)) : '';
  const name = /^\d{1,2}$/.test(String(code)) ? names[Number(code)] : undefined;
  return callEnd(name ?? 'UNKNOWN', details);
}

/** Whoever answers like this speaks no gRPC, or stands in front of what does; undefined where the answer is one of gRPC. */
export function endWithoutGrpc(headers: IncomingHttpHeaders): CallEnd | undefined {
  const http = String(headers[':status']);
  if (http !== '200')
    return callEnd(own(ofHttp, http) ?? 'UNKNOWN', `HTTP status ${http} and no status of gRPC`);
  const type = headers['content-type'];
  if (type?.startsWith('application/grpc') === true) return undefined;
  return callEnd('UNKNOWN', `the answer is no gRPC, but ${type ?? 'of no content type'}`);
}

const ofHttp: Readonly<Record<string, CallStatus>> = {
  400: 'INTERNAL',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'UNIMPLEMENTED',
  429: 'UNAVAILABLE',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
};

/** Of a stream that was reset, or that ended without any status. @param code HTTP/2 error code */
export function endOfReset(code: number): CallEnd {
  return (
    ofReset.get(code) ?? callEnd('INTERNAL', `the call was reset with the HTTP/2 error ${code}`)
  );
}

const ofReset: ReadonlyMap<number, CallEnd> = new Map([
  [constants.NGHTTP2_NO_ERROR, callEnd('UNKNOWN', 'the call ended without a status')],
  // Both runtimes say so of a connection that ends as well.
  [constants.NGHTTP2_CANCEL, callEnd('UNAVAILABLE', 'the agent ended the connection or the call')],
  [constants.NGHTTP2_REFUSED_STREAM, callEnd('UNAVAILABLE', 'the agent refused the call')],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, callEnd('RESOURCE_EXHAUSTED', 'it was too much')],
]);

/** What is no percent-encoding stays as it is. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
