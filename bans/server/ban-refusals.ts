/** What a listener refuses: methods and addresses that there are not, and whatever its handlers or the framework throw. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '#kernel/observe.ts';
import { stackOf } from '../../webhook/server/stack-of.ts';
import { banAddress } from '../service/ban-address.ts';
import type { ServedPart } from '../service/listener-faults.ts';
import { Problem, type ProblemCode } from '../service/problem.ts';
import {
  operationsOf,
  type OperationId,
  type ServiceOperation,
} from '../service/service-operations.ts';
import type { BanAct } from './ban-audit.ts';
import type { BanWriter } from './ban-writer.ts';

const problemType = 'application/problem+json; charset=utf-8';
const allMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'];

/** As the router writes it: addresses of bans are read by `banAddress`, not by the router. */
export function urlOf({ path }: ServiceOperation): string {
  return path.replace('{claim}/{value}', '*');
}

export interface RefusalOptions {
  /** What the listener answers. */
  readonly served: readonly ServedPart[];
  /** Told of changes that are refused. */
  readonly writer: Pick<BanWriter, 'refused'>;
  readonly log: Log;
}

export function addRefusals(app: FastifyInstance, options: RefusalOptions): void {
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
  { log, writer }: RefusalOptions,
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
export function answerProblem(reply: FastifyReply, problem: Problem): FastifyReply {
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
