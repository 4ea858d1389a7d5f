/**
 * Connections on which nothing was asked yet. HTTP clients keep some: Go's opens one for a request that another connection
 * then takes, and puts it aside. Such a connection is as idle as one between two requests, and stays as long.
 */
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { setImmediate as afterReading } from 'node:timers/promises';

export interface SilenceLimits {
  /** Milliseconds after which an idle connection ends. */
  readonly keepAliveTimeoutMs: number;
  /** Milliseconds without a byte in either direction after which a connection that is in use ends. */
  readonly socketTimeoutMs: number;
  /** Milliseconds for the headers of a request. */
  readonly headersTimeoutMs: number;
}

/** Whether no byte of a request has come; those of a TLS handshake are not counted. */
function isSilent(socket: Pick<Socket, 'bytesRead'>): boolean {
  return socket.bytesRead === 0;
}

export class SilentConnections {
  readonly #server: HttpServer | HttpsServer;
  readonly #limits: SilenceLimits;
  /** Those without a whole head of a request, and what ends them. */
  readonly #all = new Map<Socket, NodeJS.Timeout>();

  constructor(server: HttpServer | HttpsServer, limits: SilenceLimits) {
    this.#server = server;
    this.#limits = limits;
    const isTls = 'setSecureContext' in server;
    server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#add(socket);
    });
    server.prependListener('request', ({ socket }) => {
      if (this.#forget(socket)) socket.setTimeout(limits.socketTimeoutMs);
    });
  }

  /** Ends all that are idle, but for those on which a request has come by now: it is read first. */
  async endIdle(): Promise<void> {
    // What was sent before the first of these is read before the second.
    await afterReading();
    await afterReading();
    this.#server.closeIdleConnections();
    // Node.js does not count them among the idle ones.
    for (const socket of this.#all.keys()) if (isSilent(socket)) socket.destroy();
  }

  #add(socket: Socket): void {
    // Not its own time-out, which each byte would begin anew.
    socket.setTimeout(0);
    this.#endAfter(socket, this.#limits.keepAliveTimeoutMs);
    socket.once('close', () => {
      this.#forget(socket);
    });
  }

  /** Whoever has begun just then has time for the rest; empty lines, of which Node.js takes no notice, are no beginning. */
  #endAfter(socket: Socket, ms: number, isLast = false): void {
    const end = setTimeout(() => {
      if (isLast || isSilent(socket)) socket.destroy();
      else this.#endAfter(socket, this.#limits.headersTimeoutMs, true);
    }, ms);
    this.#all.set(socket, end);
  }

  #forget(socket: Socket): boolean {
    clearTimeout(this.#all.get(socket));
    return this.#all.delete(socket);
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
