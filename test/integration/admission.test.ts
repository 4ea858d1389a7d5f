import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { validateEnvoy } from './harness/envoy.ts';
import { slowness } from './harness/pace.ts';
import { waitUntil } from './harness/processes.ts';
import { installWebhook, type InstalledWebhook } from './harness/webhook.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'envoy'];
const shop = await readFile(join(import.meta.dirname, 'fixtures/shop.yaml'), 'utf8');
const audience = 'svidecar.dev/audience: backend';
const templates = 'inject.svidecar.dev/templates: jwt-inject';

let api: ApiServer;
let webhook: InstalledWebhook;
let spaces = 0;

/** A fresh namespace with our label, or without one. */
async function namespace(injection?: 'enabled' | 'pod', level?: string): Promise<string> {
  spaces += 1;
  const name = `shop-${spaces}`;
  await api.createNamespace(name, {
    ...(injection === undefined ? {} : { 'svidecar.dev/injection': injection }),
    ...(level === undefined ? {} : { 'pod-security.kubernetes.io/enforce': level }),
  });
  return name;
}

function apply(
  space: string,
  input: string,
  ...flags: readonly string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return api.kubectl(['apply', '-n', space, ...flags, '-f', '-'], { input });
}

async function read(space: string, kind: string, name: string): Promise<JsonObject> {
  const { stdout } = await api.kubectl(['get', '-n', space, kind, name, '-o', 'json']);
  const object: unknown = JSON.parse(stdout);
  return isObject(object) ? object : {};
}

async function list(space: string, kind: string): Promise<readonly JsonObject[]> {
  const { stdout } = await api.kubectl(['get', '-n', space, kind, '-o', 'json']);
  const object: unknown = JSON.parse(stdout);
  return listAt(isObject(object) ? object : {}, 'items').filter(isObject);
}

function podSpec(workload: JsonObject): JsonObject {
  return objectAt(objectAt(objectAt(workload, 'spec'), 'template'), 'spec');
}

/** Names of a pod spec's list. */
function names(spec: JsonObject, field: string): readonly unknown[] {
  return listAt(spec, field).map((item) => (isObject(item) ? item['name'] : undefined));
}

function sourceName(spec: JsonObject): string {
  const volume = listAt(spec, 'volumes').find(
    (item) => isObject(item) && item['name'] === 'envoy-config',
  );
  return stringAt(objectAt(isObject(volume) ? volume : {}, 'configMap'), 'name') ?? '';
}

async function configMaps(space: string): Promise<readonly string[]> {
  const found = await list(space, 'configmaps');
  return found
    .map((object) => stringAt(objectAt(object, 'metadata'), 'name') ?? '')
    .filter((name) => name !== 'kube-root-ca.crt')
    .sort();
}

function generation(object: JsonObject): unknown {
  return objectAt(object, 'metadata')['generation'];
}

/** A change to the shop's manifests. */
function swap(from: string | RegExp, to: string): (text: string) => string {
  return (text) => text.replace(from, () => to);
}

