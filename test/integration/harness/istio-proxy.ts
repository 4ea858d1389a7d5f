/**
 * Istio's proxy of a stored pod, run as its node would: istio-init's rules in the pod's network, then pilot-agent with its
 * container's arguments and environment, on stock Envoy, with its certificate from SPIRE.
 */
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isObject, listAt, objectAt, stringAt, textsAt, type JsonObject } from '#kernel/json.ts';
import type { ApiServer } from './api-server.ts';
import { programPath } from './components.ts';
import { istioFile } from './istiod.ts';
import { askFrom } from './pod-requests.ts';
import type { NetworkPod } from './pod-network.ts';
import { runCommand, waitUntil, type RunningProcess } from './processes.ts';
import { createWorkFolder } from './work-folder.ts';

/** On the pod's loopback: where its istio-proxy finds istiod. */
export const discoveryPort = 15_012;
const adminPort = 15_000;

export interface ProxySpec {
  /** As the API server stores it. */
  readonly pod: JsonObject;
  readonly network: NetworkPod;
  /** Its own: SPIRE's agent knows it by that. */
  readonly uid: number;
  /** Of SPIRE's agent; without it istiod gives the certificate. */
  readonly socketPath: string | undefined;
}

export interface IstioProxy {
  /** The answer of Envoy's admin page, such as to `/config_dump`. */
  admin(path: string): Promise<string>;
  logTail(): string;
  stop(): Promise<void>;
}

