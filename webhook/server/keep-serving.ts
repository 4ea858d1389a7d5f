/** What the servers for many strangers have in common: their limits of time, who stays connected, how they begin and end. */
import { lookup } from 'node:dns/promises';
import type { ServerOptions } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import { AppError, messageOf, type ErrorCode } from '#kernel/errors.ts';
import { addressInstead } from '#kernel/every-address.ts';
import { HttpConnections, type ConnectionLimits } from './http-connections.ts';
import { refuseUnreadable, SilentConnections, type SilenceLimits } from './silent-connections.ts';

export interface TimeLimits {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly socketTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** Milliseconds for which serving continues after a stop was requested. */
  readonly drainMs: number;
  /** Milliseconds after the drain until open connections are cut. */
  readonly closeMs: number;
}

export type AnyApp = FastifyInstance | FastifyInstance<HttpsServer>;

/** Supported API servers speak TLS 1.2 at least, as programs that are kept up to date do; 1.3 is chosen where both sides can. */
export const minTlsVersion = 'TLSv1.2';

/** Milliseconds between checks for timed-out connections; with Node's 30 s they would live that long. */
const connectionCheckMs = 1_000;

type FrameworkTimes = Required<
  Pick<
    FastifyServerOptions,
    | 'clientErrorHandler'
    | 'connectionTimeout'
    | 'forceCloseConnections'
    | 'keepAliveTimeout'
    | 'requestTimeout'
    | 'return503OnClosing'
  >
>;

/** Options of the framework. */
export function frameworkTimes(limits: TimeLimits): FrameworkTimes {
  return {
    connectionTimeout: limits.socketTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    forceCloseConnections: 'idle',
    // Requests that arrive on an open connection while it closes are still answered.
    return503OnClosing: false,
    clientErrorHandler: refuseUnreadable,
  };
}

type ServerTimes = Required<
  Pick<ServerOptions, 'connectionsCheckingInterval' | 'headersTimeout' | 'requestTimeout'>
>;

/** Options of Node's server under it. */
export function serverTimes(limits: TimeLimits): ServerTimes {
  return {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: connectionCheckMs,
  };
}

/**
 * No limit in the server itself: it would turn new connections away and keep the silent ones.
 * @returns those that Node.js does not end with the idle ones
 */
export function keepConnections(
  app: AnyApp,
  limits: ConnectionLimits & SilenceLimits,
  onDisplaced: () => void,
): SilentConnections {
  const { server } = app;
  const connections = new HttpConnections(limits, onDisplaced);
  const silent = new SilentConnections(server, limits);
  server.on('connection', (socket: Socket) => {
    // A connection that is reset before its handshake, or after it, is not our error.
    socket.on('error', () => undefined);
    connections.opened(socket);
  });
  server.on('request', ({ socket }, response) => {
    connections.asked(socket);
    response.once('finish', () => {
      connections.answered(socket);
    });
  });
  return silent;
}

export interface ListenPlace {
  /** A name stands for the first of its addresses: for `localhost` Fastify would open servers that nobody watches, one for each other address. */
  readonly host: string;
  /** 0 chooses a free one. */
  readonly port: number;
}

/** @returns the port. @throws {AppError} with `refusal` as its code where the address cannot be listened on; the app is closed then */
export async function listenOn(
  app: AnyApp,
  { host, port }: ListenPlace,
  refusal: ErrorCode,
): Promise<number> {
  try {
    const { address } = await lookup(host);
    await app.listen({ host: address, port });
  } catch (thrown) {
    const instead = addressInstead(host, thrown);
    if (instead !== undefined) return listenOn(app, { host: instead, port }, refusal);
    await app.close();
    const message = `cannot listen on ${host}:${port}: ${messageOf(thrown)}`;
    throw new AppError(refusal, message, { cause: thrown });
  }
  // A TCP server has an AddressInfo; the text form is for Unix sockets only.
  return (app.server.address() as AddressInfo).port;
}

/** Ends what is idle, lets requests under way be answered, and cuts what is left after `closeMs`. */
export async function closeWithin(
  app: AnyApp,
  silent: SilentConnections | undefined,
  closeMs: number,
): Promise<void> {
  await silent?.endIdle();
  const cut = setTimeout(() => {
    app.server.closeAllConnections();
  }, closeMs);
  await app.close();
  clearTimeout(cut);
}
