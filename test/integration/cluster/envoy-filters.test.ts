/** EnvoyFilters kept in a real API server with Istio's CRDs, with the rights that the manifests give and no more. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { Cluster } from '../../../webhook/controller/cluster.ts';
import type { ClusterLimits } from '../../../webhook/controller/cluster-limits.ts';
import type { Desire } from '../../../webhook/controller/desire.ts';
import { markedWanted, renderMarked } from '../../../webhook/desired/marks.ts';
import { managedBy } from '../../../webhook/desired/desired.ts';
import { connect } from '../../../webhook/kube/connection.ts';
import { statusOf } from '../../../webhook/injection/status.ts';
import { injected } from '../../fakes/admission.ts';
import { engineFor } from '../../fakes/engine.ts';
import { runSvidecar } from '../../fakes/fake-terminal.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { appAlone, deployment, type Annotations } from '../../fakes/workloads.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { slowness } from '../harness/pace.ts';
import { waitUntil } from '../harness/processes.ts';
import { envoyFilterCrd, installEnvoyFilterCrd } from '../harness/istio-crds.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'istio-files'];
const serviceAccount = 'system:serviceaccount:svidecar:svidecar';
const asks: Annotations = {
  'inject.svidecar.dev/templates': 'jwt-validate',
  'svidecar.dev/envoy-container': 'istio-proxy',
};
const engine = engineFor();
const marking = { memory: engine.memory, marks: engine.config.configMaps };
const desire: Desire = {
  wanted: (users) => markedWanted(users, marking),
  render: (namespace, envoy, source) => renderMarked(envoy, { namespace, source }, marking),
};

describeWithComponents(programs, "EnvoyFilters in a cluster with Istio's kinds", () => {
  let api: ApiServer;
  let kubeconfig: string;
  const stops: AbortController[] = [];
  const soon = { deadlineMs: 10_000 };

  beforeAll(async () => {
    api = await startApiServer();
    const applied = await api.kubectl(['apply', '-k', 'manifests/kustomize/base']);
    expect(applied.stderr).toBe('');
    await api.kubectl(['delete', 'mutatingwebhookconfigurations', '--all']);
    kubeconfig = await api.kubeconfigFor(serviceAccount, [
      'system:serviceaccounts',
      'system:authenticated',
    ]);
    // Nobody injects istio-proxy here, without which the guard would let no pod in.
    const labels = { 'svidecar.dev/injection': 'enabled', 'svidecar.dev/guard': 'audit' };
    await api.createNamespace('shop', labels);
  }, 120_000);
  afterAll(async () => {
    for (const stop of stops) stop.abort();
    await api.stop();
  });

  interface Room {
    readonly cluster: Cluster;
    readonly log: SilentLog;
    readonly count: (metric: string, label?: string) => number;
    readonly stop: () => void;
  }

  async function start(limits: Partial<ClusterLimits> = {}): Promise<Room> {
    const log = new SilentLog();
    const cluster = new Cluster({
      api: await connect({ kind: 'kubeconfig', path: kubeconfig }),
      desire: () => desire,
      ignoredNamespaces: () => new Set(['kube-system', 'svidecar']),
      judge: () => undefined,
      instance: 'svidecar-1',
      clock: { now: (): number => Date.now() },
      log,
      limits: { graceMs: 600, absentMs: 200, ...limits },
    });
    const stop = new AbortController();
    stops.push(stop);
    cluster.start(stop.signal);
    await waitUntil('it is ready', () => Promise.resolve(cluster.missing().length === 0), soon);
    return {
      cluster,
      log,
      count: (metric, label = '') =>
        cluster
          .metrics()
          .filter(({ name }) => name === metric)
          .flatMap(({ samples }) => samples)
          .filter(({ labels }) => label === '' || Object.values(labels ?? {}).includes(label))
          .reduce((sum, { value }) => sum + value, 0),
      stop: () => {
        stop.abort();
      },
    };
  }

  async function read(path: string): Promise<JsonObject | undefined> {
    const { status, body } = await api.request('GET', path);
    return status === 200 && isObject(body) ? body : undefined;
  }
  const filterPath = (name = ''): string =>
    `/apis/networking.istio.io/v1alpha3/namespaces/shop/envoyfilters${name === '' ? '' : `/${name}`}`;
  const configMapPath = (name: string): string => `/api/v1/namespaces/shop/configmaps/${name}`;
  const deployments = '/apis/apps/v1/namespaces/shop/deployments';
  const filterOf = (name: string): Promise<JsonObject | undefined> => read(filterPath(name));
  const uidOf = (object: JsonObject | undefined): string | undefined =>
    stringAt(objectAt(object, 'metadata'), 'uid');
  const events = async (): Promise<string> =>
    JSON.stringify(await read('/apis/events.k8s.io/v1/namespaces/shop/events'));

  /** Stores a workload as admission would, and gives the name of its EnvoyFilter. */
  async function deploy(name: string, annotations: Annotations = {}): Promise<string> {
    const object = injected(deployment({ ...asks, ...annotations }, appAlone), { engine });
    const spec = { ...objectAt(object, 'spec'), selector: { matchLabels: { app: 'frontend' } } };
    const metadata = { name };
    const { status, body } = await api.request('POST', deployments, { ...object, metadata, spec });
    expect(status, JSON.stringify(body)).toBe(201);
    return statusOf(objectAt(spec, 'template'))?.envoy?.derived ?? '';
  }

  const both = async (name: string): Promise<boolean> =>
    (await filterOf(name)) !== undefined && (await read(configMapPath(name))) !== undefined;

  test('without the kind it is ready, says so, and makes no ConfigMap that pods would start by', async () => {
    const { cluster, count, stop } = await start();
    const name = await deploy('early');
    expect(name).toMatch(/^istio-svidecar-/);
    const words = 'the cluster has no kind EnvoyFilter';
    await waitUntil('it is told', () => Promise.resolve(cluster.problems().join().includes(words)));
    expect(count('svidecar_envoyfilter_problems')).toBe(1);
    expect(cluster.envoyFilters()).toBe('absent');
    expect(count('svidecar_envoyfilter_available')).toBe(0);
    expect(await read(configMapPath(name))).toBeUndefined();
    await installEnvoyFilterCrd(api);
    await waitUntil('both are there', () => both(name), soon);
    expect(cluster.envoyFilters()).toBe('there');
    await waitUntil('all is well', () => Promise.resolve(cluster.problems().length === 0));
    stop();
  });

  test('the EnvoyFilter comes first, for the pods with its label alone, and nobody owns it', async () => {
    const { stop } = await start();
    const name = await deploy('web', { 'svidecar.dev/validate-listeners': '9001' });
    await waitUntil('both are there', () => both(name), soon);
    const filter = await filterOf(name);
    expect(objectAt(filter, 'metadata')).toMatchObject({
      labels: { 'app.kubernetes.io/managed-by': 'svidecar' },
    });
    expect(objectAt(filter, 'metadata')).not.toHaveProperty('ownerReferences');
    expect(objectAt(filter, 'spec')['workloadSelector']).toEqual({
      labels: { 'svidecar.dev/envoy-filter': name },
    });
    const configMap = await read(configMapPath(name));
    expect(stringAt(objectAt(configMap, 'data'), 'envoy-filter.yaml')).toContain(name);
    const versions = [filter, configMap].map((each) =>
      Number(stringAt(objectAt(each, 'metadata'), 'resourceVersion')),
    );
    expect(versions[0]).toBeLessThan(versions[1] ?? 0);
    stop();
  });

  test('one that is deleted or changed is put right at once, by two replicas without a quarrel', async () => {
    const rooms = [await start(), await start()];
    const name = await deploy('harmed', { 'svidecar.dev/validate-listeners': '9002' });
    await waitUntil('both are there', () => both(name), soon);
    const wanted = objectAt(await filterOf(name), 'spec');
    const before = uidOf(await filterOf(name));
    const began = performance.now();
    await api.request('DELETE', filterPath(name));
    await waitUntil('it is back', async () => {
      const now = uidOf(await filterOf(name));
      return now !== undefined && now !== before;
    });
    expect(performance.now() - began).toBeLessThan(2_000 * slowness);
    // Narrowed, so that it is for no pod any more: server-side apply would have left that label.
    const labels = { 'svidecar.dev/envoy-filter': name, never: 'there' };
    const narrowed = {
      spec: { workloadSelector: { labels } },
      metadata: { labels: { team: 'a' } },
    };
    await api.request('PATCH', filterPath(name), narrowed);
    await waitUntil(
      'it is for its pods again',
      async () => {
        const { workloadSelector } = objectAt(await filterOf(name), 'spec');
        return JSON.stringify(workloadSelector) === JSON.stringify(wanted['workloadSelector']);
      },
      soon,
    );
    expect(objectAt(objectAt(await filterOf(name), 'metadata'), 'labels')).toHaveProperty('team');
    await waitUntil(
      'events tell',
      async () => {
        const told = await events();
        return told.includes('EnvoyFilterRestored') && told.includes('had been changed');
      },
      soon,
    );
    expect(await read(configMapPath(name))).toBeDefined();
    await wait(300);
    const restored = (): number =>
      rooms.reduce(
        (sum, { count }) => sum + count('svidecar_envoyfilter_writes_total', 'restored'),
        0,
      );
    expect(restored()).toBe(2);
    for (const room of rooms) room.stop();
  });

  test('one under a name of ours that is not ours is left alone, and pods wait', async () => {
    const name = await deploy('taken', { 'svidecar.dev/validate-listeners': '9003' });
    const theirs = {
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'EnvoyFilter',
      metadata: { name },
      spec: { configPatches: [] },
    };
    expect((await api.request('POST', filterPath(), theirs)).status).toBe(201);
    const { cluster, stop } = await start({ lastRetryMs: 300 });
    await waitUntil('it is told', () =>
      Promise.resolve(cluster.problems().join().includes("is not svidecar's")),
    );
    expect(objectAt(await filterOf(name), 'spec')).toEqual({ configPatches: [] });
    expect(await read(configMapPath(name))).toBeUndefined();
    await api.request('DELETE', filterPath(name));
    await waitUntil('ours is there', () => both(name), soon);
    stop();
  });

  test('where it cannot be written any more, no pod starts by its ConfigMap; then it is all back', async () => {
    const name = await deploy('refused', { 'svidecar.dev/validate-listeners': '9004' });
    const { cluster, stop } = await start();
    await waitUntil('both are there', () => both(name), soon);
    const policy = 'no-envoy-filters';
    await apply(refusing(policy));
    await waitUntil(
      'the policy is in force',
      async () => {
        const tried = { kind: 'EnvoyFilter', apiVersion: 'networking.istio.io/v1alpha3' };
        const object = { ...tried, metadata: { name: 'x' }, spec: {} };
        return (await api.request('POST', `${filterPath()}?dryRun=All`, object)).status !== 201;
      },
      soon,
    );
    await api.request('DELETE', filterPath(name));
    await waitUntil(
      'the ConfigMap goes',
      async () => {
        return (await read(configMapPath(name))) === undefined;
      },
      soon,
    );
    expect(cluster.problems().join()).toContain('cannot be written');
    await api.kubectl(['delete', 'validatingadmissionpolicybinding', policy]);
    await waitUntil('both are back', () => both(name), { deadlineMs: 30_000 });
    stop();
  });

  test('it outlives its Deployment until the last pod has gone, and goes after its ConfigMap', async () => {
    const name = await deploy('ending', { 'svidecar.dev/validate-listeners': '9005' });
    const { stop } = await start();
    await waitUntil('both are there', () => both(name), soon);
    const pods = async (): Promise<number> => {
      const label = encodeURIComponent(`svidecar.dev/envoy-filter=${name}`);
      const list = await read(`/api/v1/namespaces/shop/pods?labelSelector=${label}`);
      return listAt(list, 'items').length;
    };
    await waitUntil('it has pods', async () => (await pods()) > 0, soon);
    const finalizer = { metadata: { finalizers: ['example.org/drains'] } };
    const list = await api.kubectl([
      'get',
      'pods',
      '-n',
      'shop',
      '-o',
      'name',
      '-l',
      `svidecar.dev/envoy-filter=${name}`,
    ]);
    const [pod = ''] = list.stdout.split('\n');
    await api.kubectl([
      'patch',
      pod,
      '-n',
      'shop',
      '--type=merge',
      '-p',
      JSON.stringify(finalizer),
    ]);
    await api.request('DELETE', `${deployments}/ending`);
    await waitUntil('only that pod is left', async () => (await pods()) === 1, soon);
    const before = uidOf(await filterOf(name));
    await wait(1_500);
    expect(uidOf(await filterOf(name))).toBe(before);
    await api.kubectl([
      'patch',
      pod,
      '-n',
      'shop',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    ]);
    await waitUntil('it goes', async () => (await filterOf(name)) === undefined, soon);
    expect(await read(configMapPath(name))).toBeUndefined();
    stop();
  });

  test('clean-up leaves the EnvoyFilters that workloads need, and says which', async () => {
    const { stop } = await start();
    const name = await deploy('kept', { 'svidecar.dev/validate-listeners': '9010' });
    await waitUntil('both are there', () => both(name), soon);
    const unused = `istio-svidecar-${'0'.repeat(32)}`;
    stop();
    const object = { ...(await filterOf(name)), metadata: { name: unused, labels: managedBy } };
    expect((await api.request('POST', filterPath(), object)).status).toBe(201);
    const command = ['cleanup', '--kubeconfig', api.kubeconfig, '--yes'];
    const { out, err } = await runSvidecar([...command, '--spire-server', '/nowhere.sock']);
    expect(out).toContain('1 EnvoyFilters');
    expect(err).toContain(`EnvoyFilter shop/${name} stays: Deployment shop/kept needs it`);
    expect(await filterOf(unused)).toBeUndefined();
    expect(await filterOf(name)).toBeDefined();
  });

  test('the kind goes, and comes back with all that was there', async () => {
    const { cluster, count, log, stop } = await start();
    const name = await deploy('back', { 'svidecar.dev/validate-listeners': '9006' });
    await waitUntil('both are there', () => both(name), soon);
    await api.kubectl(['delete', 'crd', envoyFilterCrd]);
    await waitUntil('it is noticed', () => Promise.resolve(cluster.envoyFilters() === 'absent'), {
      deadlineMs: 20_000,
    });
    await waitUntil(
      'no pod can start',
      async () => (await read(configMapPath(name))) === undefined,
      soon,
    );
    expect(cluster.missing()).toEqual([]);
    await installEnvoyFilterCrd(api);
    await waitUntil('both are back', () => both(name), { deadlineMs: 30_000 });
    expect(count('svidecar_envoyfilter_problems')).toBe(0);
    expect(JSON.stringify(log.lines)).not.toContain('cannot watch a resource');
    stop();
  });

  async function apply(input: string): Promise<void> {
    const { code, stderr } = await api.kubectl(['apply', '-f', '-'], { input });
    expect(code, stderr).toBe(0);
  }
});

/** As istiod's own webhook refuses, while it is away or does not like one. */
function refusing(name: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name },
        spec: {
          matchConstraints: {
            resourceRules: [
              {
                apiGroups: ['networking.istio.io'],
                apiVersions: ['*'],
                resources: ['envoyfilters'],
                operations: ['CREATE', 'UPDATE'],
              },
            ],
          },
          validations: [{ expression: 'false', message: 'not today' }],
        },
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name },
        spec: { policyName: name, validationActions: ['Deny'] },
      },
    ],
  });
}
