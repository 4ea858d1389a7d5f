/**
 * A mesh on one machine: real API server, istiod, SPIRE and our webhook; each pod in a network of its own, with the traffic
 * captured by Istio's own rules, pilot-agent on stock Envoy, the helper and an app.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { healthPort, helperContainer } from '../../../sidecar/config/helper-contract.ts';
import { runSvidecar } from '../../fakes/fake-terminal.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { discoveryPort, startIstioProxy, type IstioProxy } from '../harness/istio-proxy.ts';
import { istiodPrograms, startIstiod, type Istiod } from '../harness/istiod.ts';
import { createPodNetwork, type NetworkPod, type PodNetwork } from '../harness/pod-network.ts';
import { askFrom } from '../harness/pod-requests.ts';
import { waitUntil, type RunningProcess } from '../harness/processes.ts';
import { startSpire, type Spire } from '../harness/spire.ts';
import type { Entry } from '../harness/spire-server.ts';
import { apply, installWebhook, type InstalledWebhook } from '../harness/webhook.ts';
import { createWorkFolder, type WorkFolder } from '../harness/work-folder.ts';
import { bundleInto, runtimeIn } from '../mesh/helper-process.ts';

export const meshNamespace = 'shop';
/** What `describeWithComponents` is asked for. */
export const meshPrograms = [
  'kube-apiserver',
  'envoy',
  'pilot-agent',
  'spire-agent',
  ...istiodPrograms,
];
/** What Istio's proxy asks SPIRE's agent for. @see https://istio.io/latest/docs/ops/integrations/spire/ */
const sds = {
  default_svid_name: 'default',
  default_bundle_name: 'null',
  default_all_bundles_name: 'ROOTCA',
};

/** Two for each pod: its proxy's and its helper's. */
const firstUid = 31_001;

export interface MeshPodSpec {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the app, all by HTTP; none: there is no app. */
  readonly appPorts?: readonly number[];
  /** Istio's gateway in place of an app. */
  readonly isGateway?: boolean;
  /** Its proxy does not see SPIRE's socket. */
  readonly isOfIstiod?: boolean;
  /** Of a Service of the same name: names and numbers. */
  readonly service?: Readonly<Record<string, number>>;
  /** Life of its tokens, seconds. */
  readonly jwtTtlS?: number;
}

export interface MeshPod {
  readonly name: string;
  readonly network: NetworkPod;
  readonly proxy: IstioProxy;
  /** As it is stored. */
  readonly object: JsonObject;
  /** Address of its Service. */
  readonly clusterIp: string;
  /** Undefined without a helper. */
  readonly helper: RunningProcess | undefined;
  /** Ends the helper and starts another. */
  restartHelper(graceMs?: number): Promise<void>;
  /** A token of its ServiceAccount, as the helper would get one. */
  token(audience: string): Promise<string>;
  /** Changes its registrations in SPIRE, its proxy's and its helper's; `{}`: as at the start. */
  register(change: Registration): Promise<void>;
}

type Registration = Pick<Entry, 'x509TtlS' | 'jwtTtlS' | 'federatesWith'>;

export interface Mesh {
  readonly api: ApiServer;
  readonly istiod: Istiod;
  readonly spire: Spire;
  readonly webhook: InstalledWebhook;
  apply(...objects: readonly JsonObject[]): Promise<void>;
  addPod(spec: MeshPodSpec): Promise<MeshPod>;
  stop(): Promise<void>;
}

interface MeshSite {
  readonly api: ApiServer;
  readonly istiod: Istiod;
  readonly spire: Spire;
  readonly network: PodNetwork;
  readonly work: WorkFolder;
}

