/** Replicas of the webhook as processes, installed from the manifests into a real API server, behind one address. */
import { get } from 'node:https';
import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import type { JsonObject } from '#kernel/json.ts';
import { manifestsOfRevision } from '../../../webhook/manifests/revise-manifests.ts';
import { nameFor } from '../../../webhook/request/revision.ts';
import type { CertificateOptions } from '../../../webhook/serve-certificate.ts';
import type { Limits } from '../../../webhook/server/limits.ts';
import type { ApiServer } from './api-server.ts';
import { Balancer, type Backend } from './balancer.ts';
import { hooksAreFollowed } from './hooks-followed.ts';
import { freePort } from './free-port.ts';
import { startProcess, waitUntil } from './processes.ts';
import { apply, pointedAt, renderedFrom, renderedManifests } from './webhook.ts';
import { createWorkFolder } from './work-folder.ts';

const program = 'test/fakes/webhook-program.ts';
const repository = join(import.meta.dirname, '../../..');

export interface Replica extends Backend {
  readonly name: string;
  /** A metric without labels; undefined when it has no sample, or the replica is gone. */
  metric(name: string): Promise<number | undefined>;
  /** As `/readyz` puts it. */
  readyz(): Promise<string>;
  readonly logFile: string;
  kill(): Promise<void>;
  /** As Kubernetes ends a pod: SIGTERM, then the drain. */
  stop(): Promise<void>;
}

/** Acts at a time of its choice. */
export type Moment = (act: () => Promise<void>) => Promise<void>;

export interface Replicas {
  /** `https://HOST:PORT`, whichever replica answers. */
  readonly url: string;
  /** All that were started, ended ones too. */
  readonly all: readonly Replica[];
  /** @param tree of another version, with its own modules. */
  start(name: string, tree?: string): Promise<Replica>;
  /** Returns when it is ready, new connections go there, and the API server calls the hooks as they are then. */
  takesReviews(replica: Replica, deadlineMs?: number): Promise<void>;
  /** Whether new connections go there, as far as the Service has seen that it is ready. */
  sendsTo(replica: Replica): boolean;
  /** Kills it, and returns when no new connection goes there, and the API server keeps none that did. */
  lose(replica: Replica): Promise<void>;
  /** Ends every connection between the API server and the replicas; returns when the API server has noticed. */
  cutConnections(): Promise<void>;
  /**
   * Stops it in order, and returns when it has ended and the API server has noticed.
   * @param moment when connections may end: reviews go on until the last part of the drain, in which those end that nobody
   * has used since it began.
   */
  retire(replica: Replica, moment: Moment): Promise<void>;
  stop(): Promise<void>;
}

export interface ReplicaOptions {
  /** Loopback, as the certificate has it. */
  readonly host?: string;
  /** File of the injector's configuration. */
  readonly config?: string;
  /** Of several installations in the cluster; absent: the one without a name. */
  readonly revision?: string;
  /** Of a revision; absent: that of the others, `svidecar`. */
  readonly namespace?: string;
  /** Where they differ from the product's; absent: replicas drain for a second. */
  readonly limits?: Partial<Limits>;
  /** What is applied in place of `manifests/kustomize/base`, by the port where the replicas are reached. */
  readonly manifests?: (port: number) => Promise<readonly JsonObject[]>;
}

/** The Deployment's `terminationGracePeriodSeconds`: the drain alone takes five seconds. */
const terminationGraceMs = 20_000;

/**
 * Applies `manifests/kustomize/base` with hooks that call the replicas; the replicas have only the manifests' rights.
 */
