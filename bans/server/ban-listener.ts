/** One address on which the service for bans listens: start, follow the certificate, stop without losing an answer. */
import { constants } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { fastify, type FastifyInstance } from 'fastify';
import { AppError, messageOf } from '#kernel/errors.ts';
import { addressInstead } from '#kernel/every-address.ts';
import type { CertificateSource, ServingPair } from '../../certs/certificate-ports.ts';
import { HttpConnections } from '../../webhook/server/http-connections.ts';
import { banApp, frameworkOptions, type BanAppOptions } from './ban-app.ts';
import type { BanServiceLimits } from './ban-service-limits.ts';

export interface ListenerTls {
  readonly certificates: CertificateSource;
  /** ServedPart until there is a certificate, so that probes succeed. */
  readonly placeholder: ServingPair;
  /** PEM of the authorities by which callers' certificates are judged; undefined: none is asked for. */
  readonly authorities: (() => string[]) | undefined;
}

export interface BanListenerOptions extends BanAppOptions {
  readonly host: string;
  /** 0 chooses a free one. */
  readonly port: number;
  readonly tls: ListenerTls | undefined;
}

/** Callers are programs that are kept up to date. */
const minVersion = 'TLSv1.2';
const connectionCheckMs = 1_000;

type AnyServer = HttpServer | HttpsServer;

export class BanListener {
  readonly #options: BanListenerOptions;
  readonly #app: FastifyInstance | FastifyInstance<HttpsServer>;
  #unfollow: (() => void) | undefined;

  constructor(options: BanListenerOptions) {
    this.#options = options;
    const { tls, bounds, metrics } = options;
    this.#app = tls === undefined ? plainApp(options) : tlsApp(options, tls);
    const connections = new HttpConnections(bounds, () => {
      metrics.displaced.inc();
    });
    keepConnections(this.#app.server, connections);
  }

  /** @returns the port @throws {AppError} LISTEN_FAILED */
  async start(): Promise<number> {
    const { host, port, tls } = this.#options;
    // Handshakes in progress continue with what they began with; open connections are judged anew at each request.
    this.#unfollow = tls?.certificates.onChange((pair) => {
      this.#present(pair, tls);
    });
    await listen(this.#app, host, port);
    // A TCP server has an AddressInfo; the text form is for Unix sockets only.
    return (this.#app.server.address() as AddressInfo).port;
  }

  /** Takes at most `closeMs`. */
  async stop(): Promise<void> {
    this.#unfollow?.();
    const cut = setTimeout(() => {
      this.#app.server.closeAllConnections();
    }, this.#options.bounds.closeMs);
    await this.#app.close();
    clearTimeout(cut);
  }

  #present(pair: ServingPair, tls: ListenerTls): void {
    const { server } = this.#app;
    if ('setSecureContext' in server) server.setSecureContext(secureContext(pair, tls));
  }
}

function secureContext({ certificate, key }: ServingPair, { authorities }: ListenerTls) {
  return {
    cert: certificate,
    key,
    minVersion,
    // A resumed session would bring a certificate that was judged by an older bundle.
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(authorities === undefined ? {} : { ca: authorities() }),
  } as const;
}

function timeouts(bounds: BanServiceLimits) {
  return {
    maxHeaderSize: bounds.maxHeaderBytes,
    headersTimeout: bounds.headersTimeoutMs,
    requestTimeout: bounds.requestTimeoutMs,
    connectionsCheckingInterval: connectionCheckMs,
  } as const;
}

function plainApp(options: BanListenerOptions): FastifyInstance {
  const app = fastify({
    ...frameworkOptions(options.bounds),
    http: timeouts(options.bounds),
  });
  void app.register(banApp, options);
  return app;
}

function tlsApp(options: BanListenerOptions, tls: ListenerTls): FastifyInstance<HttpsServer> {
  const pair = tls.certificates.current() ?? tls.placeholder;
  const app = fastify({
    ...frameworkOptions(options.bounds),
    https: {
      ...timeouts(options.bounds),
      ...secureContext(pair, tls),
      // Those who show none, or a wrong one, are refused by the route, in words.
      requestCert: tls.authorities !== undefined,
      rejectUnauthorized: false,
      handshakeTimeout: options.bounds.handshakeTimeoutMs,
    },
  });
  void app.register(banApp, options);
  return app;
}

/** No limit in the server itself: it would turn new connections away and keep the silent ones. */
function keepConnections(server: AnyServer, connections: HttpConnections): void {
  server.on('connection', (socket: Socket) => {
    // A connection that is reset is not our error.
    socket.on('error', () => undefined);
    connections.opened(socket);
  });
  server.on('request', ({ socket }, response) => {
    response.once('finish', () => {
      connections.answered(socket);
    });
  });
}

async function listen(
  app: FastifyInstance | FastifyInstance<HttpsServer>,
  host: string,
  port: number,
): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (thrown) {
    const instead = addressInstead(host, thrown);
    if (instead !== undefined) {
      await listen(app, instead, port);
      return;
    }
    await app.close();
    throw new AppError('LISTEN_FAILED', `cannot listen on ${host}:${port}: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}
