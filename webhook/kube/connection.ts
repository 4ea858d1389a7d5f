/** The Kubernetes API over HTTPS; credentials, trust and proxies come from client-node's KubeConfig. */
import * as http from 'node:http';
import * as https from 'node:https';
import { Duplex, PassThrough } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import type { KubeConfig } from '@kubernetes/client-node';
import { AppError, messageOf } from '#kernel/errors.ts';
import { objectAt, stringAt } from '#kernel/json.ts';
import type { JsonObject } from '#kernel/json.ts';
import { AnswerTooLarge, ApiRefusal } from './kubernetes-api.ts';
import type { KubernetesApi, WatchCall } from './kubernetes-api.ts';
import { webSocketStatus } from './api-words.ts';
import { asBuffer, boundedText, tryParse } from './answer-text.ts';
import { defaultApiLimits } from './api-limits.ts';
import type { ApiLimits } from './api-limits.ts';
import {
  applyCredentials,
  readAccess,
  type ClusterAccess,
  type ClusterTarget,
} from './cluster-access.ts';
import { Lines } from './lines.ts';

/** The API of one server. */
export interface ConnectedApi extends KubernetesApi {
  readonly url: string;
  /** Of the kubeconfig's context, where it names one. */
  readonly namespace: string | undefined;
  /** Of the kubeconfig; undefined elsewhere. */
  readonly contextName: string | undefined;
  /** Bytes to and from a port of a pod, through the API server. Destroy it when done. */
  forward(namespace: string, pod: string, port: number): Promise<Duplex>;
}

const fieldManager = 'svidecar';
const json = 'application/json';
/** Server-side apply; JSON is YAML. */
const applyPatch = 'application/apply-patch+yaml';
/** Lists are merged by the key that Kubernetes gives them, such as the name of a webhook. */
const mergePatch = 'application/strategic-merge-patch+json';

/**
 * Reads who we are to the server. Does not talk to it yet.
 * @throws {AppError} CLUSTER_UNREACHABLE when there is no such configuration
 */
export async function connect(
  target: ClusterTarget,
  limits: ApiLimits = defaultApiLimits,
): Promise<ConnectedApi> {
  return new HttpApi(await readAccess(target), limits);
}

/** A path may have a query of its own, such as `dryRun=All`, or another manager where we act for somebody else. */
function managed(path: string): string {
  if (path.includes('fieldManager=')) return path;
  return `${path}${path.includes('?') ? '&' : '?'}fieldManager=${fieldManager}`;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly signal: AbortSignal;
  readonly idleMs: number;
  readonly maxBytes?: number;
  readonly body?: JsonObject;
  readonly contentType?: string;
}

class HttpApi implements ConnectedApi {
  readonly url: string;
  readonly namespace: string | undefined;
  readonly contextName: string | undefined;
  readonly #config: KubeConfig;
  readonly #advice: string;
  readonly #limits: ApiLimits;
  /** By KubeConfig's agent: one for each set of credentials. */
  readonly #agents = new WeakMap<https.Agent, https.Agent>();

  constructor({ config, url, advice }: ClusterAccess, limits: ApiLimits) {
    this.#config = config;
    this.#advice = advice;
    this.url = url;
    this.contextName = config.getCurrentContext();
    this.namespace = config.getContextObject(this.contextName)?.namespace;
    this.#limits = limits;
  }

  get(path: string, signal: AbortSignal, maxBytes = this.#limits.answerBytes): Promise<JsonObject> {
    const idleMs = this.#limits.requestIdleMs;
    return this.#ask({ method: 'GET', path, signal, idleMs, maxBytes });
  }

