/** What people find on their workloads: Events and audit annotations, with two replicas on a real API server. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { waitUntil } from '../harness/processes.ts';
import { installWebhook, type InstalledWebhook, type Replica } from '../harness/webhook.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const shop = await readFile(join(import.meta.dirname, '../fixtures/shop.yaml'), 'utf8');
const [source = '', deployment = ''] = shop.split('\n---\n');
const account = 'system:serviceaccount:svidecar:svidecar';

describeWithComponents(programs, 'events on workloads', () => {
  let api: ApiServer;
  let webhook: InstalledWebhook;
  const replicas: Replica[] = [];

  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
    replicas.push(await webhook.addReplica('svidecar-2'));
  });
  afterAll(async () => {
    for (const replica of replicas) await replica.stop();
    await webhook.stop();
    await api.stop();
  });

  const apply = async (space: string, input: string): Promise<string> =>
    (await api.kubectl(['apply', '-n', space, '-f', '-'], { input })).stderr;

  async function label(space: string, injection?: string): Promise<void> {
    const labels: Record<string, string> =
      injection === undefined ? {} : { 'svidecar.dev/injection': injection };
    await api.createNamespace(space, labels);
  }

  /** Ours in a namespace. */
  async function events(space: string): Promise<readonly JsonObject[]> {
    const { body } = await api.request('GET', `/apis/events.k8s.io/v1/namespaces/${space}/events`);
    return listAt(isObject(body) ? body : {}, 'items')
      .filter(isObject)
      .filter((event) => event['reportingController'] === 'svidecar.dev/webhook');
  }

  const told = async (space: string): Promise<readonly string[]> =>
    (await events(space))
      .map((event) => {
        const regarding = objectAt(event, 'regarding');
        const object = `${stringAt(regarding, 'kind') ?? ''}/${stringAt(regarding, 'name') ?? ''}`;
        return `${stringAt(event, 'type') ?? ''} ${stringAt(event, 'reason') ?? ''} ${object}`;
      })
      .sort();

  const has = (space: string, event: string): Promise<void> =>
    waitUntil(event, async () => (await told(space)).includes(event), { deadlineMs: 12_000 });

  async function note(space: string, reason: string): Promise<string> {
    const event = (await events(space)).find((each) => each['reason'] === reason);
    return stringAt(event, 'note') ?? '';
  }

  test('an injected Deployment has its injection and its rendered Envoy configuration told once, as kubectl was told', async () => {
    await label('told', 'enabled');
    const warnings = await apply('told', shop);
    await has('told', 'Normal Injected Deployment/frontend');
    await has('told', 'Normal EnvoyConfigRendered Deployment/frontend');
    await has('told', 'Warning EnvoyConfigDoubtful Deployment/frontend');
    // Longer than ReplicaSet and pods take to be seen by both replicas.
    await sleep(2_000);
    expect(await told('told')).toEqual([
      'Normal EnvoyConfigRendered Deployment/frontend',
      'Normal Injected Deployment/frontend',
      'Warning EnvoyConfigDoubtful Deployment/frontend',
    ]);
    expect(await note('told', 'EnvoyConfigDoubtful')).toMatch(/^envoy_warning: .*TLS/);
    const injected = (await note('told', 'Injected')).replace('injected: ', '');
    expect(warnings).toContain(`svidecar: ${injected}`);
    expect(await note('told', 'EnvoyConfigRendered')).toContain(
      'envoy_config_patched: added svidecar.jwt-inject',
    );
    const described = await api.kubectl(['describe', '-n', 'told', 'deployment', 'frontend']);
    expect(described.stdout).toMatch(/Normal\s+Injected\s/);
  });

  test('the same trace is in the audit log, under stable keys', async () => {
    const lines = (await readFile(api.auditLog, 'utf8')).split('\n').filter((line) => line !== '');
    const annotations = lines
      .map((line): unknown => JSON.parse(line))
      .filter(isObject)
      .filter((entry) => objectAt(entry, 'objectRef')['resource'] === 'deployments')
      .filter((entry) => objectAt(entry, 'objectRef')['namespace'] === 'told')
      .map((entry) => objectAt(entry, 'annotations'))
      .find((each) => each['workloads.svidecar.dev/decision'] === 'injected');
    expect(annotations?.['workloads.svidecar.dev/reason']).toBe('injected');
    const trace = stringAt(annotations, 'workloads.svidecar.dev/trace') ?? '';
    expect(trace).toContain(await note('told', 'Injected'));
    expect(trace.split('\n').map((line) => line.split(':')[0])).toEqual([
      'templates_requested',
      'envoy_container_found',
      'socket_added',
      'native_sidecar',
      'envoy_config_patched',
      'envoy_config_patched',
      'envoy_warning',
      'injected',
    ]);
  });

  test('a changed source is told as a new rendering, a broken one as a fault', async () => {
    const mirrored = '{cluster: backend, request_mirror_policies: [{cluster: copies}]}';
    await apply('told', source.replace('route: {cluster: backend}', `route: ${mirrored}`));
    const notes = async (reason: string): Promise<readonly string[]> =>
      (await events('told'))
        .filter((event) => event['reason'] === reason)
        .map((event) => stringAt(event, 'note') ?? '');
    await waitUntil('it is told', async () => (await notes('EnvoyConfigRendered')).length === 2);
    // Nobody restarted anything: admission was not asked.
    await waitUntil('what is open now is told', async () =>
      (await notes('EnvoyConfigDoubtful')).some((each) => each.includes('cluster "copies"')),
    );
    await apply('told', source.replace('static_resources:', 'static_resources: ['));
    await has('told', 'Warning EnvoyConfigInvalid Deployment/frontend');
    expect(await note('told', 'EnvoyConfigInvalid')).toMatch(/envoy\.yaml:\d+/);
  });

  test('a source that does not come is told, one that comes in time is not', async () => {
    await label('late', 'enabled');
    await apply('late', deployment);
    await has('late', 'Warning EnvoyConfigMissing Deployment/frontend');
    await label('timely', 'enabled');
    await apply('timely', deployment);
    await apply('timely', source);
    await has('timely', 'Normal EnvoyConfigRendered Deployment/frontend');
    await sleep(6_000);
    expect(await told('timely')).not.toContain('Warning EnvoyConfigMissing Deployment/frontend');
  });

  test('a namespace without the label is told to whoever asks in it', async () => {
    await label('plain');
    await apply('plain', shop);
    await has('plain', 'Warning Skipped Deployment/frontend');
    expect(await note('plain', 'Skipped')).toContain('kubectl label namespace plain');
  });

  test('a Deployment whose pods will be refused is told why, also where only pods are injected', async () => {
    await label('pods', 'pod');
    await apply('pods', shop.replace('jwt-inject', 'jwt-injekt'));
    await has('pods', 'Warning Refused Deployment/frontend');
    expect(await note('pods', 'Refused')).toContain('did you mean "jwt-inject"? ');
  });

  test('a hostNetwork workload is told that it is left alone, and a pod without a controller that it is injected', async () => {
    await label('odd', 'enabled');
    const hostNetwork = deployment.replace('    spec:\n', '    spec:\n      hostNetwork: true\n');
    await apply('odd', hostNetwork.replace('name: frontend\nspec', 'name: wide\nspec'));
    await has('odd', 'Warning Skipped Deployment/wide');
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'alone',
        annotations: { 'inject.svidecar.dev/templates': 'spiffe-socket' },
      },
      spec: { containers: [{ name: 'app', image: 'app:1' }] },
    };
    await apply('odd', JSON.stringify(pod));
    await has('odd', 'Normal Injected Pod/alone');
  });

  test('nothing is written again by a replica that starts, and nothing but creations is asked for', async () => {
    const spaces = ['told', 'late', 'timely', 'plain', 'pods', 'odd'];
    const versions = async (): Promise<unknown> =>
      Promise.all(
        spaces.map(async (space) =>
          (await events(space)).map(({ metadata }) => JSON.stringify(metadata)).sort(),
        ),
      );
    const before = await versions();
    replicas.push(await webhook.addReplica('svidecar-3'));
    // Longer than a fault must last to be told.
    await sleep(7_000);
    expect(await versions()).toEqual(before);
    const asked = (await readFile(api.auditLog, 'utf8'))
      .split('\n')
      .filter((line) => line.includes(account) && line.includes('"resource":"events"'))
      .map((line) => /"verb":"(\w+)"/.exec(line)?.[1]);
    expect(new Set(asked)).toEqual(new Set(['create']));
  });
});
