/**
 * Two versions on one API server, as in an upgrade and a step back: each admits, and leaves what the other made.
 * SVIDECAR_OLDER names a checkout of the older one (docs/operations.md); without it both are this tree.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { statusOf } from '../../webhook/injection/status.ts';
import { appAlone } from '../fakes/workloads.ts';
import { Admissions } from './harness/admissions.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { installEnvoyFilterCrd } from './harness/istio-crds.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Replica, type Replicas } from './harness/replicas.ts';
import { shopParts } from './harness/shop-fixture.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'istio-files'];
/** A leaf of an hour: certificates are no matter here. */
const lives = { leafS: 3_600, authorityS: 36_000, settleS: 1 };
const leaseTimes = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 };
/** Milliseconds in which a controller that would write does: it looks at a namespace at once after a change. */
const quietMs = 1_500;
/** Milliseconds that a start may take on a machine with other work. */
const startMs = 90_000;
/**
 * Made, and told of another owner; where two versions render a ConfigMap differently, at once and after 1, 2, 4 s and so on,
 * by each (ADR 0036).
 */
const maxWrites = process.env['SVIDECAR_OLDER'] === undefined ? 3 : 20;
const deployments = '/apis/apps/v1/namespaces/shop/deployments';
const kept = ['/api/v1/namespaces/shop/configmaps'].concat(
  '/apis/networking.istio.io/v1alpha3/namespaces/shop/envoyfilters',
);
const shop = shopParts();

/** By the name of a workload, what differs: each way to bring a filter into an Envoy. */
const workloads: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: {},
  native: {
    'inject.svidecar.dev/templates': 'jwt-validate',
    'svidecar.dev/validate-listeners': 'outbound',
    'svidecar.dev/data-path': 'native',
  },
  mesh: { 'svidecar.dev/envoy-container': 'istio-proxy' },
};

function workload(name: string): JsonObject {
  const podMetadata = objectAt(shop.pod, 'metadata');
  const annotations = { ...objectAt(podMetadata, 'annotations'), ...workloads[name] };
  const template = { metadata: { ...podMetadata, annotations }, spec: shop.pod['spec'] };
  const spec = { replicas: 1, selector: { matchLabels: { app: 'frontend' } }, template };
  const whole = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec };
  if (name !== 'mesh') return whole;
  return { ...whole, spec: { ...spec, template: { ...template, spec: appAlone } } };
}

