/** The routes of the console as a Fastify plugin: the page for whoever comes, everything else for whoever has the key. */
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode } from '#kernel/errors.ts';
import { isObject } from '#kernel/json.ts';
import { workloadId } from '../console/board-entries.ts';
import { consoleKeyHeader, consolePaths, type ConsoleProblem } from '../console/console-model.ts';
import { foreignFault } from '../console/same-origin.ts';
import type { ConsoleDesk } from '../console-cluster/console-desk.ts';
import { actionOf, textOf } from './action-shape.ts';
import { EventStream, versionAt, type StreamParts } from './event-stream.ts';
import type { Sessions } from './sessions.ts';

export interface ConsolePage {
  readonly html: string;
  /** Content-Security-Policy that the page states itself. */
  readonly policy: string;
}

export interface ConsoleAppOptions extends StreamParts {
  readonly desk: ConsoleDesk;
  readonly page: ConsolePage;
  readonly sessions: Sessions;
  /** `127.0.0.1:4711`, once we listen. */
  readonly address: () => string;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
}

/** Streams at once: a browser opens six for one address, and a person has some tabs. */
const maxStreams = 32;

/** The page states its own policy; on loopback there is no TLS to be strict about. */
const headers: FastifyHelmetOptions = {
  contentSecurityPolicy: false,
  strictTransportSecurity: false,
  frameguard: { action: 'deny' },
};

/** Adds all routes to `app`. */
export async function consoleApp(app: FastifyInstance, options: ConsoleAppOptions): Promise<void> {
  await app.register(helmet, headers);
  // A form of another site can send these without asking.
  app.removeContentTypeParser('text/plain');
  addGuards(app, options);
  addPage(app, options);
  addSessions(app, options);
  addCoverage(app, options);
  addLooks(app, options);
  addActions(app, options);
  addRefusals(app);
}

/** A refusal that is about the request itself. */
class Unwelcome extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const lockedOut =
  'press Ctrl-C where svidecar console runs and start it again, or have a page that is open make another address';

function addGuards(app: FastifyInstance, { address, sessions, page }: ConsoleAppOptions): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({
      'cache-control': 'no-store',
      'content-security-policy': `${page.policy}; frame-ancestors 'none'`,
    });
    done(unwelcome(request, address(), sessions));
  });
}

function unwelcome(
  request: FastifyRequest,
  address: string,
  sessions: Sessions,
): Unwelcome | undefined {
  const isPage = request.url === '/' || request.url.startsWith('/?');
  const fault = foreignFault(request, address, isPage);
  if (fault !== undefined) return new Unwelcome(403, 'FOREIGN_ORIGIN', fault);
  if (isPage || request.url === consolePaths.session) return undefined;
  const key = request.headers[consoleKeyHeader];
  if (typeof key === 'string' && sessions.isKnown(key)) return undefined;
  return new Unwelcome(401, 'NOT_LOGGED_IN', `this page is not logged in: ${lockedOut}`);
}

function addPage(app: FastifyInstance, { page }: ConsoleAppOptions): void {
  app.get('/', (_request, reply) => reply.type('text/html; charset=utf-8').send(page.html));
}

function addSessions(app: FastifyInstance, { sessions, address }: ConsoleAppOptions): void {
  app.post(consolePaths.session, (request) => {
    const exchanged = sessions.exchange(textOf(bodyOf(request), 'token'));
    if ('key' in exchanged) return exchanged;
    const what =
      exchanged.fault === 'used'
        ? 'this address was opened already'
        : 'this address is not known here';
    throw new Unwelcome(401, 'NOT_LOGGED_IN', `${what}: ${lockedOut}`);
  });
  app.post(consolePaths.anotherAddress, () => ({
    address: addressOf(address(), sessions.issue()),
  }));
}

/** What is printed, and opened once. */
export function addressOf(address: string, token: string): string {
  return `http://${address}/#token=${token}`;
}