  apply(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    const query = `fieldManager=${fieldManager}&force=true`;
    return this.#put(
      { method: 'PATCH', path: `${path}?${query}`, contentType: applyPatch },
      object,
      signal,
    );
  }

  create(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#put({ method: 'POST', path: managed(path) }, object, signal);
  }

  replace(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#put({ method: 'PUT', path: managed(path) }, object, signal);
  }

  merge(path: string, change: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#put(
      { method: 'PATCH', path: managed(path), contentType: mergePatch },
      change,
      signal,
    );
  }

  async forward(namespace: string, pod: string, port: number): Promise<Duplex> {
    const { PortForward } = await import('./client-library.ts');
    const toPod = new PassThrough();
    const fromPod = new PassThrough();
    try {
      const forwarder = new PortForward(this.#config);
      // The types of its WebSocket are not among the library's.
      const opened: unknown = await forwarder.portForward(
        namespace,
        pod,
        [port],
        fromPod,
        null,
        toPod,
      );
      const both = Duplex.from({ readable: fromPod, writable: toPod });
      if (isWebSocket(opened)) {
        both.once('close', () => {
          opened.close();
        });
        opened.once('close', () => fromPod.end());
      }
      return both;
    } catch (thrown) {
      throw notForwarded(thrown, `port ${port} of pod ${namespace}/${pod}`);
    }
  }

  async remove(
    path: string,
    preconditions: { readonly uid: string; readonly resourceVersion?: string },
    signal: AbortSignal,
  ): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
    const idleMs = this.#limits.requestIdleMs;
    await this.#ask({ method: 'DELETE', path, signal, idleMs, body });
  }

  async watch({ path, signal, onOpen, onEvent }: WatchCall): Promise<void> {
    const idleMs = this.#limits.watchIdleMs;
    const response = await this.#open({ method: 'GET', path, signal, idleMs });
    onOpen();
    const lines = new Lines((line) => {
      const event = parse(line);
      onEvent({ type: stringAt(event, 'type') ?? '', object: objectAt(event, 'object') });
    });
    try {
      for await (const chunk of response) lines.push(asBuffer(chunk));
    } catch (thrown) {
      throw unreachable(`the watch of ${path} broke`, thrown);
    }
  }

  #put(
    call: Pick<Call, 'method' | 'path' | 'contentType'>,
    body: JsonObject,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    return this.#ask({ ...call, body, signal, idleMs: this.#limits.requestIdleMs });
  }

  async #ask(call: Call): Promise<JsonObject> {
    const response = await this.#open(call);
    try {
      return parse(await boundedText(response, call.maxBytes ?? this.#limits.answerBytes));
    } catch (thrown) {
      throw unreachable(`${call.method} ${call.path} broke`, thrown);
    }
  }

  /** Resolves with the response once its status says success. */
  async #open(call: Call): Promise<http.IncomingMessage> {
    const response = await this.#send(call);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    const text = await textOf(response).catch(() => '');
    throw refusal(call, status, { text, retryAfter: response.headers['retry-after'] });
  }

  /** KubeConfig's agents open a connection for each request; a handshake costs more than most of our requests. */
  #kept(agent: https.RequestOptions['agent']): https.RequestOptions['agent'] {
    // A proxy's agent is of another type, and is kept.
    if (!(agent instanceof https.Agent) || agent.constructor !== https.Agent) return agent;
    let kept = this.#agents.get(agent);
    if (kept === undefined) {
      kept = new https.Agent({ ...agent.options, keepAlive: true, maxFreeSockets: 16 });
      this.#agents.set(agent, kept);
    }
    return kept;
  }

  /**
   * What changes nothing is asked again where the server has ended a kept connection just then. @see RFC 9110 §9.2.2
   */
  #answerTo(
    url: string,
    options: https.RequestOptions,
    said: { readonly text: string | undefined; readonly idleMs: number },
  ): Promise<http.IncomingMessage> {
    const { request } = url.startsWith('http:') ? http : https;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const sent = request(url, options, (response) => {
        isOver = true;
        resolve(response);
      });
      sent.setTimeout(said.idleMs, () => {
        isOver = true;
        sent.destroy(new Error(`no data for ${said.idleMs / 1000} s`));
      });
      sent.on('error', (fault) => {
        const isLost = !isOver && sent.reusedSocket && options.signal?.aborted !== true;
        if (isLost && options.method === 'GET') resolve(this.#answerTo(url, options, said));
        else reject(fault);
      });
      sent.end(said.text);
    });
  }

  async #send({
    method,
    path,
    signal,
    idleMs,
    body,
    contentType,
  }: Call): Promise<http.IncomingMessage> {
    const options: https.RequestOptions = {};
    await applyCredentials(this.#config, options);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      // KubeConfig fills a record; the type also knows a flat list.
      ...(isRecord(options.headers) ? options.headers : {}),
      accept: json,
      ...(text === undefined
        ? {}
        : { 'content-type': contentType ?? json, 'content-length': Buffer.byteLength(text) }),
    };
    options.agent = this.#kept(options.agent);
    try {
      const sent = { ...options, method, headers, signal };
      return await this.#answerTo(this.url + path, sent, { text, idleMs });
    } catch (thrown) {
      const what = `${this.#advice === '' ? '' : `${this.url}: `}${method} ${path} failed`;
      throw unreachable(what, thrown, this.#advice);
    }
  }
}

