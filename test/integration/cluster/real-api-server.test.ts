/** The cluster room against a real API server, with the rights that the manifests give it and no more. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { derivedFor, desireForTests, helperFor } from '../../fakes/desire.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { bestRound, slowness } from '../harness/pace.ts';
import { Cluster } from '../../../webhook/controller/cluster.ts';
import { connect } from '../../../webhook/kube/connection.ts';
import type { ClusterLimits } from '../../../webhook/controller/cluster-limits.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const serviceAccount = 'system:serviceaccount:svidecar:svidecar';

function asObject(value: unknown): JsonObject {
  if (!isObject(value)) throw new TypeError(`not an object: ${JSON.stringify(value)}`);
  return value;
}

/** Looks every 20 ms. @param ms as is promised for a quiet machine @returns milliseconds it took */
async function within(
  ms: number,
  what: string,
  isSo: () => Promise<boolean> | boolean,
): Promise<number> {
  const began = performance.now();
  while (performance.now() - began < ms * slowness) {
    if (await isSo()) return performance.now() - began;
    await wait(20);
  }
  throw new Error(`not within ${ms * slowness} ms: ${what}`);
}

interface Shop {
  readonly source: JsonObject;
  readonly web: JsonObject;
  /** Milliseconds from the Deployment to the ConfigMaps that svidecar makes for it. */
  readonly tookMs: number;
}