describeWithComponents(programs, 'an annotated Deployment on a real API server', () => {
  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  test('is stored with the helper, the socket, and its Envoy pointed at the derived ConfigMap', async () => {
    const space = await namespace('enabled');
    const applied = await apply(space, shop);
    expect(applied.code, applied.stderr).toBe(0);
    expect(applied.stderr).toContain('Warning: svidecar: injected jwt-inject');
    const spec = podSpec(await read(space, 'deployment', 'frontend'));
    expect(names(spec, 'initContainers')).toEqual(['auth-helper']);
    expect(names(spec, 'containers')).toEqual(['app', 'envoy']);
    expect(names(spec, 'volumes')).toEqual([
      'envoy-config',
      'spiffe-workload-api',
      'svidecar-settings',
    ]);
    expect(sourceName(spec)).toMatch(/^frontend-envoy-svidecar-[0-9a-f]{32}$/);
  });

  test('finds its ConfigMaps within a second, and real Envoy accepts the derived one', async () => {
    const space = await namespace('enabled');
    await apply(space, shop);
    await waitUntil('the ConfigMaps exist', async () => (await configMaps(space)).length === 3, {
      deadlineMs: 1_000 * slowness,
    });
    const derived = sourceName(podSpec(await read(space, 'deployment', 'frontend')));
    const { data } = await read(space, 'configmap', derived);
    const text = stringAt(isObject(data) ? data : {}, 'envoy.yaml') ?? '';
    expect(text).toContain('name: svidecar.jwt-');
    expect(text).toContain('# keep last');
    expect(await validateEnvoy(text)).toMatchObject({ ok: true });
    const [settings = ''] = (await configMaps(space)).filter((name) =>
      name.startsWith('svidecar-'),
    );
    expect(await read(space, 'configmap', settings)).toMatchObject({
      immutable: true,
      metadata: { ownerReferences: [{ kind: 'Deployment', name: 'frontend' }] },
    });
  });

  test.each([['client-side'], ['server-side']])(
    'is not changed by the same apply again, %s',
    async (side) => {
      const flags = side === 'server-side' ? ['--server-side'] : [];
      const space = await namespace('enabled');
      await apply(space, shop, ...flags);
      const first = await read(space, 'deployment', 'frontend');
      const again = await apply(space, shop, ...flags);
      expect(again).toMatchObject({ code: 0, stderr: '' });
      const second = await read(space, 'deployment', 'frontend');
      expect(generation(second)).toBe(generation(first));
      expect(second['spec']).toEqual(first['spec']);
    },
  );

  test('is only shown by kubectl diff and a dry run: nothing is written', async () => {
    const space = await namespace('enabled');
    const dry = await apply(space, shop, '--dry-run=server', '-o', 'yaml');
    expect(dry.stdout).toContain('name: auth-helper');
    const diff = await api.kubectl(['diff', '-n', space, '-f', '-'], { input: shop });
    expect(diff.stdout).toContain('auth-helper');
    expect(await list(space, 'deployments')).toEqual([]);
    expect(await configMaps(space)).toEqual([]);
  });

  test('is injected anew when its annotation changes, and rolled back with the settings it had', async () => {
    const space = await namespace('enabled');
    await apply(space, shop);
    await waitUntil('the ConfigMaps exist', async () => (await configMaps(space)).length === 3);
    const [before = ''] = (await configMaps(space)).filter((name) => name.startsWith('svidecar-'));
    await apply(space, shop.replace(audience, 'svidecar.dev/audience: ledger'));
    const spec = podSpec(await read(space, 'deployment', 'frontend'));
    expect(names(spec, 'initContainers')).toEqual(['auth-helper']);
    expect(JSON.stringify(spec)).not.toContain(before);
    const undone = await api.kubectl(['rollout', 'undo', '-n', space, 'deployment/frontend']);
    expect(undone.code, undone.stderr).toBe(0);
    expect(JSON.stringify(podSpec(await read(space, 'deployment', 'frontend')))).toContain(before);
    await waitUntil('the settings are there', async () =>
      (await configMaps(space)).includes(before),
    );
  });

  test('is exactly as it was never injected once the annotation is removed', async () => {
    const plain = shop.replace(`${templates}\n        ${audience}`, 'example.org/kept: "yes"');
    const space = await namespace('enabled');
    await apply(space, plain);
    const never = podSpec(await read(space, 'deployment', 'frontend'));
    const other = await namespace('enabled');
    await apply(other, shop);
    const removed = await apply(other, plain);
    expect(removed.stderr).toContain('removed what jwt-inject had added');
    const after = await read(other, 'deployment', 'frontend');
    expect(podSpec(after)).toEqual(never);
    expect(JSON.stringify(objectAt(objectAt(after, 'spec'), 'template'))).not.toContain('svidecar');
  });

  test('gets a derived ConfigMap that follows its source, and goes with it', async () => {
    const space = await namespace('enabled');
    await apply(space, shop);
    const derived = sourceName(podSpec(await read(space, 'deployment', 'frontend')));
    await waitUntil('it exists', async () => (await configMaps(space)).includes(derived));
    await apply(space, shop.replace('stat_prefix: outbound', 'stat_prefix: changed'));
    await waitUntil('the change arrives', async () => {
      return JSON.stringify(await read(space, 'configmap', derived)).includes(
        'stat_prefix: changed',
      );
    });
    await api.kubectl(['delete', '-n', space, 'configmap', derived]);
    await waitUntil('it comes back', async () => (await configMaps(space)).includes(derived));
    await api.kubectl(['delete', '-n', space, 'configmap', 'frontend-envoy']);
    await waitUntil('it is collected', async () => !(await configMaps(space)).includes(derived));
  });

  test('passes Pod Security restricted, so its pods are made', async () => {
    const space = await namespace('enabled', 'restricted');
    const applied = await apply(space, shop);
    expect(applied.stderr).not.toContain('would violate PodSecurity');
    await waitUntil('its pod is admitted', async () => (await list(space, 'pods')).length === 1);
    const [pod = {}] = await list(space, 'pods');
    expect(names(objectAt(pod, 'spec'), 'initContainers')).toEqual(['auth-helper']);
  });

  test('is left alone in a namespace labelled "pod", where its pods are injected instead', async () => {
    const space = await namespace('pod');
    await apply(space, shop);
    expect(names(podSpec(await read(space, 'deployment', 'frontend')), 'initContainers')).toEqual(
      [],
    );
    await waitUntil('its pod is admitted', async () => (await list(space, 'pods')).length === 1);
    const [pod = {}] = await list(space, 'pods');
    expect(names(objectAt(pod, 'spec'), 'initContainers')).toEqual(['auth-helper']);
    await waitUntil('the ConfigMaps exist', async () => (await configMaps(space)).length === 3);
  });

  test('is injected for its new namespace when pasted there as it is stored', async () => {
    const validate = shop
      .replace(templates, 'inject.svidecar.dev/templates: jwt-validate')
      .replace(`        ${audience}\n`, '')
      .replace('OUTBOUND', 'INBOUND');
    const space = await namespace('enabled');
    await apply(space, validate);
    const {
      metadata: _metadata,
      status: _status,
      ...stored
    } = await read(space, 'deployment', 'frontend');
    const other = await namespace('enabled');
    await apply(other, JSON.stringify({ ...stored, metadata: { name: 'frontend' } }));
    const pasted = JSON.stringify(podSpec(await read(other, 'deployment', 'frontend')));
    const original = JSON.stringify(podSpec(await read(space, 'deployment', 'frontend')));
    expect(pasted).toMatch(/svidecar-[0-9a-f]{32}/);
    expect(pasted).not.toBe(original);
    expect(pasted.match(/auth-helper/g)?.length).toBe(original.match(/auth-helper/g)?.length);
  });

  test('never reaches the webhook without our annotations, nor outside labelled namespaces', async () => {
    const before = await webhook.reviews('');
    const plain = shop.replace(
      `annotations:\n        ${templates}\n        ${audience}`,
      'annotations: {}',
    );
    await apply(await namespace('enabled'), plain);
    const unlabelled = await namespace();
    await apply(unlabelled, shop);
    await waitUntil('pods are made', async () => (await list(unlabelled, 'pods')).length === 1);
    expect(await webhook.reviews('')).toBe(before);
    expect(
      names(podSpec(await read(unlabelled, 'deployment', 'frontend')), 'initContainers'),
    ).toEqual([]);
  });

  test('uses a changed configuration for what is applied after it, and keeps the last good one', async () => {
    await writeFile(webhook.configFile, 'trustDomain: [broken');
    await writeFile(webhook.configFile, 'helper: {image: registry.example.org/helper:2}\n');
    const space = await namespace('enabled');
    await waitUntil('the new image is used', async () => {
      const dry = await apply(space, shop, '--dry-run=server', '-o', 'yaml');
      return dry.stdout.includes('registry.example.org/helper:2');
    });
    await writeFile(webhook.configFile, 'helper: {colour: red}\n');
    // Longer than a changed file takes to be looked at.
    await sleep(500);
    const dry = await apply(space, shop, '--dry-run=server', '-o', 'yaml');
    expect(dry.stdout).toContain('registry.example.org/helper:2');
    await writeFile(webhook.configFile, '');
  });

  test.each<[string, (text: string) => string, string]>([
    [
      'an unknown annotation',
      swap(audience, 'svidecar.dev/audiense: backend'),
      'did you mean svidecar.dev/audience?',
    ],
    ['an unknown template', swap('jwt-inject', 'jwt-injekt'), 'did you mean "jwt-inject"?'],
    [
      'a wrong value',
      swap(audience, `${audience}\n        svidecar.dev/authorization: perhaps`),
      'one of deny, overwrite, keep',
    ],
    [
      'a missing audience',
      swap(`        ${audience}\n`, ''),
      'needs the annotation svidecar.dev/audience',
    ],
    [
      'no Envoy container',
      swap(/name: envoy\n +image: .*\n +args: .*/, 'name: proxy\n        image: localhost/proxy:1'),
      'no container looks like Envoy',
    ],
    [
      'a configuration outside a ConfigMap',
      swap('configMap: {name: frontend-envoy}', 'emptyDir: {}'),
      'is an emptyDir, so the file is written while the pod starts',
    ],
    [
      'a v2 configuration',
      swap(
        'extensions.filters.network.http_connection_manager.v3',
        'config.filter.network.http_connection_manager.v2',
      ),
      'envoy.yaml:',
    ],
    ['a broken configuration', swap('static_resources:', 'static_resources: ['), 'envoy.yaml:'],
    [
      'a configuration without HTTP',
      swap('http_connection_manager.v3.HttpConnectionManager', 'tcp_proxy.v3.TcpProxy'),
      'envoy.yaml',
    ],
    [
      'two templates and no way to choose listeners',
      (text) =>
        text.replace('OUTBOUND', 'UNSPECIFIED').replace('jwt-inject', 'jwt-inject,jwt-validate'),
      'svidecar.dev/inject-listeners',
    ],
  ])('is refused with %s, in words that help', async (_name, change, message) => {
    const space = await namespace('enabled');
    const wrong = change(shop);
    await apply(space, wrong.slice(0, wrong.indexOf('\n---\n')));
    let said = '';
    await waitUntil(
      'it is refused',
      async () => {
        const { code, stderr } = await apply(space, wrong, '--dry-run=server');
        said = stderr;
        return code === 1;
      },
      { deadlineMs: 5_000 },
    );
    expect(said).toContain(message);
  });

  test('is let in with a warning while its ConfigMap is still awaited', async () => {
    const space = await namespace('enabled');
    const { code, stderr } = await apply(space, shop.slice(shop.indexOf('\n---\n')));
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('ConfigMap frontend-envoy is not there yet');
    await apply(space, shop);
    await waitUntil('the ConfigMaps exist', async () => (await configMaps(space)).length === 3);
  });

  test.each([
    ['StatefulSet', 'apps/v1'],
    ['DaemonSet', 'apps/v1'],
    ['ReplicaSet', 'apps/v1'],
    ['Job', 'batch/v1'],
    ['CronJob', 'batch/v1'],
    ['Pod', 'v1'],
  ])('covers a %s', async (kind, apiVersion) => {
    const space = await namespace('enabled', 'restricted');
    const applied = await apply(space, workload(kind, apiVersion));
    expect(applied.code, applied.stderr).toBe(0);
    const stored = JSON.stringify(
      (await read(space, kind.toLowerCase(), 'frontend'))['spec'] ?? {},
    );
    expect(stored).toContain('"name":"auth-helper"');
    const before = await read(space, kind.toLowerCase(), 'frontend');
    const again = await apply(space, workload(kind, apiVersion));
    expect(again).toMatchObject({ code: 0, stderr: '' });
    const after = await read(space, kind.toLowerCase(), 'frontend');
    expect(generation(after)).toBe(generation(before));
    expect(after['spec']).toEqual(before['spec']);
  });
});

/** The shop's pod in an object of another kind, with its ConfigMap. */
function workload(kind: string, apiVersion: string): string {
  const [configMap = '', deployment = ''] = shop.split('\n---\n');
  const parsed: unknown = parse(deployment);
  const { template, selector } = objectAt(isObject(parsed) ? parsed : {}, 'spec');
  const pod = isObject(template) ? template : {};
  const job = { template: { ...pod, spec: { ...objectAt(pod, 'spec'), restartPolicy: 'Never' } } };
  const specs: Readonly<Record<string, JsonObject>> = {
    StatefulSet: { serviceName: 'frontend', selector: selector ?? {}, template: pod },
    DaemonSet: { selector: selector ?? {}, template: pod },
    ReplicaSet: { selector: selector ?? {}, template: pod },
    Job: job,
    CronJob: { schedule: '0 0 * * *', jobTemplate: { spec: job } },
    Pod: objectAt(pod, 'spec'),
  };
  const metadata = { ...(kind === 'Pod' ? objectAt(pod, 'metadata') : {}), name: 'frontend' };
  const object = { apiVersion, kind, metadata, spec: specs[kind] ?? {} };
  return `${configMap}\n---\n${JSON.stringify(object)}\n`;
}