describeWithComponents(programs, 'two versions side by side', () => {
  let api: ApiServer;
  let replicas: Replicas;
  let older: Replica;
  let newer: Replica;
  let admissions: Admissions;
  const flow = new AbortController();
  let flowing: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    api = await startApiServer();
    await installEnvoyFilterCrd(api);
    replicas = await installReplicas(api, { settings: { kind: 'self_signed', lives }, leaseTimes });
    older = await replicas.start('older');
    await replicas.takesReviews(older, startMs);
    // Nobody brings istio-proxy here, without which the guard would let no pod of `mesh` in.
    const labels = { 'svidecar.dev/injection': 'enabled', 'svidecar.dev/guard': 'audit' };
    await api.createNamespace('shop', labels);
    await api.request('POST', '/api/v1/namespaces/shop/configmaps', shop.source);
    admissions = new Admissions(api, 'shop', shop.pod);
    flowing = admit();
  });
  afterAll(async () => {
    flow.abort();
    await flowing;
    await replicas.stop();
    await api.stop();
  });

  async function admit(): Promise<void> {
    while (!flow.signal.aborted) await admissions.run(10, 50);
  }

  async function list(path: string): Promise<readonly JsonObject[]> {
    const { status, body } = await api.request('GET', path);
    if (status !== 200) throw new Error(`${path}: ${status}`);
    return listAt(isObject(body) ? body : {}, 'items').filter(isObject);
  }

  /** Pod templates by the name of the workload. */
  async function templates(): Promise<Readonly<Record<string, JsonObject>>> {
    const all = await list(deployments);
    return Object.fromEntries(
      all.map((each) => [
        stringAt(objectAt(each, 'metadata'), 'name') ?? '',
        objectAt(objectAt(each, 'spec'), 'template'),
      ]),
    );
  }

  /** What svidecar keeps, by name: the UID, which another object of that name would not have. */
  async function objects(): Promise<Readonly<Record<string, string | undefined>>> {
    const all = (await Promise.all(kept.map(list))).flat();
    const ours = all
      .map((each) => objectAt(each, 'metadata'))
      .filter((each) => objectAt(each, 'labels')['app.kubernetes.io/managed-by'] === 'svidecar');
    return Object.fromEntries(
      ours.map((each) => [stringAt(each, 'name') ?? '', stringAt(each, 'uid')]),
    );
  }

  /** The names that the workloads' pods mount, or their Envoys are told by. */
  async function needed(): Promise<readonly string[]> {
    const statuses = Object.values(await templates()).map((each) => statusOf(each));
    return statuses
      .flatMap((each) => [each?.envoy?.derived, each?.helper?.configMap])
      .filter(isText);
  }

  async function everythingIsThere(): Promise<void> {
    await waitUntil('all that pods need is there', async () => {
      const there = await objects();
      return (await needed()).every((name) => there[name] !== undefined);
    });
  }

  /** A change beside the templates, which brings every workload to a review. */
  async function readmit(mark: string): Promise<void> {
    for (const name of Object.keys(workloads)) {
      const change = { metadata: { annotations: { 'example.org/mark': mark } } };
      const { status, body } = await api.request('PATCH', `${deployments}/${name}`, change);
      expect(status, JSON.stringify(body)).toBe(200);
    }
  }

  /** As `kubectl rollout restart` does it: whoever reviews it may inject it anew. */
  async function restart(at: string): Promise<void> {
    for (const name of Object.keys(workloads)) {
      const annotations = { 'kubectl.kubernetes.io/restartedAt': at };
      const change = { spec: { template: { metadata: { annotations } } } };
      const { status, body } = await api.request('PATCH', `${deployments}/${name}`, change);
      expect(status, JSON.stringify(body)).toBe(200);
    }
  }

  /** How often svidecar wrote each of them, of whatever version. */
  async function writes(): Promise<Readonly<Record<string, number>>> {
    const counts: Record<string, number> = {};
    for (const line of (await readFile(api.auditLog, 'utf8')).trimEnd().split('\n')) {
      if (!line.includes('"username":"system:serviceaccount:svidecar:svidecar"')) continue;
      const [, name] =
        /"resource":"(?:configmaps|envoyfilters)","namespace":"shop","name":"([^"]+)"/.exec(line) ??
        [];
      if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  function expectNoneFailed(): void {
    expect(admissions.outcomes).toMatchObject({ uninjected: [], refused: [] });
  }

  test('the older one injects, and makes what its workloads need', async () => {
    for (const name of Object.keys(workloads)) {
      const { status, body } = await api.request('POST', deployments, workload(name));
      expect(status, JSON.stringify(body)).toBe(201);
    }
    expect(await needed()).toHaveLength(2 * Object.keys(workloads).length);
    await everythingIsThere();
    expectNoneFailed();
  });

  test('a newer one beside it takes nothing away, and re-admits all as it is', async () => {
    const before = { objects: await objects(), templates: await templates() };
    newer = await replicas.start('newer');
    await replicas.takesReviews(newer, startMs);
    await wait(quietMs);
    expect(await objects()).toEqual(before.objects);
    await Promise.all([older.stop(), wait(quietMs)]);
    await readmit('by the newer one');
    await wait(quietMs);
    expect({ objects: await objects(), templates: await templates() }).toEqual(before);
    expectNoneFailed();
  });

  test('after a restart of the workloads by the newer one, a step back leaves all as it is', async () => {
    const first = await objects();
    await restart('2026-11-30T11:00:00Z');
    await everythingIsThere();
    await wait(quietMs);
    const before = { objects: await objects(), templates: await templates() };
    // Pods of before may still run by these.
    expect(before.objects).toMatchObject(first);
    older = await replicas.start('older-again');
    await replicas.takesReviews(older, startMs);
    await wait(quietMs);
    expect(await objects()).toEqual(before.objects);
    await Promise.all([newer.stop(), wait(quietMs)]);
    await readmit('by the older one');
    await wait(quietMs);
    expect({ objects: await objects(), templates: await templates() }).toEqual(before);
    expectNoneFailed();
    expect(admissions.outcomes.injected).toBeGreaterThan(100);
  });

  test('what both render alike is not written again, and what they do not, a few times', async () => {
    const counts = Object.entries(await writes());
    expect(counts.length).toBe(Object.keys(await objects()).length);
    expect(counts.filter(([, count]) => count > maxWrites)).toEqual([]);
  });
});

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
