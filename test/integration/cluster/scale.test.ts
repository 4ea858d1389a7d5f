/** What a change costs the API server, with many workloads: the small sister of `npm run bench:controller`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { countOf, fleetNamespace, makeFleet, makeWorkload } from '../harness/fleet.ts';
import { waitUntil } from '../harness/processes.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { engineFor } from '../../fakes/engine.ts';
import { Cluster } from '../../../webhook/controller/cluster.ts';
import { connect } from '../../../webhook/kube/connection.ts';
import { renderEnvoy, wantedBy } from '../../../webhook/desired/desired.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const size = { namespaces: 3, workloads: 10 };
const total = size.namespaces * size.workloads;
const space = fleetNamespace(0);

describeWithComponents(programs, 'the controller and a fleet of workloads', () => {
  let api: ApiServer;
  let kubeconfig: string;
  const stops: AbortController[] = [];

  beforeAll(async () => {
    api = await startApiServer();
    await api.kubectl(['apply', '-k', 'manifests/kustomize/base']);
    await api.kubectl(['delete', 'mutatingwebhookconfigurations', '--all']);
    const user = 'system:serviceaccount:svidecar:svidecar';
    kubeconfig = await api.kubeconfigFor(user, ['system:authenticated']);
    await makeFleet(api, size);
    const hasPods = async (): Promise<boolean> => (await countOf(api, '/api/v1/pods')) >= total;
    await waitUntil('every workload has its pod', hasPods);
  });
  afterAll(async () => {
    for (const stop of stops) stop.abort();
    await api.stop();
  });

  const { copies } = engineFor().memory;
  const desire = {
    wanted: wantedBy,
    render: (...[namespace, envoy, source]: Parameters<typeof render>) =>
      render(namespace, envoy, source),
  };
  function render(
    namespace: string,
    envoy: Parameters<typeof renderEnvoy>[1],
    source: Parameters<typeof renderEnvoy>[2]['source'],
  ): ReturnType<typeof renderEnvoy> {
    return renderEnvoy(namespace, envoy, { source, copies });
  }

  /** A replica that says nothing of what it did: events have their own test. */
  async function start(): Promise<Cluster> {
    const cluster = new Cluster({
      api: await connect({ kind: 'kubeconfig', path: kubeconfig }),
      desire: () => desire,
      ignoredNamespaces: () => new Set(['kube-system', 'svidecar']),
      judge: () => undefined,
      instance: 'svidecar-1',
      clock: { now: () => Date.now() },
      log: new SilentLog(),
      limits: { newsMs: 0, eventsWaiting: 0 },
    });
    const stop = new AbortController();
    stops.push(stop);
    cluster.start(stop.signal);
    await waitUntil('it has looked at everything', () =>
      Promise.resolve(
        figure(cluster, 'svidecar_envoy_renderings_total') >= total &&
          figure(cluster, 'svidecar_controller_backlog') === 0,
      ),
    );
    return cluster;
  }

  function figure(cluster: Cluster, name: string, labels: Record<string, string> = {}): number {
    const samples = cluster.metrics().find((each) => each.name === name)?.samples ?? [];
    return samples
      .filter((sample) =>
        Object.entries(labels).every(([key, value]) => sample.labels?.[key] === value),
      )
      .reduce((sum, { value }) => sum + value, 0);
  }

  const calls = (cluster: Cluster, verb: string): number =>
    figure(cluster, 'svidecar_cluster_calls_total', { verb });

  /** Calls until nothing more happens. */
  async function costOf(
    cluster: Cluster,
    change: () => Promise<unknown>,
  ): Promise<Record<string, number>> {
    const verbs = ['get', 'apply', 'delete', 'create'];
    const before = verbs.map((verb) => calls(cluster, verb));
    await change();
    await sleep(1_500);
    return Object.fromEntries(
      verbs.map((verb, i) => [verb, calls(cluster, verb) - (before[i] ?? 0)]),
    );
  }

  test('a first start makes two ConfigMaps a workload, with two calls each', async () => {
    const cluster = await start();
    expect(calls(cluster, 'apply')).toBe(2 * total);
    // One look before each, and the lists.
    expect(calls(cluster, 'get')).toBeLessThanOrEqual(2 * total + 15);
    stops.at(-1)?.abort();
  });

  test('a restart writes nothing', async () => {
    const cluster = await start();
    await sleep(1_000);
    expect(calls(cluster, 'apply')).toBe(0);
    expect(calls(cluster, 'delete')).toBe(0);
    expect(calls(cluster, 'create')).toBe(0);
    expect(calls(cluster, 'get')).toBeLessThanOrEqual(15);
    stops.at(-1)?.abort();
  });

  test('a change costs what it changes, however many workloads there are', async () => {
    const cluster = await start();
    const deployments = `/apis/apps/v1/namespaces/${space}/deployments`;
    const quiet = { get: 0, apply: 0, delete: 0, create: 0 };
    const source = `/api/v1/namespaces/${space}/configmaps/web-0-envoy`;
    const renderings = figure(cluster, 'svidecar_envoy_renderings_total');
    const scaled = await costOf(cluster, () =>
      api.request('PATCH', `${deployments}/web-1`, { spec: { replicas: 3 } }),
    );
    expect(scaled).toEqual(quiet);
    const labelled = await costOf(cluster, () =>
      api.request('PATCH', source, { metadata: { labels: { team: 'a' } } }),
    );
    expect(labelled).toEqual(quiet);
    // The version of the source is another, so its copy was made again; nobody else's was.
    expect(figure(cluster, 'svidecar_envoy_renderings_total') - renderings).toBe(1);
    const edited = await costOf(cluster, async () => {
      const text = String.raw`static_resources: {listeners: []}`;
      // Cannot be patched: the last good copy stays, and nothing is written.
      await api.request('PATCH', source, { data: { 'envoy.yaml': text } });
    });
    expect(edited).toEqual(quiet);
    const added = await costOf(cluster, () => makeWorkload(api, space, 'web-new'));
    expect(added).toEqual({ ...quiet, get: 2, apply: 2 });
  });
});
