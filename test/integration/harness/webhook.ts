/** The real webhook, installed from the repository's manifests into a real API server, and reached over loopback. */
import { mkdir, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { parseAllDocuments, stringify } from 'yaml';
import { isObject, listAt, objectAt, type Json, type JsonObject } from '#kernel/json.ts';
import { serve } from '../../../webhook/serve.ts';
import type { ApiServer } from './api-server.ts';
import { createAuthority } from './authority.ts';
import { hooksAreFollowed } from './hooks-followed.ts';
import { waitUntil } from './processes.ts';
import { createWorkFolder } from './work-folder.ts';

const repository = join(import.meta.dirname, '../../..');

export interface Replica {
  readonly port: number;
  stop(): Promise<void>;
}

export interface InstalledWebhook {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly caPem: string;
  /** The injector's configuration file; write it to have it reloaded. */
  readonly configFile: string;
  /** Folder with the serving pair. */
  readonly certificates: string;
  /** Sum of `svidecar_reviews_total` over the samples whose labels contain the text. */
  reviews(label: string): Promise<number>;
  /** Sum of a metric over the samples whose labels contain the text. */
  metric(name: string, label: string): Promise<number>;
  /** One more that watches and writes; reviews go to the first. It is ready when this resolves. */
  addReplica(instance: string, version?: string): Promise<Replica>;
  stop(): Promise<void>;
}

const quiet = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // The tests look at behaviour; faults show in answers and metrics.
}

/**
 * Applies `manifests/kustomize/base`, with the webhooks' Service replaced by this process, which acts with the rights
 * of the manifests' ServiceAccount. @param firstPort of the replica that reviews; 0 chooses a free one.
 */
export async function installWebhook(
  api: ApiServer,
  config = '',
  firstPort = 0,
): Promise<InstalledWebhook> {
  const work = await createWorkFolder('webhook');
  const certificates = join(work.path, 'tls');
  const configFile = join(work.path, 'config', 'config.yaml');
  await mkdir(certificates);
  await mkdir(join(work.path, 'config'));
  await writeFile(configFile, config);
  const authority = await createAuthority('svidecar test authority');
  const leaf = await authority.issue({ commonName: 'svidecar', hosts: ['127.0.0.1'] });
  await writeFile(join(certificates, 'tls.crt'), leaf.certificatePem);
  await writeFile(join(certificates, 'tls.key'), leaf.keyPem);
  const manifests = await renderedManifests(api);
  await apply(
    api,
    manifests.filter((object) => object['kind'] !== 'MutatingWebhookConfiguration'),
  );
  const user = 'system:serviceaccount:svidecar:svidecar';
  const kubeconfig = await api.kubeconfigFor(user, ['system:authenticated']);
  const startReplica = async (
    instance: string,
    version: string,
    port: number,
  ): Promise<Replica> => {
    const replica = await serve({
      files: { templates: join(repository, 'templates'), config: configFile, version },
      certificate: {
        settings: { kind: 'files', folder: certificates },
        service: 'svidecar',
        identity: instance,
      },
      host: '127.0.0.1',
      port,
      target: { kind: 'kubeconfig', path: kubeconfig },
      namespace: 'svidecar',
      clock: { now: () => Date.now() },
      log: quiet,
      limits: { drainMs: 0, closeMs: 100 },
    });
    await waitUntil('the webhook is ready', () => Promise.resolve(replica.missing().length === 0));
    return replica;
  };
  const addReplica: InstalledWebhook['addReplica'] = (instance, version = '0.1.0') =>
    startReplica(instance, version, 0);
  const serving = await startReplica('svidecar-1', '0.1.0', firstPort);
  const url = `https://127.0.0.1:${serving.port}`;
  const hooks = manifests.filter((object) => object['kind'] === 'MutatingWebhookConfiguration');
  await apply(
    api,
    hooks.map((hook) => pointedAt(hook, { url, caPem: authority.caPem })),
  );
  await hooksAreFollowed(api);
  return {
    url,
    caPem: authority.caPem,
    configFile,
    certificates,
    addReplica,
    reviews: (label) => sumOf({ url, caPem: authority.caPem }, 'svidecar_reviews_total', label),
    metric: (name, label) => sumOf({ url, caPem: authority.caPem }, name, label),
    stop: async () => {
      await serving.stop();
      await work.remove();
    },
  };
}

/** What `kubectl kustomize manifests/kustomize/base` prints. */
export function renderedManifests(
  api: ApiServer,
  tree = repository,
): Promise<readonly JsonObject[]> {
  return renderedFrom(api, join(tree, 'manifests/kustomize/base'));
}

/** What a folder with a kustomization makes. */
export async function renderedFrom(api: ApiServer, folder: string): Promise<readonly JsonObject[]> {
  const { code, stdout, stderr } = await api.kubectl(['kustomize', folder]);
  if (code !== 0) throw new Error(`kubectl kustomize: ${stderr}`);
  return parseAllDocuments(stdout).map((document): JsonObject => {
    const object: unknown = document.toJS();
    if (!isObject(object)) throw new TypeError('a manifest that is no object');
    return object;
  });
}

/** By server-side apply, with all rights. */
export async function apply(api: ApiServer, objects: readonly JsonObject[]): Promise<void> {
  const input = objects.map((object) => stringify(object)).join('---\n');
  const { code, stderr } = await api.kubectl(
    ['apply', '--server-side', '--force-conflicts', '-f', '-'],
    { input },
  );
  if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
}

/** A webhook configuration whose hooks call a process on loopback instead of a Service. */
export function pointedAt(
  hook: JsonObject,
  to: { readonly url: string; readonly caPem?: string },
): JsonObject {
  const caBundle =
    to.caPem === undefined ? {} : { caBundle: Buffer.from(to.caPem).toString('base64') };
  const webhooks = listAt(hook, 'webhooks').map((webhook): Json => {
    if (!isObject(webhook)) return webhook;
    const path = objectAt(objectAt(webhook, 'clientConfig'), 'service')['path'];
    const url = `${to.url}${typeof path === 'string' ? path : '/mutate'}`;
    return { ...webhook, clientConfig: { url, ...caBundle } };
  });
  return { ...hook, webhooks };
}

async function sumOf(
  api: Pick<InstalledWebhook, 'url' | 'caPem'>,
  name: string,
  label: string,
): Promise<number> {
  const text = await metricsText(api);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

function metricsText({ url, caPem }: Pick<InstalledWebhook, 'url' | 'caPem'>): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${url}/metrics`, { ca: caPem, agent: false }, (response) => {
      textOf(response).then(resolve, reject);
    }).on('error', reject);
  });
}
