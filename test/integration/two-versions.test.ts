/**
 * An upgrade from the release before to this tree and a step back, on a real API server, while pods and Deployments are
 * created at a steady rate: with the manifests of each version, and its replicas beside the other's for a while.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperVersion } from '../../sidecar/helper/version.ts';
import { statusOf } from '../../webhook/injection/status.ts';
import { appAlone } from '../fakes/workloads.ts';
import { Admissions } from './harness/admissions.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { installEnvoyFilterCrd } from './harness/istio-crds.ts';
import { olderVersion } from './harness/older-version.ts';
import { makePodsReady } from './harness/pods-made-ready.ts';
import { hasHelper } from './harness/pods.ts';
import { runCommand, waitUntil } from './harness/processes.ts';
import {
  baseCalling,
  installReplicas,
  type Moment,
  type Replica,
  type Replicas,
} from './harness/replicas.ts';
import { shopParts } from './harness/shop-fixture.ts';
import { apply } from './harness/webhook.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'istio-files'];
const repository = join(import.meta.dirname, '../..');
/** Long enough that none is renewed meanwhile: whoever makes a new one does it for want of understanding. */
const lives = { leafS: 3_600, authorityS: 36_000, settleS: 1 };
const leaseTimes = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 };
/** Milliseconds in which a controller that would write does: it looks at a namespace at once after a change. */
const quietMs = 1_500;
/** Milliseconds that a start may take on a machine with other work. */
const startMs = 90_000;
/** Pods 20 a second, Deployments five. */
const everyMs = { pods: 50, deployments: 200 };
/**
 * Made, and told of another owner; where two versions render a ConfigMap differently, at once and after 1, 2, 4 s and so on,
 * by each (ADR 0036).
 */
const maxWrites = 20;
const shop = shopParts();

interface Workload {
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec?: JsonObject;
}

/** By name: each way to bring a filter into an Envoy. */
const workloads: Readonly<Record<string, Workload>> = {
  plain: { namespace: 'shop', annotations: {} },
  native: {
    namespace: 'shop',
    annotations: {
      'inject.svidecar.dev/templates': 'jwt-validate',
      'svidecar.dev/validate-listeners': 'outbound',
      'svidecar.dev/data-path': 'native',
    },
  },
  // Nobody brings istio-proxy here, without which the guard would let no pod in: it audits that namespace.
  mesh: {
    namespace: 'mesh',
    annotations: { 'svidecar.dev/envoy-container': 'istio-proxy' },
    spec: appAlone,
  },
};
const namespaces = { shop: {}, mesh: { 'svidecar.dev/guard': 'audit' } };

function deploymentOf(name: string, { annotations, spec }: Workload): JsonObject {
  const metadata = objectAt(shop.pod, 'metadata');
  const labels = { app: name };
  const template = {
    metadata: { labels, annotations: { ...objectAt(metadata, 'annotations'), ...annotations } },
    spec: spec ?? objectAt(shop.pod, 'spec'),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  };
}

