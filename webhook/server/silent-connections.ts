/**
 * Connections on which nothing was said yet. HTTP clients keep some: Go's opens one for a request that another connection
 * then takes, and puts it aside. Such a connection is as idle as one between two requests, and stays as long.
 */
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';

export interface SilenceLimits {
  /** Milliseconds after which an idle connection ends. */
  readonly keepAliveTimeoutMs: number;
  /** Milliseconds without a byte in either direction after which a connection that is in use ends. */
  readonly socketTimeoutMs: number;
}

/** Whether no byte of a request has come; those of a TLS handshake are not counted. */
function isSilent(socket: Pick<Socket, 'bytesRead'>): boolean {
  return socket.bytesRead === 0;
}

export class SilentConnections {
  readonly #all = new Set<Socket>();

  constructor(server: HttpServer | HttpsServer, limits: SilenceLimits) {
    server.on(
      'setSecureContext' in server ? 'secureConnection' : 'connection',
      (socket: Socket) => {
        this.#all.add(socket);
        socket.setTimeout(limits.keepAliveTimeoutMs);
        socket.once('close', () => {
          this.#all.delete(socket);
        });
      },
    );
    server.prependListener('request', ({ socket }) => {
      if (this.#all.delete(socket)) socket.setTimeout(limits.socketTimeoutMs);
    });
  }

  /** Node.js does not count them among the idle ones that it closes. */
  end(): void {
    for (const socket of this.#all) if (isSilent(socket)) socket.destroy();
  }
}

const timedOut = 'ERR_HTTP_REQUEST_TIMEOUT';
/** By Node's codes. */
const refusals: ReadonlyMap<string, string> = new Map([
  [timedOut, '408 Request Timeout'],
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
]);

/**
 * Answers what Node.js cannot read as a request, or did not get in time, and ends the connection. Not a silent one: its time
 * counts from the handshake, and a 408 would be taken for the answer to the first request. Node.js counts anew once that begins.
 */
export function refuseUnreadable(error: Error & { readonly code?: string }, socket: Socket): void {
  const { code = '' } = error;
  if (code === timedOut && isSilent(socket)) return;
  const status = refusals.get(code) ?? '400 Bad Request';
  if (socket.writable)
    socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.destroy();
}
