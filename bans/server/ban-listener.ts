/** One address on which the service for bans listens: start, follow the certificate, stop without losing an answer. */
import { constants } from 'node:crypto';
import type { Server as HttpsServer } from 'node:https';
import { fastify, type FastifyInstance } from 'fastify';
import type { CertificateSource, ServingPair } from '../../certs/certificate-ports.ts';
import {
  closeWithin,
  keepConnections,
  listenOn,
  minTlsVersion,
  serverTimes,
  type AnyApp,
} from '../../webhook/server/keep-serving.ts';
import type { SilentConnections } from '../../webhook/server/silent-connections.ts';
import { banApp, frameworkOptions, type BanAppOptions } from './ban-app.ts';
import type { BanServiceLimits } from './ban-service-limits.ts';

export interface ListenerTls {
  readonly certificates: CertificateSource;
  /** Shown until there is a certificate, so that probes succeed. */
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

export class BanListener {
  readonly #options: BanListenerOptions;
  readonly #app: AnyApp;
  readonly #silent: SilentConnections;
  #unfollow: (() => void) | undefined;

  constructor(options: BanListenerOptions) {
    this.#options = options;
    const { tls, bounds, metrics } = options;
    this.#app = tls === undefined ? plainApp(options) : tlsApp(options, tls);
    this.#silent = keepConnections(this.#app, bounds, () => {
      metrics.displaced.inc();
    });
  }

  /** @returns the port @throws {AppError} LISTEN_FAILED */
  async start(): Promise<number> {
    const { host, port, tls } = this.#options;
    // Handshakes in progress continue with what they began with; open connections are judged anew at each request.
    this.#unfollow = tls?.certificates.onChange((pair) => {
      this.#present(pair, tls);
    });
    return await listenOn(this.#app, { host, port }, 'LISTEN_FAILED');
  }

  /** Takes at most `closeMs`. */
  async stop(): Promise<void> {
    this.#unfollow?.();
    await closeWithin(this.#app, this.#silent, this.#options.bounds.closeMs);
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
    minVersion: minTlsVersion,
    // A resumed session would bring a certificate that was judged by an older bundle.
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(authorities === undefined ? {} : { ca: authorities() }),
  } as const;
}

function serverOptions(bounds: BanServiceLimits) {
  return { maxHeaderSize: bounds.maxHeaderBytes, ...serverTimes(bounds) } as const;
}

function plainApp(options: BanListenerOptions): FastifyInstance {
  const app = fastify({
    ...frameworkOptions(options.bounds),
    http: serverOptions(options.bounds),
  });
  void app.register(banApp, options);
  return app;
}

function tlsApp(options: BanListenerOptions, tls: ListenerTls): FastifyInstance<HttpsServer> {
  const pair = tls.certificates.current() ?? tls.placeholder;
  const app = fastify({
    ...frameworkOptions(options.bounds),
    https: {
      ...serverOptions(options.bounds),
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
