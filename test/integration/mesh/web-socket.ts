/** The two ends of a WebSocket, without its frames: what is sent after the handshake comes back. */
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

export interface Handshake {
  readonly headers: IncomingHttpHeaders;
  /** What came before the app had answered. */
  readonly early: string;
}

/** Has an app agree to each upgrade, and send back what comes; but at `/refuses`, where it answers with 200 after a while. */
export function acceptWebSockets(app: Server, seen: Handshake[]): void {
  app.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    let early = head.toString();
    // A peer that goes away is what some tests want.
    socket.on('error', () => undefined);
    if (request.url !== '/refuses') {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
      );
      socket.pipe(socket);
      seen.push({ headers: request.headers, early });
      return;
    }
    socket.on('data', (bytes: Buffer) => (early += bytes.toString()));
    setTimeout(() => {
      seen.push({ headers: request.headers, early });
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    }, 300);
  });
}

export interface WebSocketRequest {
  readonly path?: string;
  /** Lines. */
  readonly headers?: readonly string[];
  /** Default: websocket. */
  readonly upgrade?: string;
  /** Sent at once, with the request. */
  readonly early?: string;
}

/** @returns the status line, and what came back of what was sent after it */
export function openWebSocket(
  socket: Duplex,
  { path = '/', headers = [], upgrade = 'websocket', early = '' }: WebSocketRequest,
): Promise<string> {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'host: backend',
    'connection: Upgrade',
    `upgrade: ${upgrade}`,
    'sec-websocket-version: 13',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ];
  const said = 'PING';
  return new Promise((resolve) => {
    let text = '';
    const done = (): void => {
      resolve(`${text.split('\r\n', 1)[0] ?? ''} ${text.includes(said) ? said : ''}`.trim());
      socket.destroy();
    };
    socket.on('data', (bytes: Buffer) => {
      const before = text;
      text += bytes.toString();
      const isAnswered = text.includes('\r\n\r\n');
      const hasAgreed = text.startsWith('HTTP/1.1 101');
      if (text.includes(said) || (isAnswered && !hasAgreed)) done();
      else if (isAnswered && !before.includes('\r\n\r\n')) socket.write(said);
    });
    socket.on('error', done);
    socket.on('close', done);
    socket.write(`${lines.join('\r\n')}\r\n\r\n${early}`);
  });
}
