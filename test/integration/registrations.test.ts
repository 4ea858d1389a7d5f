/** Registrations by the controller: the real webhook with the manifests' rights, a real API server, a real SPIRE server. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Replica, type Replicas } from './harness/replicas.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'spire-server'];
const leaseTimes = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 };
const lives = { leafS: 86_400, authorityS: 864_000, settleS: 1 };
const parentId = 'spiffe://example.org/ns/spire/sa/spire-agent';
const repository = join(import.meta.dirname, '../..');

interface Seen {
  readonly id: string;
  readonly spiffeId: string;
  readonly selectors: readonly string[];
  readonly hint: string;
  readonly federatesWith: readonly string[];
}

function textAt(object: JsonObject, key: string): string {
  return stringAt(object, key) ?? '';
}

function seen(entry: JsonObject): Seen {
  const id = objectAt(entry, 'spiffe_id');
  return {
    id: stringAt(entry, 'id') ?? '',
    spiffeId: `spiffe://${textAt(id, 'trust_domain')}${textAt(id, 'path')}`,
    selectors: listAt(entry, 'selectors')
      .filter(isObject)
      .map((each) => `${textAt(each, 'type')}:${textAt(each, 'value')}`)
      .sort(),
    hint: stringAt(entry, 'hint') ?? '',
    federatesWith: listAt(entry, 'federates_with').map(String),
  };
}

describeWithComponents(programs, 'registrations in a real SPIRE server', () => {
  let api: ApiServer;
  let spire: SpireServer;
  let replicas: Replicas;
  let work: WorkFolder;
  let configFile: string;

  beforeAll(async () => {
    [api, spire, work] = await Promise.all([
      startApiServer(),
      startSpireServer(),
      createWorkFolder('registrations'),
    ]);
    await mkdir(join(work.path, 'config'));
    configFile = join(work.path, 'config', 'config.yaml');
    await configure();
    const certificate = { settings: { kind: 'self_signed', lives }, leaseTimes } as const;
    replicas = await installReplicas(api, certificate, { config: configFile });
    const rbac = 'manifests/kustomize/components/spire-registration/rbac.yaml';
    const input = await readFile(join(repository, rbac), 'utf8');
    expect(await api.kubectl(['apply', '-f', '-'], { input })).toMatchObject({ code: 0 });
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await start('replica-1');
    await start('replica-2');
  });
  afterAll(async () => {
    await replicas.stop();
    await Promise.all([api.stop(), spire.stop()]);
    await work.remove();
  });

  async function configure(more = ''): Promise<void> {
    const lines = [
      'registration: entries',
      `spire: {server: 'unix://${spire.socketPath}', pollSeconds: 1}`,
    ];
    if (!more.startsWith('entries:')) lines.push('entries: {graceSeconds: 1}');
    await writeFile(configFile, [...lines, more, ''].join('\n'));
  }

  async function start(name: string): Promise<Replica> {
    const replica = await replicas.start(name);
    await waitUntil(`${name} is ready`, () => replica.isReady(), { deadlineMs: 30_000 });
    return replica;
  }

  async function entries(): Promise<readonly Seen[]> {
    const answer = await spire.command(['entry', 'show']);
    return listAt(answer, 'entries').filter(isObject).map(seen);
  }

  async function ours(account: string): Promise<Seen | undefined> {
    const all = await entries();
    return all.find(({ id, spiffeId }) => id.startsWith('svidecar.') && spiffeId.endsWith(account));
  }

  async function apply(
    name: string,
    annotations: Readonly<Record<string, string>> = {},
    namespace = 'shop',
  ): Promise<void> {
    const object = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: {
            labels: { app: name },
            annotations: {
              'inject.svidecar.dev/templates': 'jwt-inject',
              'svidecar.dev/audience': 'spiffe://example.org/backend',
              ...annotations,
            },
          },
          spec: {
            serviceAccountName: name,
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
        },
      },
    };
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const { status } = await api.request('POST', path, object);
    expect(status).toBe(201);
  }

  async function remove(name: string, namespace = 'shop'): Promise<void> {
    await api.request('DELETE', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
  }

  /** Milliseconds. */
  async function until(what: string, isSo: () => Promise<boolean>): Promise<number> {
    const began = performance.now();
    await waitUntil(what, isSo, { deadlineMs: 20_000 });
    return performance.now() - began;
  }

  test('an entry is there within a second of the Deployment, and goes with it after the grace', async () => {
    await until('a replica leads', async () => (await leader()) !== undefined);
    await apply('web');
    const ms = await until('the entry', async () => (await ours('/sa/web')) !== undefined);
    expect(ms).toBeLessThan(1_000);
    const found = await ours('/sa/web');
    expect(found).toMatchObject({
      spiffeId: 'spiffe://example.org/ns/shop/sa/web',
      selectors: ['k8s:container-name:auth-helper', 'k8s:ns:shop', 'k8s:sa:web'],
    });
    expect(found?.id).toMatch(/^svidecar\.shop\.[0-9a-f]{32}$/);
    await remove('web');
    await until('it is gone', async () => (await ours('/sa/web')) === undefined);
  });

  async function leader(): Promise<Replica | undefined> {
    for (const replica of replicas.all)
      if ((await replica.metric('svidecar_spire_leader')) === 1) return replica;
    return undefined;
  }

  test('unused', async () => {
    await wait(1);
    expect(parentId).toBeDefined();
  });
});