describeWithComponents(programs, 'the cluster room and a real API server', () => {
  let api: ApiServer;
  let kubeconfig: string;
  const stops: AbortController[] = [];

  beforeAll(async () => {
    api = await startApiServer();
    const applied = await api.kubectl(['apply', '-k', 'manifests/kustomize/base']);
    expect(applied.stderr).toBe('');
    // The hooks have no server here; their own test is beside this one.
    await api.kubectl(['delete', 'mutatingwebhookconfigurations', '--all']);
    kubeconfig = await api.kubeconfigFor(serviceAccount, [
      'system:serviceaccounts',
      'system:authenticated',
    ]);
  });
  afterAll(async () => {
    for (const stop of stops) stop.abort();
    await api.stop();
  });

  async function label(namespace: string, injection: string | null): Promise<void> {
    await api.request('PATCH', `/api/v1/namespaces/${namespace}`, {
      metadata: { labels: { 'svidecar.dev/injection': injection } },
    });
  }

  async function start(
    limits: Partial<ClusterLimits> = {},
  ): Promise<{ cluster: Cluster; log: SilentLog; stop: AbortController }> {
    const log = new SilentLog();
    const cluster = new Cluster({
      api: await connect({ kind: 'kubeconfig', path: kubeconfig }),
      desire: () => desireForTests,
      ignoredNamespaces: () => new Set(['kube-system', 'svidecar']),
      judge: () => undefined,
      instance: 'svidecar-1',
      clock: { now: (): number => Date.now() },
      log,
      limits: { graceMs: 600, ...limits },
    });
    const stop = new AbortController();
    stops.push(stop);
    expect(cluster.missing()).toContain('the list of configmaps');
    cluster.start(stop.signal);
    await within(10_000, 'everything is listed', () => cluster.missing().length === 0);
    return { cluster, log, stop };
  }

  async function read(path: string): Promise<JsonObject | undefined> {
    const { status, body } = await api.request('GET', path);
    return status === 200 ? asObject(body) : undefined;
  }

  const configMapPath = (namespace: string, name = ''): string =>
    `/api/v1/namespaces/${namespace}/configmaps${name === '' ? '' : `/${name}`}`;
  const readConfigMap = (namespace: string, name: string): Promise<JsonObject | undefined> =>
    read(configMapPath(namespace, name));

  async function dataOf(namespace: string, name: string): Promise<string | undefined> {
    return stringAt(objectAt(await readConfigMap(namespace, name), 'data'), 'envoy.yaml');
  }

  async function create(path: string, object: JsonObject): Promise<JsonObject> {
    const { status, body } = await api.request('POST', path, object);
    expect(status, JSON.stringify(body)).toBe(201);
    return asObject(body);
  }

  const makeConfigMap = (namespace: string, name: string, text: string): Promise<JsonObject> =>
    create(configMapPath(namespace), {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: { 'envoy.yaml': text },
    });

  function deployment(name: string, status: JsonObject | undefined): JsonObject {
    const annotations =
      status === undefined ? {} : { 'svidecar.dev/status': JSON.stringify(status) };
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name, 'svidecar.dev/injected': 'true' }, annotations },
          spec: { containers: [{ name: 'app', image: 'app:1' }] },
        },
      },
    };
  }

  const deploymentsPath = (namespace: string): string =>
    `/apis/apps/v1/namespaces/${namespace}/deployments`;

  const derivedIs = (text: string) => async (): Promise<boolean> =>
    (await dataOf('shop', derivedFor('envoy'))) === text;

  /** A namespace with a Deployment and the ConfigMap it names. */
  async function openShop(namespace: string): Promise<Shop> {
    await api.createNamespace(namespace, { 'svidecar.dev/injection': 'enabled' });
    const source = await makeConfigMap(namespace, 'envoy', 'first');
    const web = await create(
      deploymentsPath(namespace),
      deployment('web', { source: 'envoy', derived: derivedFor('envoy'), helper: 'a1' }),
    );
    const tookMs = await within(1_000, 'both exist', async () => {
      const helper = await readConfigMap(namespace, helperFor('a1'));
      return helper !== undefined && (await dataOf(namespace, derivedFor('envoy'))) === 'FIRST';
    });
    return { source, web, tookMs };
  }

  test('derived and helper ConfigMaps exist within a second, with owners and our field manager', async () => {
    await start();
    const shop = await openShop('shop');
    const tookMs = await bestRound(1_000, async (round) => {
      return (round === 0 ? shop : await openShop(`shop-${round}`)).tookMs;
    });
    expect(tookMs).toBeLessThan(1_000);
    const derived = objectAt(await readConfigMap('shop', derivedFor('envoy')), 'metadata');
    expect(listAt(derived, 'ownerReferences')).toMatchObject([
      { kind: 'ConfigMap', name: 'envoy', uid: objectAt(shop.source, 'metadata')['uid'] },
    ]);
    expect(listAt(derived, 'managedFields')).toMatchObject([
      { manager: 'svidecar', operation: 'Apply' },
    ]);
    const helper = await readConfigMap('shop', helperFor('a1'));
    expect(helper?.['immutable']).toBe(true);
    expect(listAt(objectAt(helper, 'metadata'), 'ownerReferences')).toMatchObject([
      { kind: 'Deployment', name: 'web', uid: objectAt(shop.web, 'metadata')['uid'] },
    ]);
  });

  test('the derived one follows its source, comes back when deleted by hand, and loses what a hand added', async () => {
    const path = configMapPath('shop', 'envoy');
    await api.request('PATCH', path, { data: { 'envoy.yaml': 'second', more: 'x' } });
    await within(1_000, 'it follows', derivedIs('SECOND'));
    await api.request('PATCH', path, { data: { more: null } });
    await within(1_000, 'a file goes with the source', async () => {
      const data = objectAt(await readConfigMap('shop', derivedFor('envoy')), 'data');
      return Object.keys(data).length === 1;
    });
    await api.request('DELETE', configMapPath('shop', derivedFor('envoy')));
    await within(1_000, 'it is back', derivedIs('SECOND'));
    await api.request('PATCH', configMapPath('shop', derivedFor('envoy')), {
      data: { 'envoy.yaml': 'by hand' },
    });
    // Of several foreign changes in a row the second is undone after a second.
    await within(2_000, 'a hand is undone', derivedIs('SECOND'));
  });

  test('the pods and ReplicaSets of a Deployment have it as the owner, so nothing is written when they come', async () => {
    await within(5_000, 'the pod is there', async () => {
      const pods = await read('/api/v1/namespaces/shop/pods');
      return listAt(pods, 'items').length === 1;
    });
    await wait(300);
    const owners = listAt(
      objectAt(await readConfigMap('shop', helperFor('a1')), 'metadata'),
      'ownerReferences',
    );
    expect(owners).toMatchObject([{ kind: 'Deployment', name: 'web' }]);
  });

  test('a broken source is a problem that is logged once, and the last good copy stays', async () => {
    const { cluster, log, stop } = await start();
    await api.request('PATCH', configMapPath('shop', 'envoy'), {
      data: { 'envoy.yaml': 'broken' },
    });
    await within(1_000, 'it is known', () => cluster.problems().length === 1);
    await wait(1_000);
    expect(await dataOf('shop', derivedFor('envoy'))).toBe('SECOND');
    expect(log.lines.filter((line) => line.level === 'warn')).toMatchObject([
      { fields: { namespace: 'shop', problem: 'shop/envoy is broken' } },
    ]);
    await api.request('PATCH', configMapPath('shop', 'envoy'), { data: { 'envoy.yaml': 'third' } });
    await within(1_000, 'it goes on', derivedIs('THIRD'));
    await within(1_000, 'the problem is over', () => cluster.problems().length === 0);
    stop.abort();
  });

  test('the derived one goes with its source, and comes with it again', async () => {
    await api.request('DELETE', configMapPath('shop', 'envoy'));
    await within(
      10_000,
      'it is gone',
      async () => (await readConfigMap('shop', derivedFor('envoy'))) === undefined,
    );
    await makeConfigMap('shop', 'envoy', 'again');
    await within(5_000, 'it is back', derivedIs('AGAIN'));
  });

  test('a new setting gets a new helper ConfigMap; the old one stays while a ReplicaSet can be rolled back to it', async () => {
    await api.request('PATCH', `${deploymentsPath('shop')}/web`, {
      spec: {
        template: {
          metadata: {
            annotations: {
              'svidecar.dev/status': `{"source":"envoy","derived":"${derivedFor('envoy')}","helper":"b2"}`,
            },
          },
        },
      },
    });
    const isThere = async (): Promise<boolean> =>
      (await readConfigMap('shop', helperFor('b2'))) !== undefined;
    await within(1_000, 'the new one exists', isThere);
    await wait(1_500);
    expect(await readConfigMap('shop', helperFor('a1'))).toBeDefined();
  });

  test('when the last user is gone, our ConfigMaps go and the source stays', async () => {
    await api.request('DELETE', `${deploymentsPath('shop')}/web?propagationPolicy=Background`);
    await within(10_000, 'ours are gone', async () => {
      const list = await read(
        `${configMapPath('shop')}?labelSelector=app.kubernetes.io/managed-by%3Dsvidecar`,
      );
      return listAt(list, 'items').length === 0;
    });
    expect(await dataOf('shop', 'envoy')).toBe('again');
  });

  test('a ConfigMap of somebody else under our name is left alone and reported', async () => {
    const { cluster, stop } = await start();
    await api.createNamespace('clash', { 'svidecar.dev/injection': 'enabled' });
    await create(configMapPath('clash'), {
      metadata: { name: helperFor('a1') },
      data: { mine: 'yes' },
    });
    await create(deploymentsPath('clash'), deployment('web', { helper: 'a1' }));
    await within(1_000, 'it is reported', () => cluster.problems().length === 1);
    expect(cluster.problems()[0]).toContain(
      `ConfigMap clash/${helperFor('a1')} exists and is not svidecar`,
    );
    const there = await readConfigMap('clash', helperFor('a1'));
    expect(there?.['data']).toEqual({ mine: 'yes' });
    await api.request('DELETE', configMapPath('clash', helperFor('a1')));
    await within(
      1_000,
      'ours takes its place',
      async () => (await readConfigMap('clash', helperFor('a1')))?.['immutable'] === true,
    );
    stop.abort();
  });

  test('an unused ConfigMap of ours is removed after the grace, not before', async () => {
    const { stop } = await start({ graceMs: 1_500 });
    await api.createNamespace('early', { 'svidecar.dev/injection': 'enabled' });
    await create(configMapPath('early'), {
      metadata: { name: helperFor('e1'), labels: { 'app.kubernetes.io/managed-by': 'svidecar' } },
    });
    stop.abort();
    // Only the one with the short grace of the first test is left: it removes soon.
    const isRemoved = async (): Promise<boolean> =>
      (await readConfigMap('early', helperFor('e1'))) === undefined;
    await within(5_000, 'it is removed', isRemoved);
  });

  test('ConfigMaps are in memory only for namespaces that are labelled, also after the label comes or goes', async () => {
    const { cluster, stop } = await start();
    await api.createNamespace('plain');
    await makeConfigMap('plain', 'secretive', 'x');
    await wait(300);
    expect(cluster.configMap('plain', 'secretive')).toBeUndefined();
    await label('plain', 'pod');
    await within(2_000, 'it is read', () => cluster.configMap('plain', 'secretive') !== undefined);
    expect(cluster.injection('plain')).toBe('pod');
    await label('plain', null);
    const isForgotten = (): boolean => cluster.configMap('plain', 'secretive') === undefined;
    await within(1_000, 'it is forgotten', isForgotten);
    stop.abort();
  });

  test('a status makes nothing where svidecar does not act, whoever wrote it; the label brings it', async () => {
    const { stop } = await start();
    await makeConfigMap('plain', 'envoy', 'restored');
    const forged = deployment('forged', { source: 'envoy', helper: 'c3' });
    const places = ['plain', 'kube-system', 'svidecar'];
    for (const namespace of places) await create(deploymentsPath(namespace), forged);
    await wait(1_500);
    for (const namespace of places)
      expect(await readConfigMap(namespace, helperFor('c3'))).toBeUndefined();
    await label('plain', 'enabled');
    await within(2_000, 'both exist', async () => {
      const helper = await readConfigMap('plain', helperFor('c3'));
      return helper !== undefined && (await dataOf('plain', derivedFor('envoy'))) === 'RESTORED';
    });
    await label('kube-system', 'enabled');
    await wait(1_000);
    expect(await readConfigMap('kube-system', helperFor('c3'))).toBeUndefined();
    await label('kube-system', null);
    stop.abort();
  });

  test('when the label goes, what is there stays, and is neither changed nor made again', async () => {
    const { stop } = await start();
    await label('plain', null);
    await wait(500);
    await api.request('PATCH', configMapPath('plain', 'envoy'), {
      data: { 'envoy.yaml': 'other' },
    });
    await api.request('DELETE', configMapPath('plain', helperFor('c3')));
    await api.request('DELETE', `${deploymentsPath('plain')}/forged`);
    await wait(1_500);
    expect(await dataOf('plain', derivedFor('envoy'))).toBe('RESTORED');
    expect(await readConfigMap('plain', helperFor('c3'))).toBeUndefined();
    stop.abort();
  });

  test('tells the version of the server', async () => {
    const { cluster, stop } = await start();
    const [major, minor] = api.version.split('.').map(Number);
    expect(cluster.serverVersion()).toEqual({ major, minor });
    stop.abort();
  });

  test('two replicas write the same and disturb nobody', async () => {
    const one = await start();
    const two = await start();
    await makeConfigMap('shop', 'twice', 'twice');
    await create(deploymentsPath('shop'), deployment('twice', { source: 'twice' }));
    await within(
      1_000,
      'it exists',
      async () => (await dataOf('shop', derivedFor('twice'))) === 'TWICE',
    );
    await wait(500);
    const version = async (): Promise<string | undefined> => {
      const metadata = objectAt(await readConfigMap('shop', derivedFor('twice')), 'metadata');
      return stringAt(metadata, 'resourceVersion');
    };
    const before = await version();
    await wait(700);
    expect(await version()).toBe(before);
    for (const each of [one, two]) {
      expect(each.log.lines.filter((line) => line.level === 'error')).toEqual([]);
      each.stop.abort();
    }
  });

  test('a namespace that is being deleted ends without an error', async () => {
    const { log, stop } = await start();
    await api.request('DELETE', '/api/v1/namespaces/shop');
    await within(
      30_000,
      'it is gone',
      async () => (await read('/api/v1/namespaces/shop')) === undefined,
    );
    expect(log.lines.filter((line) => line.level === 'error')).toEqual([]);
    stop.abort();
  });
});