describeWithComponents(programs, 'an upgrade from the release before, and a step back', () => {
  const older = olderVersion();
  const flow = new AbortController();
  let api: ApiServer;
  let replicas: Replicas;
  let live: readonly Replica[] = [];
  let flows: readonly Admissions[] = [];
  let background: readonly Promise<void>[] = [];

  beforeAll(async () => {
    api = await startApiServer();
    await installEnvoyFilterCrd(api);
    const manifests = (port: number): Promise<readonly JsonObject[]> =>
      baseCalling(api, `https://127.0.0.1:${port}`, older.folder);
    const certificate = { settings: { kind: 'self_signed' as const, lives }, leaseTimes };
    replicas = await installReplicas(api, certificate, { manifests });
    await start('older', older.folder);
    for (const [name, labels] of Object.entries(namespaces)) {
      await api.createNamespace(name, { 'svidecar.dev/injection': 'enabled', ...labels });
      await api.request('POST', `/api/v1/namespaces/${name}/configmaps`, shop.source);
    }
    const pods = new Admissions(api, 'shop', shop.pod);
    const { plain } = workloads;
    if (plain === undefined) throw new TypeError('no workload');
    const deployments = new Admissions(api, 'shop', deploymentOf('plain', plain));
    flows = [pods, deployments];
    // The release before ends connections that API servers open in advance, with what was just sent on them (ADR 0171). They do
    // for what comes at once, so one comes after the other: what is lost then is lost by the upgrade.
    for (const each of flows) each.maxOpen = 1;
    background = [
      admit(pods, everyMs.pods),
      admit(deployments, everyMs.deployments),
      ...Object.keys(namespaces).map((name) => makePodsReady(api, name, flow.signal)),
    ];
  });
  afterAll(async () => {
    flow.abort();
    await Promise.all(background);
    await replicas.stop();
    await api.stop();
  });

  async function admit(admissions: Admissions, every: number): Promise<void> {
    while (!flow.signal.aborted) await admissions.run(4, every);
  }

  /** Two replicas of a tree, beside those that are there. */
  async function start(name: string, tree: string): Promise<void> {
    const made = await Promise.all([1, 2].map((at) => replicas.start(`${name}-${at}`, tree)));
    for (const each of made) await replicas.takesReviews(each, startMs);
    live = made;
  }

  /** As `kubectl apply` and the Deployment do it; `beside` is what must hold while both versions run. */
  async function rollTo(name: string, tree: string, beside: () => Promise<void>): Promise<void> {
    const before = live;
    await apply(api, await baseCalling(api, replicas.url, tree));
    await start(name, tree);
    await wait(quietMs);
    await beside();
    const moment: Moment = (act) =>
      flows.reduceRight((inner, each) => () => each.between(inner), act)();
    for (const each of before) await replicas.retire(each, moment);
    await wait(quietMs);
  }

  async function list(path: string): Promise<readonly JsonObject[]> {
    const { status, body } = await api.request('GET', path);
    if (status !== 200) throw new Error(`${path}: ${status}`);
    return listAt(isObject(body) ? body : {}, 'items').filter(isObject);
  }

  /** In the workloads' namespaces, by name. */
  async function listed(path: string): Promise<ReadonlyMap<string, JsonObject>> {
    const all = await list(path);
    const inOurs = all.filter(
      (each) => (stringAt(objectAt(each, 'metadata'), 'namespace') ?? '') in namespaces,
    );
    return new Map(inOurs.map((each) => [nameOf(each), each]));
  }

  /** What an upgrade must not change: pod templates, pods, what svidecar keeps, and the certificate. */
  async function standing(): Promise<Readonly<Record<string, unknown>>> {
    const [deployments, pods, configMaps, filters] = await Promise.all(
      [
        '/apis/apps/v1/deployments',
        '/api/v1/pods',
        '/api/v1/configmaps',
        '/apis/networking.istio.io/v1alpha3/envoyfilters',
      ].map(listed),
    );
    const secret = await api.request('GET', '/api/v1/namespaces/svidecar/secrets/svidecar-tls');
    const leases = await list('/apis/coordination.k8s.io/v1/namespaces/svidecar/leases');
    return {
      templates: mapped(deployments, (each) => objectAt(each, 'spec')['template']),
      pods: mapped(pods, uidOf),
      kept: mapped(new Map([...(configMaps ?? []), ...(filters ?? [])].filter(isOurs)), uidOf),
      certificate: objectAt(isObject(secret.body) ? secret.body : {}, 'data'),
      leases: leases.map(nameOf).sort(),
    };
  }

  /** All that pods mount, or their Envoys are told by, is there. */
  async function everythingIsThere(): Promise<void> {
    await waitUntil('all that pods need is there', async () => {
      const { templates, kept } = await standing();
      const statuses = Object.values(isObject(templates) ? templates : {}).map((each) =>
        statusOf(isObject(each) ? each : {}),
      );
      const needed = statuses
        .flatMap((each) => [each?.envoy?.derived, each?.helper?.configMap])
        .filter(isText);
      const all = isObject(kept) ? kept : {};
      return needed.length === 2 * statuses.length && needed.every((name) => name in all);
    });
  }

  /** A change beside the templates, which brings every workload to a review. */
  async function readmit(mark: string): Promise<void> {
    for (const [name, { namespace }] of Object.entries(workloads)) {
      const change = { metadata: { annotations: { 'example.org/mark': mark } } };
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
      const { status, body } = await api.request('PATCH', path, change);
      expect(status, JSON.stringify(body)).toBe(200);
    }
  }

  function restart(tree: string, ...flags: readonly string[]): ReturnType<typeof runCommand> {
    const args = ['restart', '--stale', ...flags, '--kubeconfig', api.kubeconfig];
    return runCommand(process.execPath, [join(tree, 'webhook/main.ts'), ...args], {
      deadlineMs: 60_000,
    });
  }

  /** By the command line of a tree, whose version the webhook has. */
  async function rolledOut(tree: string, version: string): Promise<void> {
    const first = await standing();
    const stale = older.isSame ? 0 : Object.keys(workloads).length;
    const said = await restart(tree, '--yes', '--per-minute', '600');
    expect(said).toMatchObject({ code: 0 });
    expect([...said.stdout.matchAll(/restarted, and ready/g)]).toHaveLength(stale);
    expect(new Set(await helperImages())).toEqual(new Set([`svidecar/helper:${version}`]));
    await everythingIsThere();
    // Pods of before may still run by these, elsewhere.
    expect((await standing())['kept']).toMatchObject(first['kept'] ?? {});
    expect(await restart(tree)).toMatchObject({ code: 0, stderr: 'nothing to restart\n' });
    expectNoneFailed();
  }

  async function helperImages(): Promise<readonly string[]> {
    const pods = [...(await listed('/api/v1/pods')).values()];
    expect(pods.map((each) => hasHelper(each))).toEqual(pods.map(() => true));
    return [...JSON.stringify(pods).matchAll(/svidecar\/helper:[\w.]+/g)].map(([image]) => image);
  }

  function expectNoneFailed(): void {
    for (const { outcomes } of flows) {
      expect(outcomes).toMatchObject({ uninjected: [], refused: [] });
      expect(outcomes.injected).toBeGreaterThan(0);
    }
  }

  /** How often svidecar wrote each object, of whatever version. */
  async function writes(): Promise<Readonly<Record<string, number>>> {
    const counts: Record<string, number> = {};
    for (const line of (await readFile(api.auditLog, 'utf8')).trimEnd().split('\n')) {
      if (!line.includes('"username":"system:serviceaccount:svidecar:svidecar"')) continue;
      const [, name] =
        /"resource":"(?:configmaps|envoyfilters)","namespace":"(?:shop|mesh)","name":"([^"]+)"/.exec(
          line,
        ) ?? [];
      if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  test('the older one injects, and makes what its workloads need', async () => {
    for (const [name, workload] of Object.entries(workloads)) {
      const path = `/apis/apps/v1/namespaces/${workload.namespace}/deployments`;
      const { status, body } = await api.request('POST', path, deploymentOf(name, workload));
      expect(status, JSON.stringify(body)).toBe(201);
    }
    await everythingIsThere();
    await waitUntil('every workload has its pod', async () =>
      Promise.resolve((await listed('/api/v1/pods')).size === 3),
    );
    expectNoneFailed();
  });

  test('the command of a newer version restarts nothing that the older one would inject again', async () => {
    const before = await standing();
    const said = await restart(repository, '--yes', '--per-minute', '600');
    expect([...said.stdout.matchAll(/not restarted: svidecar in the cluster/g)]).toHaveLength(
      older.isSame ? 0 : 3,
    );
    expect(await standing()).toEqual(before);
  });

  test('an upgrade leaves workloads, their pods and what they need as they are', async () => {
    const before = await standing();
    await rollTo('newer', repository, async () => {
      expect(await standing()).toEqual(before);
    });
    await readmit('by the newer one');
    await wait(quietMs);
    expect(await standing()).toEqual(before);
    expectNoneFailed();
  });

  test('what its pods still have of the older one is rolled out', async () => {
    await rolledOut(repository, helperVersion);
  });

  test('a step back leaves them as the newer one made them', async () => {
    await wait(quietMs);
    const before = await standing();
    await rollTo('older-again', older.folder, async () => {
      expect(await standing()).toEqual(before);
    });
    await readmit('by the older one');
    await wait(quietMs);
    expect(await standing()).toEqual(before);
    expectNoneFailed();
  });

  test('and what the newer one gave to pods is rolled back', async () => {
    await rolledOut(older.folder, older.version);
  });

  test('what both render alike is not written again, and what they do not, a few times', async () => {
    const counts = Object.entries(await writes());
    // Two of the workloads have the same settings.
    expect(counts).toHaveLength(2 * Object.keys(workloads).length - 1);
    console.log(
      JSON.stringify(counts),
      flows.map((each) => each.outcomes.injected),
    );
    expect(counts.filter(([, count]) => count > maxWrites)).toEqual([]);
  });
});

function nameOf(object: JsonObject): string {
  return stringAt(objectAt(object, 'metadata'), 'name') ?? '';
}

function uidOf(object: JsonObject): string | undefined {
  return stringAt(objectAt(object, 'metadata'), 'uid');
}

function isOurs([, object]: readonly [string, JsonObject]): boolean {
  const labels = objectAt(objectAt(object, 'metadata'), 'labels');
  return labels['app.kubernetes.io/managed-by'] === 'svidecar';
}

function mapped<T>(
  all: ReadonlyMap<string, JsonObject> | undefined,
  of: (each: JsonObject) => T,
): Readonly<Record<string, T>> {
  return Object.fromEntries([...(all ?? [])].map(([name, each]) => [name, of(each)]));
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