function isRecord(headers: https.RequestOptions['headers']): headers is http.OutgoingHttpHeaders {
  return headers !== undefined && !Array.isArray(headers);
}

/** What the API server itself said, such as an ERROR event, is passed on as it is. */
/** How a certificate that cannot be trusted is told by Node. */
const untrusted =
  /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_(?:HAS_EXPIRED|NOT_YET|UNTRUSTED|SIGNATURE)|ERR_TLS_CERT_ALTNAME)/;
const untrustedAdvice =
  '; its certificate is not that of the kubeconfig (certificate-authority): is the address right, or does a proxy answer in its place?';

/** How OpenSSL tells of what it was given; what a server sends is told otherwise (`EPROTO`, `ERR_SSL_…`). */
const unreadablePem = /^ERR_OSSL_/;
const unreadableAdvice =
  '; a certificate or key of the kubeconfig cannot be read, or they do not belong together (client-certificate, client-key, certificate-authority): log in again, or correct them';

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}

/** Its code, where a certificate cannot be trusted. */
function untrustedCode(thrown: unknown): string | undefined {
  const code = codeOf(thrown);
  return untrusted.test(code) ? code : undefined;
}

function unreachable(what: string, thrown: unknown, advice = ''): Error {
  if (thrown instanceof AppError || thrown instanceof ApiRefusal) return thrown;
  if (thrown instanceof AnswerTooLarge) return thrown;
  // Node's own advice is about how it is started.
  const code = untrustedCode(thrown);
  const message =
    code !== undefined && advice !== ''
      ? `${what}: ${code}${untrustedAdvice}`
      : `${what}: ${messageOf(thrown)}${adviceFor(thrown, advice)}`;
  return new AppError('CLUSTER_UNREACHABLE', message, { cause: thrown });
}

function adviceFor(thrown: unknown, advice: string): string {
  return advice !== '' && unreadablePem.test(codeOf(thrown)) ? unreadableAdvice : advice;
}

interface WebSocketLike {
  close(): void;
  once(event: 'close', listener: () => void): unknown;
}

function isWebSocket(value: unknown): value is WebSocketLike {
  return typeof value === 'object' && value !== null && 'close' in value && 'once' in value;
}

function notForwarded(thrown: unknown, what: string): Error {
  // An event, not an Error: its message is no member of its own.
  const isEvent = typeof thrown === 'object' && thrown !== null && 'message' in thrown;
  const message = isEvent ? String(thrown.message) : messageOf(thrown);
  const status = webSocketStatus(message);
  if (status !== undefined)
    return new ApiRefusal(status, '', { message: `cannot forward ${what}: HTTP status ${status}` });
  return unreachable(`cannot forward ${what}`, new Error(message, { cause: thrown }));
}

interface Refused {
  readonly text: string;
  readonly retryAfter: string | undefined;
}

function refusal(
  { method, path }: Call,
  status: number,
  { text, retryAfter }: Refused,
): ApiRefusal {
  const said = tryParse(text);
  const message = stringAt(said, 'message') ?? `HTTP status ${status}`;
  const retryAfterS = Number(retryAfter);
  return new ApiRefusal(status, stringAt(said, 'reason') ?? '', {
    message,
    call: `${method} ${path}`,
    ...(Number.isFinite(retryAfterS) ? { retryAfterS } : {}),
  });
}

/** @throws {AppError} CLUSTER_UNREACHABLE when it is not a JSON object, such as the answer of a proxy */
function parse(text: string): JsonObject {
  const value = tryParse(text);
  if (value === undefined)
    throw new AppError('CLUSTER_UNREACHABLE', 'the answer is not a JSON object');
  return value;
}
