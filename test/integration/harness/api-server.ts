/**
 * A real Kubernetes API server for tests: etcd, kube-apiserver and kube-controller-manager on loopback, with RBAC
 * and the admission plugins that are on by default. No node: pods are admitted and stored, never run.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createApiClient, type ApiClient } from './api-client.ts';
import { createAuthority } from './authority.ts';
import { kubernetesVersion, programPath } from './components.ts';
import {
  startControllerManager,
  startEtcd,
  startKubeApiserver,
  writeKubeconfig,
  type Site,
} from './control-plane.ts';
import { freePort } from './free-port.ts';
import { runCommand, waitUntil, type CommandResult, type RunningProcess } from './processes.ts';
import { createWorkFolder, type WorkFolder } from './work-folder.ts';

export interface ApiServerOptions {
  /** Full version such as `1.36.2`; default: SVIDECAR_KUBERNETES, else the pinned one. */
  readonly kubernetes?: string;
  /** More flags for kube-apiserver, after ours, such as `--feature-gates=…`. */
  readonly flags?: readonly string[];
}

export interface ApiServer {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly caPem: string;
  /** Path of a kubeconfig with all rights. */
  readonly kubeconfig: string;
  /** Path of the audit log: one `audit.k8s.io/v1` Event a line, at level Metadata, so with audit annotations. */
  readonly auditLog: string;
  readonly version: string;
  /** Runs kubectl with all rights, without a cache of its own. */
  kubectl(args: readonly string[], options?: { readonly input?: string }): Promise<CommandResult>;
  /** A request with all rights. */
  readonly request: ApiClient['request'];
  /** Makes a namespace and waits for its `default` ServiceAccount, without which no pod is admitted. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>;
  /** Writes a kubeconfig for another user, with the rights that RBAC gives it, and returns its path. */
  kubeconfigFor(user: string, groups?: readonly string[]): Promise<string>;
  /** Ends kube-apiserver, and starts it again at the same address once `meanwhile` is over. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** Starts everything and returns when the API answers and the controllers work: a few seconds. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  try {
    return await startOnce(options);
  } catch (error) {
    // Somebody may take a port between the look for a free one and its use; a fault of ours shows the second time, too.
    if (!String(error).includes(' ended')) throw error;
    return startOnce(options);
  }
}

async function startOnce(options: ApiServerOptions): Promise<ApiServer> {
  const work = await createWorkFolder('kubernetes');
  const processes: RunningProcess[] = [];
  try {
    return await start(options, work, processes);
  } catch (error) {
    await stopAll(processes, work);
    throw error;
  }
}

async function start(
  options: ApiServerOptions,
  work: WorkFolder,
  processes: RunningProcess[],
): Promise<ApiServer> {
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const authority = await createAuthority('svidecar-test');
  const version = options.kubernetes ?? kubernetesVersion;
  const site: Site = { folder: work.path, authority, url, port, version };
  await mkdir(join(work.path, 'pki'), { mode: 0o700 });
  const admin = await authority.issue({ commonName: 'admin', organizations: ['system:masters'] });
  const client = createApiClient(url, authority.caPem, admin);

  const etcdUrl = await startEtcd(work.path, processes);
  const flags = [`--etcd-servers=${etcdUrl}`, ...(options.flags ?? [])];
  await startKubeApiserver(site, flags, processes);
  const isReady = async (): Promise<boolean> =>
    (await client.request('GET', '/readyz')).status === 200;
  await waitUntil('the API server is ready', isReady, { processes });
  await startControllerManager(site, processes);
  const kubeconfig = await writeKubeconfig(site, 'admin', admin);
  const api: ApiServer = {
    url,
    version,
    kubeconfig,
    request: (...call) => client.request(...call),
    caPem: authority.caPem,
    auditLog: join(work.path, 'audit.log'),
    kubectl: (args, { input = '' } = {}) =>
      runCommand(
        programPath('kubectl', version),
        ['--kubeconfig', kubeconfig, '--cache-dir', join(work.path, 'kubectl'), ...args],
        { input },
      ),
    createNamespace: (name, labels = {}) => createNamespace(client, processes, { name, labels }),
    kubeconfigFor: async (user, groups = []) =>
      writeKubeconfig(
        site,
        user,
        await authority.issue({ commonName: user, organizations: groups }),
      ),
    async restart(meanwhile): Promise<void> {
      const at = processes.findIndex(({ name }) => name === 'kube-apiserver');
      const [running] = processes.splice(at, 1);
      await running?.stop(0);
      await meanwhile();
      await startKubeApiserver(site, flags, processes);
      await waitUntil('the API server is ready again', isReady, { processes });
    },
    async stop(): Promise<void> {
      client.close();
      await stopAll(processes, work);
    },
  };
  await waitForServiceAccount(client, processes, 'default');
  return api;
}

/** Nothing here is worth a graceful end, and kube-apiserver's takes a minute while somebody watches. */
async function stopAll(processes: readonly RunningProcess[], work: WorkFolder): Promise<void> {
  await Promise.all(processes.map((each) => each.stop(0)));
  await work.remove();
}

async function waitForServiceAccount(
  client: ApiClient,
  processes: readonly RunningProcess[],
  namespace: string,
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
  const exists = async (): Promise<boolean> => (await client.request('GET', path)).status === 200;
  await waitUntil(`namespace ${namespace} has its default ServiceAccount`, exists, { processes });
}

async function createNamespace(
  client: ApiClient,
  processes: readonly RunningProcess[],
  metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata };
  const { status, body } = await client.request('POST', '/api/v1/namespaces', namespace);
  if (status !== 201) throw new Error(`namespace ${metadata.name}: ${JSON.stringify(body)}`);
  await waitForServiceAccount(client, processes, metadata.name);
}
