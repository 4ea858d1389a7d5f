/**
 * A real istiod in front of a test's API server: its charts' objects with their own RBAC, and pilot-discovery on loopback.
 * There are no nodes: pods are injected and stored, and a pilot-agent of the test's own gets its configuration from it.
 */
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { ApiServer } from './api-server.ts';
import { programPath } from './components.ts';
import { freePort } from './free-port.ts';
import { runCommand, startProcess, waitUntil, type RunningProcess } from './processes.ts';
import { apply, pointedAt } from './webhook.ts';
import { createWorkFolder, type WorkFolder } from './work-folder.ts';

/** Another version than the pinned one, which `scripts/components` installs when asked for it by name. */
const version = process.env['SVIDECAR_ISTIO'];
const suffix = version === undefined ? '' : `-${version}`;
const istiodProgram = `pilot-discovery${suffix}`;
const istioFiles = `istio-files${suffix}`;
/** What `describeWithComponents` is asked for, beside the API server's programs. */
export const istiodPrograms = [istiodProgram, istioFiles, 'helm'];
const istioNamespace = 'istio-system';
const hookKinds = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];
/** What only nodes could run. */
const unwanted = ['Deployment', 'HorizontalPodAutoscaler', ...hookKinds];

export interface IstiodOptions {
  /** More values for the chart of istiod, such as `{ meshConfig: … }`. */
  readonly values?: JsonObject;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Istiod {
  /** What a pilot-agent connects to by TLS; it has the root from ConfigMap `istio-ca-root-cert` of its namespace. */
  readonly discoveryAddress: string;
  /** Its plain HTTP port: `/ready`, `/debug/…`. */
  readonly httpUrl: string;
  readonly pid: number;
  readonly logFile: string;
  stop(): Promise<void>;
}

/** A file or folder of Istio's, as it lies in Istio's repository. */
export function istioFile(...names: readonly string[]): string {
  return join(programPath(istioFiles), ...names);
}

/**
 * Stock Envoy has none of the filters that Istio adds to its own build, and refuses a configuration that names them.
 * @see https://istio.io/latest/docs/reference/commands/pilot-discovery/#envvars
 */
const stockEnvoy = {
  PILOT_ENABLE_METADATA_EXCHANGE: 'false',
  PILOT_ENABLE_ALPN_FILTER: 'false',
};

/** Installs and starts it; returns when a pod is injected: 9 to 12 s, so share one. */
export async function startIstiod(api: ApiServer, options: IstiodOptions = {}): Promise<Istiod> {
  const work = await createWorkFolder('istiod');
  const processes: RunningProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((each) => each.stop(0)));
    await work.remove();
  };
  try {
    return { ...(await start(api, options, { work, processes })), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  api: ApiServer,
  { values = {}, env = {} }: IstiodOptions,
  { work, processes }: { readonly work: WorkFolder; readonly processes: RunningProcess[] },
): Promise<Omit<Istiod, 'stop'>> {
  const ports = { https: await freePort(), secureGrpc: await freePort(), http: await freePort() };
  await api.createNamespace(istioNamespace);
  const objects = await chart(values);
  const hooks = objects
    .filter((object) => hookKinds.includes(kindOf(object)))
    .map((hook) => pointedAt(hook, { url: `https://127.0.0.1:${ports.https}` }));
  const rest = objects.filter((object) => !unwanted.includes(kindOf(object)));
  const crds = ['create', '-f', istioFile('manifests/charts/base/files/crd-all.gen.yaml')];
  const made = await api.kubectl(crds);
  if (made.code !== 0) throw new Error(`kubectl create of Istio's CRDs: ${made.stderr}`);
  await apply(api, [...rest, ...hooks]);
  const istiod = startProcess({
    name: 'istiod',
    command: programPath(istiodProgram),
    args: await argumentsFor(api, ports),
    folder: work.path,
    env: { ...environment(work), ...stockEnvoy, ...env },
  });
  processes.push(istiod);
  const httpUrl = `http://127.0.0.1:${ports.http}`;
  await waitUntil('istiod is ready', async () => (await fetch(`${httpUrl}/ready`)).ok, {
    processes,
  });
  await waitUntilInjecting(api, processes);
  const { pid, logFile } = istiod;
  return { discoveryAddress: `127.0.0.1:${ports.secureGrpc}`, httpUrl, pid, logFile };
}

function kindOf(object: JsonObject): string {
  return stringAt(object, 'kind') ?? '';
}

/** What `helm template` prints of istiod's chart. */
async function chart(values: JsonObject): Promise<readonly JsonObject[]> {
  const args = ['template', 'istiod', istioFile('manifests/charts/istio-control/istio-discovery')];
  const { code, stdout, stderr } = await runCommand(
    programPath('helm'),
    [...args, '--namespace', istioNamespace, '--values', '-'],
    { input: stringify({ telemetry: { enabled: false }, ...values }) },
  );
  if (code !== 0) throw new Error(`helm template: ${stderr}`);
  return parseAllDocuments(stdout).flatMap((document): JsonObject[] => {
    const object: unknown = document.toJS();
    return isObject(object) ? [object] : [];
  });
}

/** With the rights of the chart's ServiceAccount; ports that nobody asks for here get any free number. */
async function argumentsFor(
  api: ApiServer,
  ports: { readonly https: number; readonly secureGrpc: number; readonly http: number },
): Promise<string[]> {
  const kubeconfig = await api.kubeconfigFor(`system:serviceaccount:${istioNamespace}:istiod`, [
    'system:serviceaccounts',
    `system:serviceaccounts:${istioNamespace}`,
    'system:authenticated',
  ]);
  return [
    'discovery',
    `--kubeconfig=${kubeconfig}`,
    `--httpsAddr=127.0.0.1:${ports.https}`,
    `--secureGRPCAddr=127.0.0.1:${ports.secureGrpc}`,
    `--httpAddr=127.0.0.1:${ports.http}`,
    '--grpcAddr=127.0.0.1:0',
    '--monitoringAddr=127.0.0.1:0',
    '--ctrlz_port=0',
    '--profile=false',
  ];
}

function environment(work: WorkFolder): Readonly<Record<string, string>> {
  return {
    HOME: work.path,
    TMPDIR: work.path,
    POD_NAME: 'istiod-1',
    POD_NAMESPACE: istioNamespace,
    SERVICE_ACCOUNT: 'istiod',
    REVISION: 'default',
    CLUSTER_ID: 'Kubernetes',
    PILOT_CERT_PROVIDER: 'istiod',
    ISTIOD_CUSTOM_HOST: '127.0.0.1',
    INJECTION_WEBHOOK_CONFIG_NAME: 'istio-sidecar-injector',
    VALIDATION_WEBHOOK_CONFIG_NAME: `istio-validator-${istioNamespace}`,
    GOMAXPROCS: '2',
  };
}

/** It writes the authority of its hooks by itself, and the API server takes a moment to read that. */
async function waitUntilInjecting(
  api: ApiServer,
  processes: readonly RunningProcess[],
): Promise<void> {
  await api.createNamespace('istio-probe', { 'istio-injection': 'enabled' });
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe' },
    spec: { containers: [{ name: 'app', image: 'app:1' }] },
  };
  const isInjected = async (): Promise<boolean> => {
    const path = '/api/v1/namespaces/istio-probe/pods?dryRun=All';
    const { status, body } = await api.request('POST', path, pod);
    return status === 201 && isObject(body) && hasProxy(objectAt(body, 'spec'));
  };
  await waitUntil('istiod injects', isInjected, { processes });
}

function hasProxy(spec: JsonObject): boolean {
  return [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')].some(
    (each) => isObject(each) && stringAt(each, 'name') === 'istio-proxy',
  );
}
