/**
 * How a gRPC call ended: as the other side says it in headers, or as it follows from HTTP where it says nothing.
 * @see grpc PROTOCOL-HTTP2.md; grpc http-grpc-status-mapping.md
 */
import { own } from '#kernel/members.ts';
import { http2Errors } from '../http2/http2-frames.ts';
import type { AnswerFields } from './answer-fields.ts';

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
export function endInHeaders(fields: AnswerFields): CallEnd | undefined {
  const code = fields.get('grpc-status');
  if (code === undefined) return undefined;
  const details = percentDecoded((fields.get('grpc-message') ?? '').slice(0, 3 * maxDetails));
  const name = /^\d{1,2}$/.test(code) ? names[Number(code)] : undefined;
  return callEnd(name ?? 'UNKNOWN', details);
}

/** Whoever answers like this speaks no gRPC, or stands in front of what does; undefined where the answer is one of gRPC. */
export function endWithoutGrpc(fields: AnswerFields): CallEnd | undefined {
  const http = fields.get(':status') ?? 'that is missing';
  if (http !== '200')
    return callEnd(own(ofHttp, http) ?? 'UNKNOWN', `HTTP status ${http} and no status of gRPC`);
  const type = fields.get('content-type');
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

const ofReset: ReadonlyMap<number, CallEnd> = new Map<number, CallEnd>([
  [http2Errors.none, callEnd('UNKNOWN', 'the call ended without a status')],
  [http2Errors.cancel, callEnd('UNAVAILABLE', 'the agent ended the call')],
  [http2Errors.refusedStream, callEnd('UNAVAILABLE', 'the agent refused the call')],
  [http2Errors.enhanceYourCalm, callEnd('RESOURCE_EXHAUSTED', 'it was too much')],
]);

/** What is no percent-encoding stays as it is. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
