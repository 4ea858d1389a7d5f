/** The routes of one listener as a Fastify plugin: works under `inject`, HTTP and HTTPS alike. */
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import type { Clock } from '#kernel/clock.ts';
import type { JsonObject } from '#kernel/json.ts';
import { parseStrictObject } from '../../sidecar/jwt/strict-json.ts';
import { Problem } from '../service/problem.ts';
import { operationsOf, type ServiceOperation } from '../service/service-operations.ts';
import { frameworkTimes } from '../../webhook/server/keep-serving.ts';
import type { BanHandlers } from './ban-handlers.ts';
import type { BanServiceLimits } from './ban-service-limits.ts';
import type { BanServiceMetrics } from './ban-service-metrics.ts';
import { addRefusals, answerProblem, urlOf, type RefusalOptions } from './ban-refusals.ts';
import { checkBodyType } from './body-type.ts';
import type { Rates } from './rates.ts';
import type { WhoCalls } from './who-calls.ts';

export interface BanAppOptions extends RefusalOptions {
  readonly handlers: BanHandlers;
  /** Who may read and change bans, and who may ask `/check`. */
  readonly callers: WhoCalls;
  readonly checkers: WhoCalls;
  readonly document: JsonObject;
  readonly rates: Rates;
  readonly bounds: BanServiceLimits;
  readonly metrics: BanServiceMetrics;
  readonly clock: Clock;
  /** What is still missing before requests can be answered, in words; empty = ready. */
  readonly missing: () => readonly string[];
  /** True once a stop was requested: every answer then closes its connection. */
  readonly stopping: () => boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** SPIFFE ID of whoever asks; undefined where nobody is asked. */
    caller: string | undefined;
    /** For metrics. */
    operation: string;
    startedAtMs: number;
  }
}

type FrameworkOptions = Pick<
  FastifyServerOptions,
  'bodyLimit' | 'exposeHeadRoutes' | 'routerOptions'
> &
  ReturnType<typeof frameworkTimes> & {
    readonly logger: false;
    readonly frameworkErrors: (fault: unknown, request: unknown, reply: FastifyReply) => void;
  };

/** What an app with these routes is made with, over HTTP and HTTPS. */
export function frameworkOptions(bounds: BanServiceLimits): FrameworkOptions {
  return {
    logger: false,
    ...frameworkTimes(bounds),
    bodyLimit: bounds.maxBodyBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: bounds.maxHeaderBytes },
    // Where the router cannot read an address, its own words would quote it.
    frameworkErrors: (_fault: unknown, _request: unknown, reply: FastifyReply) => {
      void answerProblem(reply, new Problem('request_malformed', 'its address cannot be read'));
    },
  };
}

export function banApp(app: FastifyInstance, options: BanAppOptions, done: () => void): void {
  addParsers(app, options.bounds);
  addHooks(app, options);
  const handlers = options.handlers.all(options.document);
  for (const operation of operationsOf(options.served))
    app.route({
      method: operation.method,
      url: urlOf(operation),
      exposeHeadRoute: false,
      onRequest: (request) => admit(request, operation, options),
      handler: handlers[operation.id],
    });
  addHealth(app, options);
  addRefusals(app, options);
  done();
}

function addParsers(app: FastifyInstance, { maxBodyBytes, maxFormBytes }: BanServiceLimits): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: maxBodyBytes },
    (_request, bytes, parsed) => {
      // The parser was asked for bytes.
      const body = bytes as Buffer;
      const value = body.length === 0 ? {} : parseStrictObject(body);
      const words = 'it must be a JSON object in UTF-8 that names no member twice';
      if (value === undefined) parsed(new Problem('body_invalid', words));
      else parsed(null, value);
    },
  );
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer', bodyLimit: maxFormBytes },
    (_request, bytes, parsed) => {
      const tokens = new URLSearchParams(bytes.toString('utf8')).getAll('logout_token');
      const [only] = tokens;
      const words = 'it must have the parameter logout_token once';
      if (only === undefined || tokens.length > 1) parsed(new Problem('body_invalid', words));
      else parsed(null, { logout_token: only });
    },
  );
}

function addHooks(app: FastifyInstance, { metrics, stopping }: BanAppOptions): void {
  app.decorateRequest('caller', undefined);
  app.decorateRequest('operation', 'other');
  app.decorateRequest('startedAtMs', 0);
  app.addHook('onRequest', (request, reply, next) => {
    request.startedAtMs = performance.now();
    // Lists name people, and logouts must be carried out each time (Back-Channel Logout 1.0 §2.8).
    reply.header('cache-control', 'no-store');
    if (stopping()) reply.header('connection', 'close');
    next();
  });
  app.addHook('onResponse', (request, reply, next) => {
    const { operation, startedAtMs } = request;
    metrics.requests.labels(operation, String(reply.statusCode)).inc();
    metrics.seconds.labels(operation).observe((performance.now() - startedAtMs) / 1_000);
    next();
  });
}

/** Before the body is read. @throws {Problem} */
async function admit(
  request: FastifyRequest,
  operation: ServiceOperation,
  { rates, callers, checkers, clock }: BanAppOptions,
): Promise<void> {
  const { id, of, body } = operation;
  request.operation = id;
  rates.ofAddress(request.ip, of ?? 'other');
  if (of === 'check') await checkers(request.raw, clock.now());
  if (of === 'bans') {
    request.caller = await callers(request.raw, clock.now());
    rates.ofCaller(request.caller);
  }
  if (body !== undefined) checkBodyType(request.raw, body.type);
}

function addHealth(
  app: FastifyInstance,
  { metrics, missing, stopping, rates }: BanAppOptions,
): void {
  const text = 'text/plain; charset=utf-8';
  app.addHook('onRequest', (request, _reply, next) => {
    if (request.routeOptions.url === '/metrics') rates.ofAddress(request.ip, 'other');
    next();
  });
  app.get('/livez', (_request, reply) => reply.type(text).send('ok\n'));
  app.get('/readyz', (_request, reply) => {
    const wanting = [...(stopping() ? ['stopping'] : []), ...missing()];
    if (wanting.length === 0) return reply.type(text).send('ready\n');
    return reply
      .code(503)
      .type(text)
      .send(`not ready: ${wanting.join('; ')}\n`);
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics.text()),
  );
}