/** Returns when Envoy is ready: some 3 s. */
export async function startIstioProxy(api: ApiServer, spec: ProxySpec): Promise<IstioProxy> {
  const work = await createWorkFolder('istio-proxy');
  let agent: RunningProcess | undefined;
  const stop = async (): Promise<void> => {
    await agent?.stop(0);
    await work.remove();
  };
  try {
    await tellAddress(api, spec);
    await writeFiles(api, spec, work.path);
    await captureTraffic(spec);
    agent = runAgent(spec, work.path);
    const admin = async (path: string): Promise<string> =>
      (await askFrom(spec.network, { host: '127.0.0.1', port: adminPort, path })).body;
    const isReady = async (): Promise<boolean> => (await admin('/ready')).trim() === 'LIVE';
    await waitUntil('istio-proxy is ready', isReady, { deadlineMs: 30_000, processes: [agent] });
    const running = agent;
    return { admin, logTail: () => running.logTail(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function bodyOf({ body }: { readonly body: unknown }): JsonObject {
  return isObject(body) ? body : {};
}

function nameOf(pod: JsonObject): { readonly name: string; readonly namespace: string } {
  const metadata = objectAt(pod, 'metadata');
  return {
    name: stringAt(metadata, 'name') ?? '',
    namespace: stringAt(metadata, 'namespace') ?? '',
  };
}

function accountOf(pod: JsonObject): string {
  return stringAt(objectAt(pod, 'spec'), 'serviceAccountName') ?? 'default';
}

/** What istiod waits for before a Service leads to it. */
async function tellAddress(api: ApiServer, { pod, network }: ProxySpec): Promise<void> {
  const { name, namespace } = nameOf(pod);
  const conditions = [{ type: 'Ready', status: 'True' }];
  const podIPs = [{ ip: network.address }];
  const status = { podIP: network.address, podIPs, phase: 'Running', conditions };
  const { code, stderr } = await api.kubectl([
    'patch',
    'pod',
    name,
    `--namespace=${namespace}`,
    '--subresource=status',
    '--type=merge',
    `--patch=${JSON.stringify({ status })}`,
  ]);
  if (code !== 0) throw new Error(stderr);
}

/** The folder that the container would see. */
async function writeFiles(
  api: ApiServer,
  { pod, uid, socketPath }: ProxySpec,
  folder: string,
): Promise<void> {
  const { name, namespace } = nameOf(pod);
  const of = `/api/v1/namespaces/${namespace}`;
  const wish = { audiences: ['istio-ca'], expirationSeconds: 3600 };
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: wish };
  const token = await api.request('POST', `${of}/serviceaccounts/${accountOf(pod)}/token`, request);
  const root = await api.request('GET', `${of}/configmaps/istio-ca-root-cert`);
  const labels = Object.entries(textsAt(objectAt(pod, 'metadata'), 'labels'));
  const files = {
    'var/run/secrets/tokens/istio-token': stringAt(objectAt(bodyOf(token), 'status'), 'token'),
    'var/run/secrets/istio/root-cert.pem': stringAt(
      objectAt(bodyOf(root), 'data'),
      'root-cert.pem',
    ),
    'etc/istio/pod/labels': labels.map(([key, value]) => `${key}="${value}"\n`).join(''),
    'etc/istio/proxy/.keep': '',
  };
  for (const [path, text] of Object.entries(files)) {
    if (text === undefined) throw new Error(`${name}: nothing for ${path}`);
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const socketFolder = join(folder, 'var/run/secrets/workload-spiffe-uds');
  await mkdir(socketFolder);
  if (socketPath !== undefined) await symlink(socketPath, join(socketFolder, 'socket'));
  // Copies that other users may run and read: the cache may lie in a home folder that they may not enter.
  await copyFile(programPath('envoy'), join(folder, 'envoy'));
  await copyFile(programPath('pilot-agent'), join(folder, 'pilot-agent'));
  const bootstrap = istioFile('tools/packaging/common/envoy_bootstrap.json');
  await copyFile(bootstrap, join(folder, 'bootstrap.json'));
  const { code, stderr } = await runCommand('chown', ['--recursive', `${uid}:${uid}`, folder]);
  if (code !== 0) throw new Error(stderr);
}

function containerNamed(pod: JsonObject, name: string): JsonObject | undefined {
  const spec = objectAt(pod, 'spec');
  return [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')]
    .filter(isObject)
    .find((container) => container['name'] === name);
}

function wordsAt(container: JsonObject | undefined, key: string): string[] {
  return listAt(container, key).map(String);
}

/** Istio's own rules, of the init container's arguments; a gateway has none. */
async function captureTraffic({ pod, network, uid }: ProxySpec): Promise<void> {
  const init = containerNamed(pod, 'istio-init');
  if (init === undefined) return;
  const words = wordsAt(init, 'args');
  const args = words.map((word, at) => (words[at - 1] === '-u' ? String(uid) : word));
  const { code, stderr, stdout } = await network.run(programPath('pilot-agent'), [
    ...args,
    '--native-nftables',
    '-g',
    String(uid),
  ]);
  if (code !== 0) throw new Error(`istio-iptables: ${stdout}${stderr}`);
}

function runAgent(spec: ProxySpec, folder: string): RunningProcess {
  const { pod, network, uid } = spec;
  const { namespace } = nameOf(pod);
  const proxy = containerNamed(pod, 'istio-proxy');
  if (proxy === undefined) throw new Error('the pod has no istio-proxy');
  const args = wordsAt(proxy, 'args').map((word) => word.replaceAll('$(POD_NAMESPACE)', namespace));
  const env = Object.entries(environmentOf(spec, proxy, folder));
  return network.start({
    name: 'istio-proxy',
    command: 'env',
    args: [
      '--ignore-environment',
      ...env.map(([name, value]) => `${name}=${value}`),
      join(folder, 'pilot-agent'),
      ...args,
      `--templateFile=${join(folder, 'bootstrap.json')}`,
    ],
    folder,
    uid,
  });
}

/** The container's, with the paths and addresses that are others here. */
function environmentOf(
  { pod, network }: ProxySpec,
  proxy: JsonObject,
  folder: string,
): Readonly<Record<string, string>> {
  const { name, namespace } = nameOf(pod);
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': name,
    'metadata.namespace': namespace,
    'spec.serviceAccountName': accountOf(pod),
    'status.podIP': network.address,
    'status.hostIP': network.address,
  };
  const given = listAt(proxy, 'env')
    .filter(isObject)
    .flatMap((each) => {
      const field = stringAt(objectAt(objectAt(each, 'valueFrom'), 'fieldRef'), 'fieldPath') ?? '';
      const value = stringAt(each, 'value') ?? fields[field];
      return value === undefined ? [] : [[stringAt(each, 'name') ?? '', value] as const];
    });
  const address = `127.0.0.1:${discoveryPort}`;
  const root = join(folder, 'var/run/secrets/istio/root-cert.pem');
  const config = {
    binaryPath: join(folder, 'envoy'),
    configPath: join(folder, 'etc/istio/proxy'),
    discoveryAddress: address,
    concurrency: 1,
  };
  return {
    ...Object.fromEntries(given),
    PATH: '/usr/bin:/bin',
    HOME: folder,
    CA_ADDR: address,
    CA_ROOT_CA: root,
    XDS_ROOT_CA: root,
    PROXY_CONFIG: JSON.stringify(config),
  };
}
