/** The routes of the webhook as a Fastify plugin: works under `inject` and under HTTPS alike. */
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '#kernel/errors.ts';
import { internalRefusal, statusBody, uidOf } from './answers.ts';
import { HttpRefusal } from './http-refusal.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { Log } from '#kernel/observe.ts';
import type { Reviewer } from './reviewer.ts';
import type { BodyReader } from './read-body.ts';
import { stackOf } from './stack-of.ts';

export interface AppOptions {
  /** The reviewer of the newest good configuration. */
  readonly reviewer: () => Reviewer;
  /** What is still missing before a review can be answered, in words; empty = ready. */
  readonly ready: () => readonly string[];
  /** As above, plus whatever else readiness depends on. A review that arrives anyway proves that we are trusted. */
  readonly missing: () => readonly string[];
  /** Why reviews on this connection are refused, as a sentence; undefined = they are not. */
  readonly callerFault: (socket: Socket) => string | undefined;
  /** True once a stop was requested: every answer then closes its connection. */
  readonly stopping: () => boolean;
  readonly limits: Limits;
  readonly bodies: BodyReader;
  readonly metrics: Metrics;
  readonly log: Log;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** `performance.now()` when the headers were read. */
    startedAtMs: number;
    bodyBytes: number;
    /** Set while it holds a turn that others wait for. */
    leaveTurn: (() => void) | undefined;
  }
}

const json = 'application/json; charset=utf-8';
const paths = 'POST /mutate, GET /healthz, GET /readyz, GET /metrics';
const routes = { '/mutate': 'POST', '/healthz': 'GET', '/readyz': 'GET', '/metrics': 'GET' };
const otherMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Adds all routes to `app`. */
export function webhookApp(app: FastifyInstance, options: AppOptions, done: () => void): void {
  addParsers(app);
  addHooks(app, options);
  addReviews(app, options);
  addHealth(app, options);
  addRefusals(app, options);
  done();
}

/** Any type of body is let through to the route, which knows its own limits. */
function addParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (_request, _stream, done) => {
    done(null);
  });
}

function addHooks(app: FastifyInstance, options: AppOptions): void {
  app.decorateRequest('startedAtMs', 0);
  app.decorateRequest('bodyBytes', 0);
  app.decorateRequest('leaveTurn', undefined);
  app.addHook('onRequest', (request, reply, done) => {
    request.startedAtMs = performance.now();
    // API servers keep idle connections to a pod that is terminating, so each answer closes its own.
    if (options.stopping()) reply.header('connection', 'close');
    done();
  });
}

function addReviews(app: FastifyInstance, options: AppOptions): void {
  const { metrics } = options;
  app.route({
    method: 'POST',
    url: '/mutate',
    onRequest: (request, reply, done) => {
      const fault = options.callerFault(request.raw.socket);
      if (fault !== undefined) {
        done(new HttpRefusal(403, fault));
        return;
      }
      metrics.inFlight.inc();
      reply.raw.once('close', () => {
        metrics.inFlight.dec();
      });
      const missing = options.ready();
      if (missing.length > 0) {
        done(new HttpRefusal(503, `not ready to review: ${missing.join('; ')}; try again shortly`));
        return;
      }
      done();
    },
    handler: async (request, reply) => {
      const body = await options.bodies.read({ request, reply });
      // The body may have arrived under an older configuration: the caller is checked again.
      const fault = options.callerFault(request.raw.socket);
      if (fault !== undefined) throw new HttpRefusal(403, fault);
      review({ request, reply }, body, options);
      return reply;
    },
  });
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** One review, synchronously: nothing to await, so nothing to time out. */
function review({ request, reply }: Exchange, body: unknown, options: AppOptions): void {
  const text = inTurn(request, () => answer(body, options));
  options.metrics.took((performance.now() - request.startedAtMs) / 1000, request.bodyBytes);
  reply.header('content-type', json).send(text);
}

/** Others that wait for the turn continue as soon as the work is done, however slowly the answer is read. */
function inTurn<Result>(request: FastifyRequest, act: () => Result): Result {
  try {
    return act();
  } finally {
    request.leaveTurn?.();
  }
}

/** @throws {AppError} REVIEW_INVALID, and the original error when there is no uid to answer to. */
function answer(body: unknown, { reviewer, metrics, log }: AppOptions): string {
  try {
    const answered = reviewer()(body);
    const text = JSON.stringify(answered.body);
    metrics.reviewed(answered);
    if (answered.decision === 'refused') {
      const { kind, reason } = answered;
      log.info({ kind, reason, uid: uidOf(body) }, 'review refused');
    }
    return text;
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'REVIEW_INVALID') throw thrown;
    const uid = uidOf(body);
    if (uid === undefined) throw thrown;
    log.error({ uid, stack: stackOf(thrown) }, 'review failed with an internal error, refused');
    metrics.reviewed({ kind: 'other', decision: 'failed', reason: 'internal_error' });
    return JSON.stringify(internalRefusal(uid));
  }
}

function addHealth(app: FastifyInstance, options: AppOptions): void {
  app.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', (_request, reply) => {
    const stopping = options.stopping() ? ['stopping'] : [];
    const missing = [...stopping, ...options.missing()];
    if (missing.length === 0) return reply.type('text/plain').send('ready\n');
    return reply
      .code(503)
      .type('text/plain')
      .send(`not ready: ${missing.join('; ')}\n`);
  });
  app.get('/metrics', async (_request, reply) => {
    const text = await options.metrics.text();
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
}

/** Malformed requests, answered in plain words. */
function addRefusals(app: FastifyInstance, { metrics, log }: AppOptions): void {
  for (const [url, allowed] of Object.entries(routes)) {
    app.route({
      method: otherMethods.filter((method) => method !== allowed),
      url,
      // The body of a wrong method is of no interest, and must not be refused for its type first.
      onRequest: (_request, reply, done) => {
        reply.header('allow', allowed);
        done(new HttpRefusal(405, `${url} accepts only ${allowed}`));
      },
      handler: () => undefined,
    });
  }
  app.setNotFoundHandler((request, reply) =>
    refuse(reply, 404, `there is no ${request.url}; the paths served are ${paths}`),
  );
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { code, message } = explain(error);
    // The rest of the body is not read, and a caller without permission loses its connection.
    if (code === 403 || (code === 413 && !request.raw.complete))
      reply.header('connection', 'close');
    const fields = { code, path: request.routeOptions.url, remote: request.ip, message };
    if (code >= 500)
      log.error({ ...fields, stack: code === 500 ? stackOf(error) : undefined }, 'request failed');
    else log.warn(fields, 'request refused');
    return refuse(reply, code, message);
  });
  function refuse(reply: FastifyReply, code: number, message: string): FastifyReply {
    metrics.refused(code);
    return reply
      .code(code)
      .header('content-type', json)
      .send(JSON.stringify(statusBody(code, message)));
  }
}

function explain(error: FastifyError): { code: number; message: string } {
  if (error instanceof AppError) {
    const code = error.code === 'REVIEW_INVALID' ? 400 : 500;
    return { code, message: error.message };
  }
  const code = error.statusCode ?? 500;
  if (error instanceof HttpRefusal) return { code, message: error.message };
  if (code === 415) {
    return { code, message: 'send the AdmissionReview with content-type application/json' };
  }
  if (code >= 400 && code < 500) return { code, message: error.message };
  return { code: 500, message: 'svidecar failed while answering; its log says why' };
}
