/** Clients of the real HTTPS server on loopback. */
import { request, type Agent } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';

interface Answer {
  readonly code: number;
  readonly text: string;
  readonly connection: string | undefined;
}

interface Call {
  readonly port: number;
  readonly body?: string;
  readonly agent?: Agent;
  readonly path?: string;
}

export function call({ port, body, agent, path = '/mutate' }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers:
          body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        rejectUnauthorized: false,
        ...(agent === undefined ? {} : { agent }),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          resolve({
            code: response.statusCode ?? 0,
            text,
            connection: response.headers.connection,
          });
        });
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

export function handshake(port: number, options: object = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port, rejectUnauthorized: false, ...options },
      () => {
        resolve(socket);
      },
    );
    socket.on('error', reject);
  });
}

/** What comes back on a connection, once it has ended. */
export function allOf(socket: TLSSocket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve) => {
    socket.on('close', () => {
      resolve(text);
    });
  });
}
