/** As much of HTTP/1.1 as probes and scrapers need: one request head, one response, then the connection is closed. */
import type { Socket } from 'node:net';

export interface RequestHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
}

export interface TextAnswer {
  readonly status: 200 | 400 | 404 | 405 | 431 | 503;
  readonly body: string;
}

/** Bytes of a head; the kubelet and Prometheus send under 1 kB. */
export const maxHeadBytes = 8_192;

const reasons: Readonly<Record<TextAnswer['status'], string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
};
const requestLine = /^([A-Z]{1,16}) (\/[\x21-\x7e]*) HTTP\/1\.[01]$/;

/** Collects a head out of chunks, in time linear in their bytes. */
export class HeadReader {
  /** Chunks are bytes of a head, one character each. */
  #text = '';

  /** The request once its head is whole; `more` until then. A body is not waited for: nothing here reads one. */
  add(chunk: Buffer): RequestHead | 'more' | 'malformed' | 'too_long' {
    // Only the end of what was there before can be part of the mark that is looked for.
    const from = Math.max(0, this.#text.length - 3);
    const room = maxHeadBytes - this.#text.length;
    this.#text += chunk.toString('latin1', 0, room);
    const lineEnd = this.#text.indexOf('\r\n');
    if (this.#text.indexOf('\r\n\r\n', from) !== -1) return readLine(this.#text.slice(0, lineEnd));
    return chunk.length >= room ? 'too_long' : 'more';
  }
}

function readLine(line: string): RequestHead | 'malformed' {
  const [, method, target] = requestLine.exec(line) ?? [];
  if (method === undefined || target === undefined) return 'malformed';
  return { method, path: target.split('?', 1)[0] ?? '' };
}

/** Sends an answer and lets the client close; what it still sends is thrown away. */
export function sendText(socket: Socket, { status, body }: TextAnswer, isHead = false): void {
  const head = [
    `HTTP/1.1 ${status} ${reasons[status]}`,
    'content-type: text/plain; version=0.0.4; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${isHead ? '' : body}`);
}