function addCoverage(app: FastifyInstance, options: ConsoleAppOptions): void {
  const { desk, epoch } = options;
  const streams = new Set<EventStream>();
  app.get(consolePaths.coverage, () => {
    desk.cluster.flush();
    return desk.coverage(versionAt(epoch, desk.cluster.board.moment));
  });
  // HEAD would be answered by a stream that never ends.
  const noHead = { exposeHeadRoute: false };
  app.get<{ Querystring: { since?: unknown } }>(consolePaths.events, noHead, (request, reply) => {
    if (streams.size >= maxStreams)
      throw new Unwelcome(429, 'TOO_MANY', 'too many pages are open: close some');
    const { since } = request.query;
    openStream(reply, typeof since === 'string' ? since : undefined, { options, streams });
    return reply;
  });
  app.get<{ Params: NamedWorkload }>(`${consolePaths.workload}${named}`, (request) =>
    desk.workload(idOf(request.params)),
  );
  app.get<{ Params: NamedWorkload }>(`${consolePaths.helpers}${named}`, (request) =>
    desk.helpers(idOf(request.params)),
  );
  app.get(consolePaths.bans, () => desk.bans());
}

interface NamedWorkload {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

const named = '/:namespace/:kind/:name';

function idOf({ namespace, kind, name }: NamedWorkload): string {
  return workloadId(namespace, kind, name);
}

function openStream(
  reply: FastifyReply,
  since: string | undefined,
  { options, streams }: { options: ConsoleAppOptions; streams: Set<EventStream> },
): void {
  const { raw } = reply;
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
  });
  reply.hijack();
  const stream = new EventStream(raw, since, options);
  const end = (): void => {
    stream.end();
  };
  streams.add(stream);
  options.stopping.addEventListener('abort', end);
  raw.once('close', () => {
    streams.delete(stream);
    options.stopping.removeEventListener('abort', end);
  });
  stream.start();
}

function addLooks(app: FastifyInstance, { desk, stopping }: ConsoleAppOptions): void {
  app.get(consolePaths.identities, () => desk.identities.answer);
  app.get(consolePaths.doctor, () => desk.doctor.answer);
  app.get(consolePaths.certificates, () => desk.certificates.answer);
  app.post(consolePaths.identities, (request, reply) => {
    const asksHelpers = bodyOf(request)['asksHelpers'] === true;
    return reply.code(202).send(desk.identities.start({ asksHelpers }, stopping));
  });
  app.post(consolePaths.doctor, (_request, reply) =>
    reply.code(202).send(desk.doctor.start(undefined, stopping)),
  );
  app.post(consolePaths.certificates, (_request, reply) =>
    reply.code(202).send(desk.certificates.start(undefined, stopping)),
  );
}

function addActions(app: FastifyInstance, { desk }: ConsoleAppOptions): void {
  app.post(consolePaths.actions, (request) =>
    desk.actions.prepare(actionOf(request.body), keyOf(request)),
  );
  app.post(consolePaths.carryOut, (request) =>
    desk.actions.carryOut(textOf(bodyOf(request), 'id'), keyOf(request)),
  );
}

/** The guard has seen that it is one. */
function keyOf({ headers: sent }: FastifyRequest): string {
  const key = sent[consoleKeyHeader];
  return typeof key === 'string' ? key : '';
}

function bodyOf(request: FastifyRequest) {
  return isObject(request.body) ? request.body : {};
}

function addRefusals(app: FastifyInstance): void {
  app.setNotFoundHandler((request) => {
    throw new Unwelcome(
      404,
      'GONE',
      `there is no ${request.method} ${request.url.slice(0, 100)} here`,
    );
  });
  app.setErrorHandler((error, _request, reply) => {
    const { status, problem } = problemOf(error);
    return reply.code(status).send(problem);
  });
}

const statuses: Partial<Record<ErrorCode, number>> = {
  CLUSTER_FORBIDDEN: 403,
  CLUSTER_UNREACHABLE: 502,
  OBJECT_NOT_FOUND: 404,
};

function problemOf(error: unknown): { readonly status: number; readonly problem: ConsoleProblem } {
  if (error instanceof Unwelcome)
    return { status: error.status, problem: { code: error.code, message: error.message } };
  if (error instanceof AppError) {
    const { code, message } = error;
    return { status: statuses[code] ?? 400, problem: { code, message } };
  }
  // Fastify's own refusals of a body say nothing of what is in it.
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number')
    return { status: error.statusCode, problem: { code: 'USAGE', message: error.message } };
  const message = "a mistake of svidecar's own; please report what you looked at";
  return { status: 500, problem: { code: 'INTERNAL', message } };
}
