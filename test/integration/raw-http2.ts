/** HTTP/2 requests as no well-behaved client sends them, to a server on a Unix socket. */
import * as http2 from 'node:http2';
import * as net from 'node:net';

/** What came of a request. */
export interface Seen {
  /** NaN where no answer came. */
  readonly http: number;
  /** `grpc-status`, of the trailers or of an answer without a message. */
  readonly grpc: string | undefined;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

export function connectTo(socket: string): http2.ClientHttp2Session {
  const session = http2.connect('http://helper', { createConnection: () => net.connect(socket) });
  session.on('error', () => undefined);
  return session;
}

/** Sends parts as DATA frames of their own, and waits for the stream's end. */
export function sendRaw(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  parts: readonly Buffer[] = [],
): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers);
    let head: http2.IncomingHttpHeaders = {};
    let grpc: string | undefined;
    const chunks: Buffer[] = [];
    stream.on('response', (response: http2.IncomingHttpHeaders) => {
      head = response;
      grpc = response['grpc-status']?.toString();
    });
    stream.on('trailers', (trailers: http2.IncomingHttpHeaders) => {
      grpc = trailers['grpc-status']?.toString();
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      resolve({ http: Number(head[':status']), grpc, headers: head, body: Buffer.concat(chunks) });
    });
    const send = async (): Promise<void> => {
      for (const part of parts) {
        await new Promise((done) => stream.write(part, done));
        await new Promise((done) => setTimeout(done, 5));
      }
      stream.end();
    };
    void send();
  });
}
