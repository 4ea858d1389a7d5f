/** The processes of a Kubernetes control plane on loopback, and the files they need. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Authority, Certificate } from './authority.ts';
import { programPath } from './components.ts';
import { kubeconfigOf } from './kubeconfig.ts';
import { freePort } from './free-port.ts';
import { startProcess, waitUntil, type RunningProcess } from './processes.ts';

/** What the parts of a control plane share. */
export interface Site {
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
  'validatingadmissionpolicy-status-controller',
];
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', verbs: ['create', 'update', 'patch', 'delete'] }, { level: 'None' }],
};

/** Starts etcd and waits until it is healthy. @returns the URL of its client port. */
export async function startEtcd(folder: string, processes: RunningProcess[]): Promise<string> {
  const clients = `http://127.0.0.1:${await freePort()}`;
  const peers = `http://127.0.0.1:${await freePort()}`;
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

/** Starts kube-apiserver and doesn't wait. @param flags after ours, `--etcd-servers` among them. */
export async function startKubeApiserver(
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

/** Starts kube-controller-manager, which gives up after 10 s without an API server, and doesn't wait. */
export async function startControllerManager(
  site: Site,
  processes: RunningProcess[],
): Promise<void> {
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

/** @returns the path of a kubeconfig with the user's certificate. */
export async function writeKubeconfig(
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
  const text = kubeconfigOf(cluster, { user, credentials });
  return keep(site, `${user.replaceAll(':', '-')}.kubeconfig`, text);
}
