/** The webhook's HTTPS server: start, follow the certificate, stop without losing a review. */
import { setTimeout as wait } from 'node:timers/promises';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Server } from 'node:https';
import type { Clock } from '#kernel/clock.ts';
import { AppError } from '#kernel/errors.ts';
import { webhookApp } from './app.ts';
import { CallerCheck, type CallerTrust } from './callers.ts';
import {
  closeWithin,
  frameworkTimes,
  keepConnections,
  listenOn,
  minTlsVersion,
  serverTimes,
} from './keep-serving.ts';
import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import { Metrics } from './metrics.ts';
import { BodyReader } from './read-body.ts';
import type { SilentConnections } from './silent-connections.ts';
import type { CertificateSource, ServingPair } from '../../certs/certificate-ports.ts';
import type { Reviewer } from './reviewer.ts';
import type { MetricFamily, Log } from '#kernel/observe.ts';

export interface ServerOptions {
  /** The reviewer of the newest good configuration; asked for each review. */
  readonly reviewer: () => Reviewer;
  /** What is still missing before reviews can be answered, in words; empty = ready. */
  readonly ready: () => readonly string[];
  /** Why reviews should not be sent here although they can be answered; empty = no reason. */
  readonly unready?: () => readonly string[];
  readonly certificates: CertificateSource;
  /** Served until there is a certificate, so that liveness probes succeed. */
  readonly placeholder?: ServingPair;
  /** Who may request reviews; undefined = anybody. Called at the start and by `callersChanged`. */
  readonly callers?: () => CallerTrust | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<Limits>;
  /** Metrics of other folders for `/metrics`. */
  readonly metrics?: () => readonly MetricFamily[];
}

export class WebhookServer {
  readonly #options: ServerOptions;
  readonly #limits: Limits;
  readonly #callers: CallerCheck;
  #app: FastifyInstance<Server> | undefined;
  #silent: SilentConnections | undefined;
  #stopped: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#callers = new CallerCheck(options.callers?.());
  }

  /**
   * Listens with the newest certificate, or with the placeholder until there is one. Port 0 chooses a free one.
   * @returns the port. @throws {AppError} CERTIFICATE_INVALID without either, USAGE when the address is taken.
   */
  async start(host: string, port: number): Promise<number> {
    const { certificates, placeholder } = this.#options;
    const pair = certificates.current() ?? placeholder;
    if (pair === undefined) {
      throw new AppError('CERTIFICATE_INVALID', 'there is no serving certificate yet');
    }
    const app = createApp(pair, this.#limits, this.#callers.authorities());
    // Handshakes in progress continue with the pair they began with; open connections are not touched.
    const unfollow = certificates.onChange((newer) => {
      this.#present(newer);
    });
    app.addHook('onClose', (_app, done) => {
      unfollow();
      done();
    });
    const appOptions = this.#appOptions();
    void app.register(webhookApp, appOptions);
    this.#silent = keepConnections(app, this.#limits, () => {
      appOptions.metrics.displaced.inc();
    });
    app.server.on('connection', (socket) => {
      this.#callers.opened(socket);
    });
    this.#app = app;
    return await listenOn(app, { host, port }, 'USAGE');
  }

  /**
   * Reports "not ready", keeps serving while the cluster removes us from its endpoints, then closes every connection.
   * Takes at most `drainMs + closeMs`. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    const app = this.#app;
    if (app === undefined) return;
    await wait(this.#limits.drainMs);
    await closeWithin(app, this.#silent, this.#limits.closeMs);
  }

  /** To be called when `callers` may have changed. Idle connections end, so that their next review is checked again. */
  callersChanged(): void {
    const { callers, certificates, placeholder } = this.#options;
    if (!this.#callers.change(callers?.())) return;
    const pair = certificates.current() ?? placeholder;
    if (pair !== undefined) this.#present(pair);
    void this.#silent?.endIdle();
  }

  #present({ certificate: cert, key }: ServingPair): void {
    const ca = this.#callers.authorities();
    this.#app?.server.setSecureContext({ cert, key, minVersion: minTlsVersion, ca });
  }

  /** What `/readyz` would name; empty = ready. */
  missing(): readonly string[] {
    const { certificates, clock, ready, unready } = this.#options;
    return [...certificateFault(certificates, clock), ...(unready?.() ?? []), ...ready()];
  }

  #appOptions(): Parameters<typeof webhookApp>[1] {
    const { reviewer, ready, certificates, log, metrics: others } = this.#options;
    const cut = (): void => {
      metrics.cut.inc();
    };
    const bodies = new BodyReader({ limits: this.#limits, log, cut });
    const metrics = new Metrics({
      certificateNotAfter: () => certificates.current()?.notAfter ?? Number.NaN,
      isReady: () => this.missing().length === 0,
      largeWaiting: () => bodies.waiting,
      others: others ?? ((): readonly MetricFamily[] => []),
    });
    return {
      reviewer,
      ready,
      missing: () => this.missing(),
      callerFault: (socket) => this.#callers.fault(socket),
      stopping: () => this.#stopping.signal.aborted,
      limits: this.#limits,
      bodies,
      metrics,
      log,
    };
  }
}

/** With an expired certificate no API server talks to us: other replicas may do better. */
function certificateFault(certificates: CertificateSource, clock: Clock): readonly string[] {
  const pair = certificates.current();
  if (pair === undefined) return ['the serving certificate'];
  if (pair.notAfter * 1000 > clock.now()) return [];
  const ended = new Date(pair.notAfter * 1000).toISOString();
  return [`a serving certificate that has not expired (this one did at ${ended})`];
}

function createApp(pair: ServingPair, limits: Limits, ca: string[]): FastifyInstance<Server> {
  return fastify({
    // One line for each request costs 40 % of the throughput; errors are logged by the app.
    logger: false,
    ...frameworkTimes(limits),
    https: {
      ...serverTimes(limits),
      cert: pair.certificate,
      key: pair.key,
      ca,
      // Probes and scrapes have no certificate; the route that requires one checks for it.
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: minTlsVersion,
      handshakeTimeout: limits.handshakeTimeoutMs,
    },
  });
}