/** @param options.values of istiod's chart; 20 to 30 s */
export async function startMesh(
  options: { readonly values?: JsonObject; readonly config?: string } = {},
): Promise<Mesh> {
  const work = await createWorkFolder('mesh');
  const ends: (() => Promise<unknown>)[] = [() => work.remove()];
  const stop = async (): Promise<void> => {
    for (const end of ends.toReversed()) await end();
  };
  try {
    const [api, spire] = await Promise.all([startApiServer(), startSpire({ sds })]);
    ends.push(
      () => api.stop(),
      () => spire.stop(),
    );
    const { meshConfig = {}, ...values } = options.values ?? {};
    const trusted = {
      trustDomain: spire.server.trustDomain,
      ...objectAt({ meshConfig }, 'meshConfig'),
    };
    const istiod = await startIstiod(api, { values: { ...values, meshConfig: trusted } });
    ends.push(() => istiod.stop());
    const webhook = await installWebhook(api, options.config);
    ends.push(() => webhook.stop());
    const network = await createPodNetwork();
    ends.push(() => network.stop());
    await api.createNamespace(meshNamespace, {
      'istio-injection': 'enabled',
      'svidecar.dev/injection': 'enabled',
    });
    const pods: MeshPodProcesses[] = [];
    ends.push(() => Promise.all(pods.map((pod) => pod.stop())));
    let nextUid = firstUid;
    const site = { api, istiod, spire, network, work };
    return {
      api,
      istiod,
      spire,
      webhook,
      apply: (...objects) => apply(api, objects),
      async addPod(spec) {
        const uid = nextUid;
        nextUid += 2;
        const pod = await runPod(site, spec, uid);
        pods.push(pod);
        return pod;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface MeshPodProcesses extends MeshPod {
  stop(): Promise<void>;
}

/** @param uid of its proxy; the next one is the helper's */
async function runPod(site: MeshSite, spec: MeshPodSpec, uid: number): Promise<MeshPodProcesses> {
  const { api, spire, network } = site;
  const { name, appPorts = [] } = spec;
  const register = await registered(spire, spec, [uid, uid + 1]);
  const object = await storePod(api, spec);
  await applyFilter(api, spec);
  const inward = { [discoveryPort]: Number(site.istiod.discoveryAddress.split(':')[1]) };
  const pod = await network.addPod(name, inward);
  const clusterIp = await storeService(api, spec, pod.address);
  const app =
    appPorts.length === 0
      ? undefined
      : pod.start({
          name: `${name}-app`,
          command: process.execPath,
          args: [join(import.meta.dirname, 'app.ts'), ...appPorts.map(String)],
          folder: site.work.path,
        });
  const hasHelper = containersIn(object).includes(helperContainer);
  const start = (): Promise<RunningProcess> => startHelper(site, { object, pod, uid: uid + 1 });
  const running = { helper: hasHelper ? await start() : undefined };
  const socketPath = spec.isOfIstiod === true ? undefined : spire.socketPath;
  const proxy = await startIstioProxy(api, { pod: object, network: pod, uid, socketPath });
  return {
    name,
    network: pod,
    proxy,
    object,
    clusterIp,
    register,
    get helper() {
      return running.helper;
    },
    restartHelper: async (graceMs) => {
      await running.helper?.stop(graceMs);
      running.helper = await start();
    },
    token: async (audience) => {
      const fetched = await spire.fetchJwt(uid + 1, audience);
      if (fetched.kind !== 'token') throw new Error(`no token for ${name}: ${fetched.output}`);
      return fetched.token;
    },
    stop: async () => {
      await Promise.all([proxy.stop(), app?.stop(0), running.helper?.stop(0)]);
    },
  };
}

/** Makes entries of a ServiceAccount for users. @returns what changes all of them */
async function registered(
  spire: Spire,
  { name, jwtTtlS }: Pick<MeshPodSpec, 'name' | 'jwtTtlS'>,
  uids: readonly number[],
): Promise<MeshPod['register']> {
  const spiffeId = `spiffe://${spire.server.trustDomain}/ns/${meshNamespace}/sa/${name}`;
  const life = jwtTtlS === undefined ? {} : { jwtTtlS };
  const made = uids.map(async (uid) => {
    const entry = { spiffeId, parentId: spire.agentId, selectors: [`unix:uid:${uid}`], ...life };
    return { id: await spire.createEntry(entry), entry };
  });
  const entries = await Promise.all(made);
  return async (change) => {
    for (const { id, entry } of entries)
      await spire.server.updateEntry(id, { ...entry, ...change });
  };
}

function containersIn(pod: JsonObject): readonly (string | undefined)[] {
  const spec = objectAt(pod, 'spec');
  return [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')]
    .filter(isObject)
    .map((each) => stringAt(each, 'name'));
}

function manifestOf(spec: MeshPodSpec): JsonObject {
  const { name, labels = {}, annotations = {}, isGateway = false } = spec;
  const asksIstio = isGateway ? { 'inject.istio.io/templates': 'gateway' } : {};
  const container = isGateway
    ? { name: 'istio-proxy', image: 'auto' }
    : { name: 'app', image: 'app:1' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: meshNamespace,
      labels: { app: name, ...labels },
      annotations: { ...asksIstio, ...annotations },
    },
    spec: { serviceAccountName: name, containers: [container] },
  };
}

/** As `svidecar inject` prints it. */
async function applyFilter(api: ApiServer, spec: MeshPodSpec): Promise<void> {
  const { out, err, code } = await runSvidecar(['inject', '-'], {
    stdin: JSON.stringify(manifestOf(spec)),
  });
  if (code !== 0) throw new Error(err);
  const objects = parseAllDocuments(out)
    .map((each) => each.toJS() as unknown)
    .filter(isObject);
  const filters = objects.filter(({ kind }) => kind === 'EnvoyFilter');
  if (filters.length > 0) await apply(api, filters);
}

/** Through both injectors. @throws {Error} with what the API server answers when it is refused */
async function storePod(api: ApiServer, spec: MeshPodSpec): Promise<JsonObject> {
  const { name } = spec;
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: meshNamespace },
  };
  await apply(api, [account]);
  const path = `/api/v1/namespaces/${meshNamespace}/pods`;
  const { status, body } = await api.request('POST', path, manifestOf(spec));
  if (status !== 201 || !isObject(body))
    throw new Error(
      `${name}: ${stringAt(isObject(body) ? body : {}, 'message') ?? String(status)}`,
    );
  return body;
}

/** No controller here makes the endpoints of a Service. */
async function storeService(api: ApiServer, spec: MeshPodSpec, address: string): Promise<string> {
  const { name, service = {} } = spec;
  const ports = Object.entries(service).map(([key, port]) => ({
    name: key,
    port,
    targetPort: port,
  }));
  if (ports.length === 0) return '';
  const metadata = { name, namespace: meshNamespace };
  const labels = { 'kubernetes.io/service-name': name };
  await apply(api, [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: name }, ports } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels },
      addressType: 'IPv4',
      endpoints: [
        {
          addresses: [address],
          conditions: { ready: true },
          targetRef: { kind: 'Pod', name, namespace: meshNamespace },
        },
      ],
      ports: ports.map(({ name: key, port }) => ({ name: key, port, protocol: 'TCP' })),
    },
  ]);
  const path = `/api/v1/namespaces/${meshNamespace}/services/${name}`;
  const { body } = await api.request('GET', path);
  return stringAt(objectAt(isObject(body) ? body : {}, 'spec'), 'clusterIP') ?? '';
}

