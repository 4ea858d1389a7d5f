/** Federation by the running webhook, with the manifests' rights: a configured relationship, the entries that need it, and their end. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Replica, type Replicas } from './harness/replicas.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'spire-server'];
const leaseTimes = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 };
const lives = { leafS: 86_400, authorityS: 864_000, settleS: 1 };
const rights = join(
  import.meta.dirname,
  '../../manifests/kustomize/components/spire-registration/rbac.yaml',
);
const lease = '/apis/coordination.k8s.io/v1/namespaces/svidecar/leases/svidecar-registrations';
const annotation = 'svidecar.dev/federation-relationships';

describeWithComponents(programs, 'federation by the webhook', () => {
  let api: ApiServer;
  let spire: SpireServer;
  let other: SpireServer;
  let replicas: Replicas;
  let replica: Replica;
  let work: WorkFolder;
  let federation: string;

  beforeAll(async () => {
    [api, spire, other, work] = await Promise.all([
      startApiServer(),
      startSpireServer(),
      startSpireServer({ trustDomain: 'other.org', bundleEndpoint: { profile: 'https_spiffe' } }),
      createWorkFolder('federation'),
    ]);
    federation = JSON.stringify([
      {
        trustDomain: 'other.org',
        bundleEndpoint: other.bundleUrl,
        profile: 'https_spiffe',
        endpointSpiffeId: 'spiffe://other.org/spire/server',
        bundle: await other.showBundle(),
      },
    ]);
    await mkdir(join(work.path, 'config'));
    const certificate = { settings: { kind: 'self_signed', lives }, leaseTimes } as const;
    replicas = await installReplicas(api, certificate, { config: configFile() });
    const input = await readFile(rights, 'utf8');
    expect(await api.kubectl(['apply', '-f', '-'], { input })).toMatchObject({ code: 0 });
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
  });
  afterAll(async () => {
    await replicas.stop();
    await Promise.all([api.stop(), spire.stop(), other.stop()]);
    await work.remove();
  });

  const configFile = (): string => join(work.path, 'config', 'config.yaml');
  async function configure(registration: string, relationships: string): Promise<void> {
    const lines = [
      `registration: ${registration}`,
      `spire: {server: 'unix://${spire.socketPath}', pollSeconds: 1}`,
      `federation: ${relationships}`,
    ];
    await writeFile(configFile(), `${lines.join('\n')}\n`);
  }
  async function start(name: string): Promise<void> {
    replica = await replicas.start(name);
    await replicas.takesReviews(replica);
  }
  const until = (what: string, isSo: () => Promise<boolean>): Promise<void> =>
    waitUntil(what, isSo, { deadlineMs: 20_000 });
  async function relationships(): Promise<number> {
    const answer = await spire.command(['federation', 'list']);
    return listAt(answer, 'federation_relationships').length;
  }
  async function bundles(): Promise<number> {
    return listAt(await spire.command(['bundle', 'list']), 'bundles').length;
  }
  async function federatesWith(): Promise<readonly unknown[] | undefined> {
    const entries = listAt(await spire.command(['entry', 'show']), 'entries').filter(isObject);
    const [first] = entries;
    return first === undefined ? undefined : listAt(first, 'federates_with');
  }
  async function record(): Promise<string | undefined> {
    const { body } = await api.request('GET', lease);
    const found = isObject(body) ? body : {};
    return stringAt(objectAt(objectAt(found, 'metadata'), 'annotations'), annotation);
  }

  test('the relationship is made, and the entry of a workload that asks for it federates', async () => {
    await configure('entries', federation);
    await start('replica-1');
    const template = {
      metadata: {
        labels: { app: 'web' },
        annotations: {
          'inject.svidecar.dev/templates': 'jwt-validate',
          'spiffe.io/federatesWith': 'other.org',
          'svidecar.dev/allow-callers': 'spiffe://other.org/caller',
        },
      },
      spec: {
        serviceAccountName: 'web',
        containers: [
          { name: 'app', image: 'app:1' },
          {
            name: 'envoy',
            image: 'envoyproxy/envoy:v1.40.0',
            args: ['-c', '/etc/envoy/envoy.yaml'],
            volumeMounts: [{ name: 'envoy-config', mountPath: '/etc/envoy' }],
          },
        ],
        volumes: [{ name: 'envoy-config', configMap: { name: 'envoy' } }],
      },
    };
    const { status } = await api.request('POST', '/apis/apps/v1/namespaces/shop/deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { replicas: 0, selector: { matchLabels: { app: 'web' } }, template },
    });
    expect(status).toBe(201);
    await until('the entry federates', async () => (await federatesWith())?.[0] === 'other.org');
    expect(await relationships()).toBe(1);
    expect(await record()).toContain('other.org');
  });

  test('taken out of the configuration, it leaves the entry, then its bundle goes, and nothing is recorded', async () => {
    await configure('entries', '[]');
    await until('the bundle has gone', async () => (await bundles()) === 0);
    expect([await relationships(), await federatesWith()]).toEqual([0, []]);
    await until('the record is empty', async () => (await record()) === undefined);
  });

  test('it works without registrations, and another life removes what a killed one made', async () => {
    await configure('none', federation);
    await until('it is made again', async () => (await relationships()) === 1);
    const success = 'svidecar_spire_last_success_timestamp_seconds';
    await until('it is told', async () => ((await replica.metric(success)) ?? 0) > 0);
    await replica.kill();
    await configure('none', '[]');
    await start('replica-2');
    await until('it has gone', async () => (await relationships()) === 0);
    await until('the record is empty', async () => (await record()) === undefined);
  });
});
