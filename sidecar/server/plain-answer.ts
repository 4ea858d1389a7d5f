/** Answers for clients that speak something else, and pages for those that ask for one. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { beginAnswer, endAnswer } from './stream-answers.ts';

/** What an HTTP/2 client sends first (RFC 9113 §3.4). */
const prefaceStart = 'PRI ';
const plainAnswer = 'this port speaks gRPC and HTTP/2 with prior knowledge, for Envoy\n';

/** An answer to GET over HTTP/2. */
export interface HttpPage {
  readonly status: number;
  readonly contentType: string;
  readonly cacheControl: string;
  readonly body: string;
}
/** The page at a path, the query left out; undefined where there is none. Must not throw. */
export type Pages = (path: string) => HttpPage | undefined;

export function isPreface(first: Buffer): boolean {
  const start = first.toString('latin1', 0, prefaceStart.length);
  return prefaceStart.startsWith(start);
}

/** Also `application/grpc+proto`, but not `application/grpc-web`. */
export function isGrpc(headers: IncomingHttpHeaders): boolean {
  const type = headers['content-type'];
  return type === 'application/grpc' || /^application\/grpc(?:[+;]|$)/.test(type ?? '');
}

/** To an HTTP/1 client. */
export function answerPlainly(socket: Socket): void {
  socket.end(
    `HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: ${plainAnswer.length}\r\n\r\n${plainAnswer}`,
  );
  // What still comes is thrown away.
  socket.resume();
  socket.setTimeout(1_000, () => {
    socket.destroy();
  });
}

/** Answers GET and HEAD with a page, and anything else with 415. @returns whether there was a page */
export function answerPage(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  pages: Pages,
): boolean {
  const method = headers[':method'];
  const isRead = method === 'GET' || method === 'HEAD';
  const page = isRead ? pages(headers[':path']?.split('?')[0] ?? '') : undefined;
  const { status, contentType, cacheControl, body } = page ?? notGrpc;
  const isBegun = beginAnswer(stream, {
    ':status': status,
    'content-type': contentType,
    'cache-control': cacheControl,
    'content-length': Buffer.byteLength(body),
  });
  return isBegun && endAnswer(stream, method === 'HEAD' ? undefined : body) && page !== undefined;
}

const notGrpc: HttpPage = {
  status: 415,
  contentType: 'text/plain',
  cacheControl: 'no-store',
  body: 'content-type must be application/grpc\n',
};