/** With the settings of the ConfigMap that the stored pod mounts; returns when it is ready. */
async function startHelper(
  { api, spire, work }: MeshSite,
  told: { readonly object: JsonObject; readonly pod: NetworkPod; readonly uid: number },
): Promise<RunningProcess> {
  const { object, pod, uid } = told;
  const volumes = listAt(objectAt(object, 'spec'), 'volumes').filter(isObject);
  const settings = volumes.find((each) => each['name'] === 'svidecar-settings');
  const configMap = stringAt(objectAt(settings, 'configMap'), 'name') ?? '';
  const path = `/api/v1/namespaces/${meshNamespace}/configmaps/${configMap}`;
  const isThere = async (): Promise<boolean> => (await api.request('GET', path)).status === 200;
  await waitUntil(`ConfigMap ${configMap} is kept`, isThere);
  const { body } = await api.request('GET', path);
  const name = `${stringAt(objectAt(object, 'metadata'), 'name') ?? ''}-helper`;
  const file = join(work.path, `${name}.yaml`);
  writeFileSync(file, stringAt(objectAt(isObject(body) ? body : {}, 'data'), 'helper.yaml') ?? '');
  chmodSync(file, 0o644);
  const running = pod.start({
    name,
    command: runtimeIn(work.path, 'node'),
    args: [await bundleInto(work.path), '-config', file],
    folder: work.path,
    env: { SPIFFE_ENDPOINT_SOCKET: spire.endpoint, POD_NAMESPACE: meshNamespace },
    uid,
  });
  const asked = { host: '127.0.0.1', port: healthPort, path: '/readyz' };
  const isReady = async (): Promise<boolean> => (await askFrom(pod, asked)).status === 200;
  await waitUntil(`${name} is ready`, isReady, { processes: [running] });
  return running;
}