export async function installReplicas(
  api: ApiServer,
  certificate: Omit<CertificateOptions, 'identity' | 'hosts' | 'service'>,
  options: ReplicaOptions = {},
): Promise<Replicas> {
  const { host = '127.0.0.1', config, manifests, revision, namespace = 'svidecar' } = options;
  const { drainMs = 1_000 } = options.limits ?? {};
  const work = await createWorkFolder('replicas');
  const balancer = new Balancer();
  const servicePort = await balancer.start();
  const url = `https://${host}:${servicePort}`;
  const usual = (): Promise<readonly JsonObject[]> =>
    revision === undefined
      ? baseCalling(api, url)
      : revisionCalling(api, url, { revision, namespace });
  await apply(api, await (manifests ?? usual)(servicePort));
  const service = nameFor('svidecar', revision ?? '');
  const kubeconfig = await accountOf(api, namespace, service);
  const all: Replica[] = [];
  return {
    url,
    all,
    start: async (name, tree = repository) => {
      const port = await freePort();
      const serving = { service, hosts: [host], identity: name, ...certificate };
      const given = {
        kubeconfig,
        port,
        certificate: serving,
        config,
        revision,
        namespace,
        limits: { closeMs: 500, ...options.limits, drainMs },
      };
      const running = startProcess({
        name,
        command: process.execPath,
        args: [join(tree, program), JSON.stringify(given)],
        folder: work.path,
      });
      const replica: Replica = {
        name,
        port,
        isReady: async () => (await ask(port, '/readyz')) === 'ready\n',
        metric: async (metric) => metricOf(await ask(port, '/metrics'), metric),
        readyz: () => ask(port, '/readyz'),
        logFile: running.logFile,
        kill: () => running.stop(0),
        stop: () => running.stop(terminationGraceMs),
      };
      all.push(replica);
      balancer.backends = all;
      return replica;
    },
    takesReviews: async (replica, deadlineMs = 30_000) => {
      const { name } = replica;
      await waitUntil(`${name} is ready`, () => replica.isReady(), { deadlineMs });
      await waitUntil(`${name} is in the Service`, () =>
        Promise.resolve(balancer.sendsTo(replica)),
      );
      await hooksAreFollowed(api);
    },
    sendsTo: (replica) => balancer.sendsTo(replica),
    lose: async (replica) => {
      await replica.kill();
      await waitUntil(`${replica.name} is out of the Service`, () =>
        Promise.resolve(!balancer.sendsTo(replica)),
      );
      await balancer.noticed();
    },
    cutConnections: () => balancer.cut(),
    retire: async (replica, moment) => {
      const ended = replica.stop();
      await wait(drainMs * 0.7);
      await moment(async () => {
        await ended;
        await balancer.noticed();
      });
    },
    stop: async () => {
      balancer.stop();
      await Promise.all(all.map((each) => each.kill()));
      await work.remove();
    },
  };
}

/** `manifests/kustomize/base`, of this tree or another, with hooks that call the URL. */
export async function baseCalling(
  api: ApiServer,
  url: string,
  tree?: string,
): Promise<readonly JsonObject[]> {
  return calling(await renderedManifests(api, tree), url);
}

function calling(manifests: readonly JsonObject[], url: string): readonly JsonObject[] {
  return manifests.map((object) =>
    object['kind'] === 'MutatingWebhookConfiguration' ? pointedAt(object, { url }) : object,
  );
}

/** The same as a revision's, perhaps in another namespace, as a kustomization of somebody's own moves it. */
async function revisionCalling(
  api: ApiServer,
  url: string,
  { revision, namespace }: { readonly revision: string; readonly namespace: string },
): Promise<readonly JsonObject[]> {
  const work = await createWorkFolder('kustomize');
  const base = relative(work.path, join(repository, 'manifests/kustomize/base'));
  await writeFile(
    join(work.path, 'kustomization.yaml'),
    `namespace: ${namespace}\nresources: [${base}]\n`,
  );
  const rendered = await renderedFrom(api, work.path);
  await work.remove();
  const own = rendered.filter(({ kind }) => kind === 'Namespace');
  return [...own, ...calling(manifestsOfRevision(rendered, revision), url)];
}

/** A kubeconfig with the rights of a ServiceAccount. */
export function accountOf(api: ApiServer, namespace: string, name: string): Promise<string> {
  const user = `system:serviceaccount:${namespace}:${name}`;
  return api.kubeconfigFor(user, [
    'system:serviceaccounts',
    `system:serviceaccounts:${namespace}`,
    'system:authenticated',
  ]);
}

/** The text of the answer; empty when there is none. Probes do not look at the certificate, as a kubelet does not. */
function ask(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false };
    get(options, (response) => {
      textOf(response).then(resolve, () => {
        resolve('');
      });
    }).on('error', () => {
      resolve('');
    });
  });
}

function metricOf(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
