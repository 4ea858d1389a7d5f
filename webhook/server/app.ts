/** The routes of the webhook as a Fastify plugin: works under `inject` and under HTTPS alike. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, messageOf } from '#kernel/errors.ts';
import { internalRefusal, statusBody, uidOf } from './answers.ts';
import { jsonFault } from './json-fault.ts';
import type { LargeBodies } from './large-bodies.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { Log } from '#kernel/observe.ts';
import type { Reviewer } from './ports.ts';

export interface AppOptions {
  /** The reviewer of the newest good configuration. */
  readonly reviewer: () => Reviewer;
  /** What is still missing before a review can be answered, in words; empty = ready. */
  readonly ready: () => readonly string[];
  /** That, and what else readiness depends on. A review that arrives all the same proves that we are trusted. */
  readonly missing: () => readonly string[];
  /** True once a stop was asked for: every answer then closes its connection. */
  readonly stopping: () => boolean;
  readonly limits: Limits;
  readonly largeBodies: LargeBodies;
  readonly metrics: Metrics;
  readonly log: Log;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** `performance.now()` when the headers were read. */
    startedAtMs: number;
    bodyBytes: number;
  }
}

const json = 'application/json; charset=utf-8';
const paths = 'POST /mutate, GET /healthz, GET /readyz, GET /metrics';
const routes = { '/mutate': 'POST', '/healthz': 'GET', '/readyz': 'GET', '/metrics': 'GET' };
const otherMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** An error whose HTTP status and words are ours. */
class HttpRefusal extends Error {
  readonly statusCode: number;
  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** Adds all routes to `app`. */
export function webhookApp(app: FastifyInstance, options: AppOptions, done: () => void): void {
  addParsers(app);
  addHooks(app, options);
  addReviews(app, options);
  addHealth(app, options);
  addRefusals(app, options);
  done();
}

function addParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    // parseAs: 'string' gives a string; the type of the library knows both.
    const body = String(text);
    request.bodyBytes = Number(request.headers['content-length'] ?? body.length);
    if (body.length === 0) {
      done(new HttpRefusal(400, 'the body is empty; send an AdmissionReview as JSON'));
      return;
    }
    try {
      done(null, JSON.parse(body));
    } catch {
      // V8's message quotes the text, which may hold anything; ours only says where.
      done(new HttpRefusal(400, `the body is not JSON: ${jsonFault(body)}`));
    }
  });
}

function addHooks(app: FastifyInstance, options: AppOptions): void {
  app.decorateRequest('startedAtMs', 0);
  app.decorateRequest('bodyBytes', 0);
  app.addHook('onRequest', (request, reply, done) => {
    request.startedAtMs = performance.now();
    // API servers keep idle connections to a pod that is going away; so each answer ends its own.
    if (options.stopping()) reply.header('connection', 'close');
    done();
  });
}

function addReviews(app: FastifyInstance, options: AppOptions): void {
  const { metrics, limits } = options;
  app.route({
    method: 'POST',
    url: '/mutate',
    bodyLimit: limits.maxBodyBytes,
    onRequest: (request, reply, done) => {
      metrics.inFlight.inc();
      reply.raw.once('close', () => {
        metrics.inFlight.dec();
      });
      const missing = options.ready();
      if (missing.length > 0) {
        done(new HttpRefusal(503, `not ready to review: ${missing.join('; ')}; try again shortly`));
        return;
      }
      if (isLarge(request, limits)) takeTurn({ request, reply, options, done });
      else done();
    },
    handler: (request, reply) => review(request, reply, options),
  });
}

/** A body of unknown length counts as large; one that is refused by its length alone need not wait for a turn. */
function isLarge(request: FastifyRequest, limits: Limits): boolean {
  const text = request.headers['content-length'];
  if (text === undefined) return true;
  const length = Number(text);
  return length >= limits.largeBodyBytes && length <= limits.maxBodyBytes;
}

interface LargeRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly options: AppOptions;
  readonly done: (error?: Error) => void;
}

/** Waits for the turn of a large body, and gives it back when the answer is out or the peer is gone. */
function takeTurn({ request, reply, options, done }: LargeRequest): void {
  const { largeBodies, limits, log } = options;
  let timer: NodeJS.Timeout | undefined;
  const leave = largeBodies.enter(() => {
    timer = setTimeout(() => {
      if (request.raw.complete) return;
      log.warn({ remote: request.ip }, 'large body arrived too slowly, connection cut');
      request.raw.destroy();
    }, limits.largeReadMs);
    done();
  });
  if (leave === undefined) {
    const waiting = `${limits.maxLargeWaiting} large reviews are waiting already`;
    done(new HttpRefusal(503, `${waiting}; try again shortly`));
    return;
  }
  reply.raw.once('close', () => {
    clearTimeout(timer);
    leave();
  });
}

/** One review, synchronously: nothing to await, so nothing to time out. */
function review(request: FastifyRequest, reply: FastifyReply, options: AppOptions): FastifyReply {
  const text = answer(request.body, options);
  options.metrics.took((performance.now() - request.startedAtMs) / 1000, request.bodyBytes);
  return reply.header('content-type', json).send(text);
}

/** @throws {AppError} REVIEW_INVALID, and whatever broke when there is no uid to answer to. */
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
    log.error({ uid, stack: stackOf(thrown) }, 'review failed inside, refused');
    metrics.reviewed({ body: {}, kind: 'other', decision: 'failed', reason: 'internal_error' });
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

/** Everything that is not asked for properly, in plain words. */
function addRefusals(app: FastifyInstance, { metrics, limits, log }: AppOptions): void {
  for (const [url, allowed] of Object.entries(routes)) {
    app.route({
      method: otherMethods.filter((method) => method !== allowed),
      url,
      // The body of a wrong method is of no interest, and must not be refused for its type first.
      onRequest: (_request, reply, done) => {
        reply.header('allow', allowed);
        done(new HttpRefusal(405, `${url} takes only ${allowed}`));
      },
      handler: () => undefined,
    });
  }
  app.setNotFoundHandler((request, reply) =>
    refuse(reply, 404, `there is no ${request.url}; served are ${paths}`),
  );
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { code, message } = explain(error, limits);
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

function explain(error: FastifyError, limits: Limits): { code: number; message: string } {
  if (error instanceof AppError) {
    const code = error.code === 'REVIEW_INVALID' ? 400 : 500;
    return { code, message: error.message };
  }
  const code = error.statusCode ?? 500;
  if (error instanceof HttpRefusal) return { code, message: error.message };
  if (code === 413) {
    return {
      code,
      message: `the body is over ${limits.maxBodyBytes} bytes, the most that is taken`,
    };
  }
  if (code === 415) {
    return { code, message: 'send the AdmissionReview with content-type application/json' };
  }
  if (code >= 400 && code < 500) return { code, message: error.message };
  return { code: 500, message: 'svidecar failed while answering; its log says why' };
}

/** For the log only: where it broke, without values. */
function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown);
}
