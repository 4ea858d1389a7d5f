/** `registration: clusterspiffeid` on a real API server with SPIRE's CRDs, spire-controller-manager and spire-server. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { ClusterSpiffeIdKeeper } from '../../webhook/controller/clusterspiffeids/cluster-spiffe-id-keeper.ts';
import type { StoredFederations } from '../../webhook/desired/cluster-spiffe-ids.ts';
import { federationHash } from '../../webhook/injection/registration-labels.ts';
import { connect, type ConnectedApi } from '../../webhook/kube/connection.ts';
import { checkConfig } from '../../webhook/request/injector-config.ts';
import { injected } from '../fakes/admission.ts';
import { engineFor } from '../fakes/engine.ts';
import { runSvidecar } from '../fakes/fake-terminal.ts';
import { SilentLog } from '../fakes/silent-log.ts';
import { deployment, injectBackend, pod, type Annotations } from '../fakes/workloads.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { slowness } from './harness/pace.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Replicas } from './harness/replicas.ts';
import {
  installSpireCrds,
  startSpireControllerManager,
  type SpireControllerManager,
} from './harness/spire-controller-manager.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { createWorkFolder } from './harness/work-folder.ts';

const programs = [
  'etcd',
  'kube-apiserver',
  'kubectl',
  'spire-controller-manager',
  'spire-server',
] as const;
const list = '/apis/spire.spiffe.io/v1alpha1/clusterspiffeids';
const certificate = {
  settings: {
    kind: 'self_signed',
    lives: { leafS: 86_400, authorityS: 864_000, settleS: 1 },
  },
  leaseTimes: { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 },
} as const;
const configuration = {
  registration: 'clusterspiffeid',
  entries: { hint: 'svidecar', jwtSvidTtlSeconds: 60, graceSeconds: 0 },
};

describeWithComponents(programs, 'ClusterSPIFFEID objects', () => {
  let api: ApiServer;
  let ours: ConnectedApi;
  let spire: SpireServer;
  let other: SpireServer;
  let manager: SpireControllerManager | undefined;
  const signal = AbortSignal.timeout(300_000);
  const log = new SilentLog();
  let federations: StoredFederations = { all: [], envoys: [] };
  const config = checkConfig(configuration, 'config.yaml');
  let isCurrent = true;
  let keeper: ClusterSpiffeIdKeeper;

  beforeAll(async () => {
    [api, spire, other] = await Promise.all([
      startApiServer(),
      startSpireServer(),
      startSpireServer({ trustDomain: 'other.test' }),
    ]);
    await spire.setBundle('other.test', await other.showBundle());
    for (const part of ['base', 'components/clusterspiffeid/rbac.yaml']) await applyPart(part);
    const user = 'system:serviceaccount:svidecar:svidecar';
    const kubeconfig = await api.kubeconfigFor(user, ['system:serviceaccounts']);
    ours = await connect({ kind: 'kubeconfig', path: kubeconfig });
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await api.request('POST', '/api/v1/nodes', { metadata: { name: 'node-1' } });
    await api.request('POST', '/api/v1/namespaces/shop/serviceaccounts', {
      metadata: { name: 'frontend' },
    });
    keeper = new ClusterSpiffeIdKeeper({
      api: ours,
      config: () => config,
      ignoredNamespaces: () => new Set(['kube-system', 'svidecar']),
      stored: { federations: () => federations, isCurrent: () => isCurrent },
      leads: () => true,
      clock: { now: () => Date.now() },
      log,
    });
  }, 120_000);
  afterAll(async () => {
    await manager?.stop();
    await Promise.all([api.stop(), spire.stop(), other.stop()]);
  });

  async function applyPart(part: string): Promise<void> {
    const path = `manifests/kustomize/${part}`;
    const flag = path.endsWith('.yaml') ? '-f' : '-k';
    const { stderr } = await api.kubectl(['apply', flag, path]);
    expect(stderr).toBe('');
    await api.kubectl(['delete', 'mutatingwebhookconfigurations', '--all']);
  }

  const objects = async (): Promise<readonly JsonObject[]> => {
    const { body } = await api.request('GET', list);
    return listAt(isObject(body) ? body : {}, 'items').filter(isObject);
  };
  const nameOf = (object: JsonObject): string =>
    stringAt(objectAt(object, 'metadata'), 'name') ?? '';
  const names = async (): Promise<readonly string[]> => (await objects()).map(nameOf).sort();
  const versions = async (): Promise<readonly unknown[]> =>
    (await objects()).map((each) => objectAt(each, 'metadata')['resourceVersion']);
  const entries = async (): Promise<readonly JsonObject[]> =>
    listAt(await spire.command(['entry', 'show']), 'entries').filter(isObject);
  const hash = federationHash(['other.test']);
  const federated = `svidecar-federated-${hash}`;
  const helpers = 'svidecar-helpers';

  /** As the webhook makes it, on a node. */
  async function create(
    name: string,
    annotations: Annotations,
    podSpec?: JsonObject,
  ): Promise<void> {
    const object = injected(pod(annotations, podSpec), { engine: engineFor(config) });
    const metadata = { ...objectAt(object, 'metadata'), name };
    const spec = { ...objectAt(object, 'spec'), nodeName: 'node-1' };
    const { status, body } = await api.request('POST', '/api/v1/namespaces/shop/pods', {
      ...object,
      metadata,
      spec,
    });
    expect([status, JSON.stringify(body)]).toEqual([201, expect.any(String)]);
  }

  test('without the CRDs it is said what is missing', async () => {
    await expect(keeper.reconcile(signal)).rejects.toThrow(/clusterspiffeids.*with its CRDs/);
    await installSpireCrds(api);
  });

  test('the wanted ones are made with the rights of the component, and not written again', async () => {
    federations = { all: [['other.test'], [], ['other.test']], envoys: [] };
    await keeper.reconcile(signal);
    expect(await names()).toEqual([federated, 'svidecar-helpers']);
    const before = await versions();
    await keeper.reconcile(signal);
    expect(await versions()).toEqual(before);
    expect(keeper.writes).toEqual({ created: 2, updated: 0, deleted: 0 });
  });

  test('a changed one is put right', async () => {
    await api.request('PATCH', `${list}/svidecar-helpers`, { spec: { admin: true, hint: 'x' } });
    await keeper.reconcile(signal);
    const helpers = (await objects()).find((each) => nameOf(each) === 'svidecar-helpers');
    expect(objectAt(helpers, 'spec')).toMatchObject({ hint: 'svidecar' });
    expect(objectAt(helpers, 'spec')).not.toHaveProperty('admin');
  });

  test("a pod gets an entry when it is scheduled; one with trust domains gets theirs, by the webhook's label", async () => {
    manager = await startSpireControllerManager({ api, spire });
    await create('alone', injectBackend);
    await create('federating', { ...injectBackend, 'spiffe.io/federatesWith': 'other.test' });
    await waitUntil('both have an entry', async () => (await entries()).length === 2);
    const found = await entries();
    for (const entry of found) {
      expect(entry).toMatchObject({
        spiffe_id: { trust_domain: 'example.org', path: '/ns/shop/sa/frontend' },
        hint: 'svidecar',
        jwt_svid_ttl: 60,
      });
      expect(JSON.stringify(entry['selectors'])).toContain('container-name:auth-helper');
    }
    expect(found.map((entry) => listAt(entry, 'federates_with').length).sort()).toEqual([0, 1]);
  });

  test("a pod with an Envoy of ours gets an entry for it too, with the policy's leave; another's container of that name gets none", async () => {
    federations = { all: [['other.test'], []], envoys: [['other.test'], []] };
    await keeper.reconcile(signal);
    const envoys = ['svidecar-envoys', `svidecar-envoys-federated-${hash}`];
    expect(await names()).toEqual([...envoys, federated, helpers]);
    const own = {
      'inject.svidecar.dev/templates': 'envoy, jwt-validate',
      'svidecar.dev/inbound': '8443=8080',
    };
    const plain = {
      serviceAccountName: 'frontend',
      containers: [{ name: 'app', image: 'app' }],
    };
    await create('proxied', own, plain);
    await create('proxied-abroad', { ...own, 'spiffe.io/federatesWith': 'other.test' }, plain);
    const ofEnvoys = async (): Promise<readonly JsonObject[]> =>
      (await entries()).filter((entry) =>
        JSON.stringify(entry['selectors']).includes('container-name:envoy'),
      );
    await waitUntil('both have one', async () => (await ofEnvoys()).length === 2);
    const found = await ofEnvoys();
    for (const entry of found)
      expect(entry).toMatchObject({ spiffe_id: { path: '/ns/shop/sa/frontend' } });
    expect(found.map((entry) => listAt(entry, 'federates_with').length).sort()).toEqual([0, 1]);
    // The others have a container of that name too, which is not ours.
    const uids = found.map(
      (entry) => JSON.stringify(entry['selectors']).match(/pod-uid:[^"]+/)?.[0],
    );
    const { body } = await api.request('GET', '/api/v1/namespaces/shop/pods');
    const pods = listAt(isObject(body) ? body : {}, 'items').filter(isObject);
    const uidOf = (pod: JsonObject): string =>
      `pod-uid:${stringAt(objectAt(pod, 'metadata'), 'uid') ?? ''}`;
    const proxied = pods.filter((pod) => nameOf(pod).startsWith('proxied'));
    expect(uids.sort()).toEqual(proxied.map(uidOf).sort());
    // Beside the helper's.
    await waitUntil('all have an entry', async () => (await entries()).length === 6);
    for (const name of ['proxied', 'proxied-abroad'])
      await api.kubectl(['delete', 'pod', '-n', 'shop', name, '--force', '--grace-period=0']);
    await waitUntil('their entries are gone', async () => (await entries()).length === 2);
  });

  test('a set that nobody has goes only when everything is known; its pods lose their entry then', async () => {
    federations = { all: [], envoys: [] };
    isCurrent = false;
    await keeper.reconcile(signal);
    expect(await names()).toContain(federated);
    isCurrent = true;
    await keeper.reconcile(signal);
    expect(await names()).toEqual(['svidecar-helpers']);
    await waitUntil('its entry is gone', async () => (await entries()).length === 1);
  });

  test('an object of others under one of the names is left alone, and told of', async () => {
    await api.request('DELETE', `${list}/svidecar-helpers`);
    const spec = { spiffeIDTemplate: 'spiffe://example.org/other' };
    const { apiVersion, kind } = {
      apiVersion: 'spire.spiffe.io/v1alpha1',
      kind: 'ClusterSPIFFEID',
    };
    await api.request('POST', list, {
      apiVersion,
      kind,
      metadata: { name: 'svidecar-helpers' },
      spec,
    });
    await keeper.reconcile(signal);
    expect((await objects()).map((each) => each['spec'])).toEqual([spec]);
    expect(JSON.stringify(log.lines.at(-1))).toContain("is not svidecar's");
    await api.request('DELETE', `${list}/svidecar-helpers`);
  });

  test('the policy lets svidecar write no other ClusterSPIFFEID, and none that has more power', async () => {
    const metadata = (name: string): JsonObject => ({
      name,
      labels: { 'app.kubernetes.io/managed-by': 'svidecar' },
    });
    const spec = { spiffeIDTemplate: 'spiffe://example.org/x' };
    const tried = async (name: string, more: JsonObject): Promise<string> => {
      const object = {
        apiVersion: 'spire.spiffe.io/v1alpha1',
        kind: 'ClusterSPIFFEID',
        metadata: metadata(name),
        spec: { ...spec, ...more },
      };
      return ours.create(list, object, signal).then(
        () => 'made',
        (error: unknown) => String(error),
      );
    };
    expect(await tried('anything', {})).toContain('only ClusterSPIFFEID objects that are called');
    const one = `svidecar-federated-${'0'.repeat(32)}`;
    expect(await tried(one, { admin: true })).toContain('neither admin nor downstream');
    expect(await tried(one, { downstream: true })).toContain('neither admin nor downstream');
  });

  test("the webhook's leader follows Deployments and configuration", async () => {
    const work = await createWorkFolder('clusterspiffeids');
    const file = join(work.path, 'config.yaml');
    const configure = (registration: string): Promise<void> =>
      writeFile(file, `{registration: ${registration}, entries: {graceSeconds: 1}}\n`);
    await configure('clusterspiffeid');
    await api.kubectl(['delete', 'pods', '-n', 'shop', '--all', '--force', '--grace-period=0']);
    const replicas = await installReplicas(api, certificate, { config: file });
    try {
      for (const name of ['replica-1', 'replica-2']) await replicas.start(name);
      const helpersAlone = async (): Promise<boolean> => (await names()).join() === helpers;
      await waitUntil('the object for all helpers', helpersAlone, { deadlineMs: 30_000 });
      for (const replica of replicas.all) await replicas.takesReviews(replica);
      const annotations = { ...injectBackend, 'svidecar.dev/federates-with': 'other.test' };
      const object = deployment(annotations);
      const path = '/apis/apps/v1/namespaces/shop/deployments';
      const spec = { ...objectAt(object, 'spec'), selector: { matchLabels: { app: 'frontend' } } };
      const labelled = { ...object, spec };
      const { body } = await api.request('POST', path, labelled);
      expect(JSON.stringify(body)).toContain(`"svidecar.dev/federation":"${hash}"`);
      const began = performance.now();
      await waitUntil('its object', async () => (await names()).includes(federated));
      expect(performance.now() - began).toBeLessThan(2_000 * slowness);
      await api.request('POST', path, {
        ...labelled,
        metadata: { name: 'proxied', namespace: 'shop' },
        spec: { ...spec, template: proxiedTemplate },
      });
      await waitUntil("Envoy's object", async () => (await names()).includes('svidecar-envoys'));
      for (const name of ['frontend', 'proxied']) await api.request('DELETE', `${path}/${name}`);
      await api.kubectl(['delete', 'pods', '-n', 'shop', '--all', '--force', '--grace-period=0']);
      await waitUntil('it is gone', helpersAlone, { deadlineMs: 20_000 });
      await configure('none');
      await waitUntil('nobody leads any more', async () => !(await isLed(replicas)));
      expect(await names()).toEqual([helpers]);
      const cleanUp = ['cleanup', '--config', file, '--kubeconfig', api.kubeconfig, '--yes'];
      const cleaned = await runSvidecar([...cleanUp, '--spire-server', spire.socketPath]);
      expect(cleaned).toMatchObject({ code: 0, err: '' });
      expect(await names()).toEqual([]);
    } finally {
      await replicas.stop();
      await work.remove();
    }
  });
});

/** It asks for an Envoy of ours. */
const proxiedTemplate = {
  metadata: {
    labels: { app: 'frontend' },
    annotations: {
      'inject.svidecar.dev/templates': 'envoy',
      'svidecar.dev/upstreams': '9001=b.shop:8443 spiffe://example.org/b',
    },
  },
  spec: { containers: [{ name: 'app', image: 'app' }] },
};

async function isLed(replicas: Replicas): Promise<boolean> {
  const all = await Promise.all(replicas.all.map((each) => each.metric('svidecar_spire_leader')));
  return all.includes(1);
}
