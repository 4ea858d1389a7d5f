/** The real webhook server on loopback, and an API server's side of the conversation with it. */
import { randomUUID } from 'node:crypto';
import { request } from 'node:https';
import { AppError, messageOf } from '#kernel/errors.ts';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { envoyCheck, keysReader, type ReadConfigMap } from '../admission/check-envoy.ts';
import { review, type ReviewContext } from '../admission/review.ts';
import type { Log } from '#kernel/observe.ts';
import { throwAwayCertificate } from '../../certs/throw-away-certificate.ts';
import { WebhookServer } from '../server/server.ts';
import { heldAmong, type ConfigMaps, type DecideOptions } from '../manifests/decide-all.ts';
import { namespaceIn } from '../objects/namespace-in.ts';
import type { Terminal } from './terminal.ts';

export interface DevWebhook {
  /** `https://127.0.0.1:<port>` */
  readonly url: string;
  /** Sends one object for review as `kubectl apply` would cause it. @throws {AppError} CLUSTER_UNREACHABLE */
  readonly review: (object: JsonObject) => Promise<ReviewResponse>;
  readonly stop: () => Promise<void>;
}

/** @see Kubernetes admission.k8s.io/v1 AdmissionResponse */
export interface ReviewResponse {
  readonly status: number;
  readonly tookMs: number;
  /** The AdmissionReview's `response`. */
  readonly response: JsonObject;
}

/** Milliseconds, as in the webhook's configuration: the API server waits no longer. */
const timeoutMs = 10_000;

export async function startDevWebhook(
  options: DecideOptions,
  configMaps: ConfigMaps,
  terminal: Terminal,
): Promise<DevWebhook> {
  const { pair, authority } = await throwAwayCertificate(terminal.now());
  const read: ReadConfigMap = (namespace, name) => configMaps.get(`${namespace}/${name}`);
  const context: ReviewContext = {
    engine: options.engine,
    checkEnvoy: envoyCheck(read, options.engine.memory.copies, 'words'),
    configMapKeys: keysReader(read),
    heldConfigMap: heldAmong(configMaps),
    ignoredNamespaces: new Set(options.engine.config.ignoredNamespaces),
  };
  const server = new WebhookServer({
    reviewer: () => (body) => review(body, context),
    ready: () => [],
    certificates: { current: () => pair, onChange: () => () => undefined },
    clock: { now: terminal.now },
    log: errorsOnly(terminal),
    limits: { drainMs: 0, closeMs: 500 },
  });
  const port = await server.start('127.0.0.1', 0);
  return {
    url: `https://127.0.0.1:${port}`,
    review: (object) => send(reviewOf(object, options.namespace), { port, authority, terminal }),
    stop: () => server.stop(),
  };
}

function errorsOnly(terminal: Terminal): Log {
  const silent = (): void => undefined;
  const tell = (fields: object, message: string): void => {
    terminal.err(`webhook: ${message} ${JSON.stringify(fields)}\n`);
  };
  return { debug: silent, info: silent, warn: tell, error: tell };
}

function reviewOf(object: JsonObject, namespace: string): JsonObject {
  const metadata = objectAt(object, 'metadata');
  const apiVersion = stringAt(object, 'apiVersion') ?? '';
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const kind = stringAt(object, 'kind') ?? '';
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: randomUUID(),
      kind: { group: group ?? '', version: version ?? '', kind },
      resource: { group: group ?? '', version: version ?? '', resource: `${kind.toLowerCase()}s` },
      name: stringAt(metadata, 'name') ?? '',
      namespace: namespaceIn(metadata) ?? namespace,
      operation: 'CREATE',
      userInfo: { username: 'svidecar-dev' },
      object,
      oldObject: null,
      dryRun: false,
    },
  };
}

function send(
  body: JsonObject,
  facts: { readonly port: number; readonly authority: string; readonly terminal: Terminal },
): Promise<ReviewResponse> {
  const { port, authority, terminal } = facts;
  const text = JSON.stringify(body);
  const startedMs = terminal.now();
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path: '/mutate',
        method: 'POST',
        timeout: timeoutMs,
        ca: authority,
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const tookMs = terminal.now() - startedMs;
          const response = responseOf(Buffer.concat(chunks).toString('utf8'));
          resolve({ status: answer.statusCode ?? 0, tookMs, response });
        });
      },
    );
    sent.on('error', (cause) => {
      const message = `the webhook on loopback does not answer: ${messageOf(cause)}`;
      reject(new AppError('CLUSTER_UNREACHABLE', message, { cause }));
    });
    sent.on('timeout', () => sent.destroy(new Error('time-out')));
    sent.end(text);
  });
}

function responseOf(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  return isObject(value) ? objectAt(value, 'response') : {};
}
