/**
 * A real Kubernetes API server for tests: etcd, kube-apiserver and kube-controller-manager on loopback, with RBAC
 * and the admission plugins that are on by default. No node: pods are admitted and stored, never run.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createApiClient, type ApiClient } from './api-client.ts';
import { createAuthority, type Authority, type Certificate } from './authority.ts';
import { kubernetesVersion, programPath } from './components.ts';
import {
  freePort,
  runCommand,
  startProcess,
  waitUntil,
  type CommandResult,
  type RunningProcess,
} from './processes.ts';
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
  stop(): Promise<void>;
}

/** What the parts of a starting server share. */
interface Site {
  readonly folder: string;
  readonly authority: Authority;
  readonly url: string;
  readonly port: number;
  readonly version: string;
}

const issuer = 'https://kubernetes.default.svc.cluster.local';
const serviceRange = '10.96.0.0/16';
/** What turns workloads into pods, cleans up after owners and readies namespaces; each one more costs time at start. */
const controllers = [
  'clusterrole-aggregation-controller',
  'cronjob-controller',
  'daemonset-controller',
  'deployment-controller',
  'garbage-collector-controller',
  'job-controller',
  'namespace-controller',
  'replicaset-controller',
  'replicationcontroller-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
  'statefulset-controller',
  'ttl-after-finished-controller',
];
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', verbs: ['create', 'update', 'patch', 'delete'] }, { level: 'None' }],
};

/** Starts everything and returns when the API answers and the controllers work: a few seconds. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
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
  await startKubeApiserver(
    site,
    [`--etcd-servers=${etcdUrl}`, ...(options.flags ?? [])],
    processes,
  );
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

/** @returns the URL of its client port. */
async function startEtcd(folder: string, processes: RunningProcess[]): Promise<string> {
  const [clients, peers] = [await freePort(), await freePort()].map(
    (port) => `http://127.0.0.1:${port}`,
  );
  if (clients === undefined || peers === undefined) throw new TypeError('two URLs were made');
  const args = [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
  const etcd = startProcess({ name: 'etcd', command: programPath('etcd'), args, folder });
  processes.push(etcd);
  const isHealthy = async (): Promise<boolean> => (await fetch(`${clients}/health`)).ok;
  await waitUntil('etcd is healthy', isHealthy, { processes });
  return clients;
}

/** Writes a file that only this user reads. */
async function keep(site: Site, name: string, text: string): Promise<string> {
  const path = join(site.folder, 'pki', name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function startKubeApiserver(
  site: Site,
  flags: readonly string[],
  processes: RunningProcess[],
): Promise<void> {
  const { authority, folder } = site;
  const serving = await authority.issue({
    commonName: 'kube-apiserver',
    hosts: ['localhost', 'kubernetes.default.svc', '127.0.0.1', '10.96.0.1'],
  });
  // The key that signs the tokens of service accounts; its public half is read from a certificate as well.
  const tokens = await authority.issue({ commonName: 'service-accounts' });
  const args = [
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${site.port}`,
    '--endpoint-reconciler-type=none',
    `--service-cluster-ip-range=${serviceRange}`,
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    `--client-ca-file=${await keep(site, 'ca.crt', authority.caPem)}`,
    `--tls-cert-file=${await keep(site, 'serving.crt', serving.certificatePem)}`,
    `--tls-private-key-file=${await keep(site, 'serving.key', serving.keyPem)}`,
    `--service-account-issuer=${issuer}`,
    `--service-account-signing-key-file=${await keep(site, 'tokens.key', tokens.keyPem)}`,
    `--service-account-key-file=${await keep(site, 'tokens.crt', tokens.certificatePem)}`,
    `--audit-policy-file=${await keep(site, 'audit-policy.json', JSON.stringify(auditPolicy))}`,
    `--audit-log-path=${join(folder, 'audit.log')}`,
    ...flags,
  ];
  const command = programPath('kube-apiserver', site.version);
  processes.push(startProcess({ name: 'kube-apiserver', command, args, folder }));
}

async function startControllerManager(site: Site, processes: RunningProcess[]): Promise<void> {
  const { folder, authority } = site;
  const user = 'system:kube-controller-manager';
  const certificate = await authority.issue({ commonName: user });
  const kubeconfig = await writeKubeconfig(site, user, certificate);
  const args = [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--use-service-account-credentials=true',
    `--controllers=${controllers.join(',')}`,
    // The default of 20 requests a second is what a start waits for.
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
    `--service-account-private-key-file=${join(folder, 'pki', 'tokens.key')}`,
    `--root-ca-file=${join(folder, 'pki', 'ca.crt')}`,
    '--leader-elect=false',
    '--secure-port=0',
  ];
  const command = programPath('kube-controller-manager', site.version);
  processes.push(startProcess({ name: 'kube-controller-manager', command, args, folder }));
}

async function writeKubeconfig(
  site: Site,
  user: string,
  certificate: Certificate,
): Promise<string> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const cluster = {
    server: site.url,
    'certificate-authority-data': base64(site.authority.caPem),
  };
  const credentials = {
    'client-certificate-data': base64(certificate.certificatePem),
    'client-key-data': base64(certificate.keyPem),
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name: 'test', context: { cluster: 'test', user } }],
    'current-context': 'test',
  };
  return keep(site, `${user.replaceAll(':', '-')}.kubeconfig`, JSON.stringify(config));
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
