/** The routes of one listener as a Fastify plugin: works under `inject`, HTTP and HTTPS alike. */
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
} from 'fastify';
import type { Clock } from '#kernel/clock.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/observe.ts';
import { parseStrictObject } from '../../sidecar/jwt/strict-json.ts';
import type { ServedPart } from '../service/listener-faults.ts';
import { Problem, type ProblemCode } from '../service/problem.ts';
import { banAddress } from '../service/ban-address.ts';
import {
  operationsOf,
  type OperationId,
  type ServiceOperation,
} from '../service/service-operations.ts';
import type { BanHandlers } from './ban-handlers.ts';
import type { BanServiceLimits } from './ban-service-limits.ts';
import type { BanServiceMetrics } from './ban-service-metrics.ts';
import type { BanAct } from './ban-audit.ts';
import type { BanWriter } from './ban-writer.ts';
import { checkBodyType } from './body-type.ts';
import type { Rates } from './rates.ts';
import type { WhoCalls } from './who-calls.ts';

export interface BanAppOptions {
  readonly served: readonly ServedPart[];
  readonly handlers: BanHandlers;
  /** Told of changes that are refused. */
  readonly writer: Pick<BanWriter, 'refused'>;
  /** Who may read and change bans, and who may ask `/check`. */
  readonly callers: WhoCalls;
  readonly checkers: WhoCalls;
  readonly document: JsonObject;
  readonly rates: Rates;
  readonly bounds: BanServiceLimits;
  readonly metrics: BanServiceMetrics;
  readonly log: Log;
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

const problemType = 'application/problem+json; charset=utf-8';
const allMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'];

type FrameworkOptions = Pick<
  FastifyServerOptions,
  | 'bodyLimit'
  | 'connectionTimeout'
  | 'exposeHeadRoutes'
  | 'forceCloseConnections'
  | 'keepAliveTimeout'
  | 'requestTimeout'
  | 'return503OnClosing'
  | 'routerOptions'
> & {
  readonly logger: false;
  readonly frameworkErrors: (fault: unknown, request: unknown, reply: FastifyReply) => void;
};

/** What an app with these routes is made with, over HTTP and HTTPS. */
export function frameworkOptions(bounds: BanServiceLimits): FrameworkOptions {
  return {
    logger: false,
    connectionTimeout: bounds.socketTimeoutMs,
    keepAliveTimeout: bounds.keepAliveTimeoutMs,
    requestTimeout: bounds.requestTimeoutMs,
    bodyLimit: bounds.maxBodyBytes,
    forceCloseConnections: 'idle',
    // Requests that arrive on an open connection while it closes are still answered.
    return503OnClosing: false,
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

/** As the router writes it: addresses of bans are read by `banAddress`, not by the router. */
function urlOf({ path }: ServiceOperation): string {
  return path.replace('{claim}/{value}', '*');
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

function addRefusals(app: FastifyInstance, options: BanAppOptions): void {
  const methods = new Map<string, string[]>();
  for (const operation of operationsOf(options.served)) {
    const url = urlOf(operation);
    methods.set(url, [...(methods.get(url) ?? []), operation.method]);
  }
  for (const [url, known] of methods)
    app.route({
      method: allMethods.filter((method) => !known.includes(method)),
      url,
      onRequest: (_request, reply, next) => {
        reply.header('allow', known.join(', '));
        next(new Problem('method_not_allowed', `only ${known.join(', ')}`));
      },
      handler: () => undefined,
    });
  app.setNotFoundHandler((_request, reply) =>
    answerProblem(
      reply,
      new Problem('not_found', 'what there is: /openapi.json, /livez, /readyz, /metrics'),
    ),
  );
  app.setErrorHandler((error: FastifyError | Problem, request, reply) =>
    refuse(error, { request, reply }, options),
  );
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

function refuse(
  error: FastifyError | Problem,
  { request, reply }: Exchange,
  { log, writer }: BanAppOptions,
): FastifyReply {
  const problem = error instanceof Problem ? error : problemOf(error);
  const { code, status, message } = problem;
  const fields = { code, status, operation: request.operation, caller: request.caller };
  const remote = request.ip;
  if (status === 500) log.error({ ...fields, remote, stack: stackOf(error) }, 'request failed');
  else if (status === 401 || status === 403)
    log.warn({ ...fields, remote, message }, 'caller refused');
  else log.debug({ ...fields, remote, message }, 'request refused');
  const act = acts.get(request.operation);
  if (act !== undefined)
    writer.refused({ act, by: request.caller, claim: claimOf(request), result: code }, problem);
  // What is left of a body is not read.
  if (!request.raw.complete) reply.header('connection', 'close');
  // Back-Channel Logout 1.0 §2.8 knows one answer to a request that is none.
  return act === 'logout' && unread.has(status)
    ? reply.code(400).send({ error: 'invalid_request', error_description: message })
    : answerProblem(reply, problem);
}

/** Operations that change something. */
const acts: ReadonlyMap<string, BanAct> = new Map<OperationId, BanAct>([
  ['putBan', 'put'],
  ['deleteBan', 'remove'],
  ['logout', 'logout'],
]);
const unread: ReadonlySet<number> = new Set([400, 413, 415]);

/** What a stranger writes there is not kept: it may be anything. */
function claimOf({ caller, url }: FastifyRequest): string | undefined {
  return caller === undefined ? undefined : banAddress(url)?.claim;
}

/** @see RFC 9110 §11.6.1 and §10.2.3 */
function answerProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, retryAfterS } = problem;
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS));
  return reply
    .code(status)
    .header('content-type', problemType)
    .send(JSON.stringify(problem.body()));
}

const problemsByStatus: ReadonlyMap<number, readonly [ProblemCode, string]> = new Map([
  [413, ['body_too_large', 'send a smaller body']],
  [415, ['body_type', 'send the type that /openapi.json names']],
]);

/** What the framework refuses. Its own words may quote the address, and so a value. */
function problemOf({ statusCode = 500 }: FastifyError): Problem {
  const known = problemsByStatus.get(statusCode);
  if (known !== undefined) return new Problem(...known);
  if (statusCode >= 400 && statusCode < 500)
    return new Problem('request_malformed', 'its address or its body cannot be read');
  return new Problem('internal', 'the log of the service says why');
}

/** For the log only: where it broke. The message may quote the request. */
function stackOf(thrown: Error): string {
  const { name, message, stack = '' } = thrown;
  return `${name}${stack.slice(stack.indexOf(message) + message.length)}`;
}
