import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { runCommand, waitUntil } from '../integration/harness/processes.ts';
import { artefact } from './harness/artefacts.ts';
import { describeOnCluster, repository } from './harness/cluster.ts';
import { underLoad } from './harness/under-load.ts';
import {
  endOf,
  installSvidecar,
  isTrue,
  killContainer,
  nameOf,
  restartsOf,
  statusOf,
  Workloads,
} from './harness/workloads.ts';

const apps = ['backend', 'frontend'];
/** Requests a second; for each, the frontend asks the backend three times. */
const rate = 6;

describeOnCluster('the life of pods that svidecar gives an Envoy', (cluster) => {
  const life = new Workloads(cluster, 'envoy-life');
  const manifest = readFileSync(
    join(import.meta.dirname, 'fixtures/plain-pods.yaml'),
    'utf8',
  ).replaceAll('/ns/NAMESPACE/', `/ns/${life.namespace}/`);

  const apply = (): Promise<string> => life.kubectl(['apply', '-f', '-'], manifest);
  async function svidecar(words: readonly string[], input: string): Promise<string> {
    const { code, stdout, stderr } = await runCommand(
      join(repository, 'scripts/svidecar'),
      [...words, '-n', life.namespace],
      { input },
    );
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  beforeAll(async () => {
    await installSvidecar(cluster);
    const metadata = {
      name: life.namespace,
      labels: {
        'svidecar.dev/injection': 'enabled',
        'pod-security.kubernetes.io/enforce': 'restricted',
      },
    };
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata };
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(namespace));
    const objects = await svidecar(['render', 'entries', '-', '--as', 'objects'], manifest);
    await cluster.kubectl(['apply', '-f', '-'], objects);
    await apply();
    await life.rolledOut(apps);
    await life.answers();
  });
  afterAll(async () => {
    await cluster.kubectl(['delete', 'namespace', life.namespace, '--wait=false']);
    const ours = (await cluster.kubectl(['get', 'clusterspiffeids', '-o', 'name'])).split('\n');
    const names = ours.filter((name) => name.includes(`/${life.namespace}.`));
    if (names.length > 0) await cluster.kubectl(['delete', ...names]);
  });

  test('a Job ends: neither Envoy nor the helper holds it up', async () => {
    const complete = ['wait', 'job/asking', '--for=condition=complete', '--timeout=60s'];
    await life.kubectl(complete);
    const [pod = {}] = await life.list(['pods', '-l', 'app=asking']);
    expect(await life.kubectl(['logs', nameOf(pod), '-c', 'app'])).toContain('Jacob Marley');
    for (const container of ['envoy', 'auth-helper'])
      expect(endOf(statusOf(pod, container))).toBeGreaterThanOrEqual(endOf(statusOf(pod, 'app')));
  });

  test('kubectl apply once more changes nothing', async () => {
    const before = await life.list(['deployments,configmaps,jobs']);
    const said = (await apply()).trim().split('\n');
    expect(said.filter((line) => !line.endsWith(' unchanged'))).toEqual([]);
    expect((await life.list(['deployments,configmaps,jobs'])).map(specOf)).toEqual(
      before.map(specOf),
    );
  });

  test('uninject gives back what an object without svidecar is', async () => {
    for (const app of apps) {
      const live = await life.kubectl(['get', 'deployment', app, '-o', 'json']);
      expect(live).toContain('envoyproxy/envoy');
      const back: unknown = JSON.parse(await svidecar(['uninject', '-'], live));
      const plain = await plainly(app);
      expect(JSON.stringify(templateOf(back))).toBe(JSON.stringify(templateOf(plain)));
    }
  });

  /** What the API server makes of the Deployment where svidecar is not asked. */
  async function plainly(app: string): Promise<unknown> {
    const [deployment = ''] = manifest
      .split('\n---\n')
      .filter((text) => text.includes('kind: Deployment') && text.includes(`name: ${app}\n`));
    const dryRun = ['create', '-n', 'default', '--dry-run=server', '-o', 'json', '-f', '-'];
    return JSON.parse(await cluster.kubectl(dryRun, deployment));
  }

  test('a crash of Envoy is its own restart, and heals', async () => {
    const before = (await life.podsOf('backend'))[0] ?? {};
    killContainer(before, 'envoy');
    await waitUntil('Envoy runs again', async () => {
      const now = (await life.podsOf('backend')).find((pod) => nameOf(pod) === nameOf(before));
      return restartsOf(now ?? {}, 'envoy') === 1 && isTrue(now ?? {}, 'Ready');
    });
    const after = (await life.podsOf('backend')).find((pod) => nameOf(pod) === nameOf(before));
    for (const other of ['app', 'auth-helper']) expect(restartsOf(after ?? {}, other)).toBe(0);
    await life.answers();
  });

  test('a rolling update under load loses no request', async () => {
    const { sent, failures } = await underLoad(cluster, { url: life.url, rate }, async () => {
      await life.kubectl(['rollout', 'restart', ...apps.map((app) => `deployment/${app}`)]);
      await life.rolledOut(apps);
    });
    writeFileSync(
      artefact('envoy-life-load.json'),
      JSON.stringify({ sent, failures }, undefined, 1),
    );
    expect(sent).toBeGreaterThan(rate * 8);
    expect(failures).toEqual([]);
    // The hook that begins the drain ran in each pod that ended.
    const failed = await life.list(['events', '--field-selector', 'reason=FailedPreStopHook']);
    expect(failed.map((event) => event['message'])).toEqual([]);
  });
});

function specOf(object: JsonObject): unknown {
  const { generation, name } = objectAt(object, 'metadata');
  return {
    kind: stringAt(object, 'kind'),
    name,
    generation,
    spec: object['spec'],
    data: object['data'],
  };
}

function templateOf(deployment: unknown): JsonObject {
  return objectAt(objectAt(isObject(deployment) ? deployment : {}, 'spec'), 'template');
}
