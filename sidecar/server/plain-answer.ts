/** Answers for clients that speak something else, and pages for those that ask for one. */
import type { Socket } from 'node:net';
import { headerBlock } from '../http2/header-writer.ts';
import type { CallHead } from './call-head.ts';
import type { ServerStream } from './server-stream.ts';

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
export function isGrpc({ contentType }: CallHead): boolean {
  return contentType === 'application/grpc' || /^application\/grpc(?:[+;]|$)/.test(contentType);
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
  stream: ServerStream,
  { method, path }: CallHead,
  pages: Pages,
): boolean {
  const isRead = method === 'GET' || method === 'HEAD';
  const page = isRead ? pages(path.split('?')[0] ?? '') : undefined;
  const { status, contentType, cacheControl, body } = page ?? notGrpc;
  stream.begin(
    headerBlock([
      [':status', String(status)],
      ['content-type', contentType],
      ['cache-control', cacheControl],
      ['content-length', String(Buffer.byteLength(body))],
    ]),
  );
  if (method !== 'HEAD') stream.write(Buffer.from(body));
  stream.end();
  return page !== undefined;
}

const notGrpc: HttpPage = {
  status: 415,
  contentType: 'text/plain',
  cacheControl: 'no-store',
  body: 'content-type must be application/grpc\n',
};
