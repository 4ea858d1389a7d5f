/** What the engine says is injected, the real API server takes; and what people meet around an injection, on the real one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { carriedOut, decideOn, operationsOf } from '../fakes/admission.ts';
import { validPod } from '../fakes/random-valid-pods.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { waitUntil } from './harness/processes.ts';
import { installWebhook, type InstalledWebhook } from './harness/webhook.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const field = join(import.meta.dirname, '../fixtures/field');
/** Pods a run; SVIDECAR_PODS=3000 for a long one. */
const samples = Number(process.env['SVIDECAR_PODS'] ?? 150);

let api: ApiServer;
let webhook: InstalledWebhook;

function fixture(file: string): string {
  return readFileSync(join(field, file), 'utf8');
}

/** The fixture's objects, in a namespace of a test's own. */
function inNamespace(file: string, space: string): string {
  return fixture(file).replaceAll(/namespace: shop3?\b/g, `namespace: ${space}`);
}

async function apply(input: string, ...flags: readonly string[]): Promise<string> {
  const { code, stderr } = await api.kubectl(['apply', ...flags, '-f', '-'], { input });
  return `${String(code)} ${stderr}`;
}

async function read(space: string, kind: string, name: string): Promise<JsonObject> {
  const { stdout } = await api.kubectl(['get', '-n', space, kind, name, '-o', 'json']);
  const object: unknown = JSON.parse(stdout === '' ? '{}' : stdout);
  return isObject(object) ? object : {};
}

/** A Pod as the API server would store it, with all that it fills in; or why it takes it not. */
async function asStored(
  pod: JsonObject,
): Promise<{ readonly pod: JsonObject } | { readonly refusal: string }> {
  const { status, body } = await api.request(
    'POST',
    '/api/v1/namespaces/plain/pods?dryRun=All',
    pod,
  );
  return status === 201 && isObject(body)
    ? { pod: body }
    : { refusal: `${status} ${JSON.stringify(body)}` };
}

/** The API server mounts no token of the ServiceAccount into our helper: that is a change of the pod, and no default. */
function withoutToken(pod: JsonObject): JsonObject {
  return { ...pod, spec: { ...objectAt(pod, 'spec'), automountServiceAccountToken: false } };
}

async function space(name: string): Promise<string> {
  await api.createNamespace(name, { 'svidecar.dev/injection': 'enabled' });
  return name;
}

describeWithComponents(programs, 'injected pods and a real API server', () => {
  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(
      api,
      stringify({ configMaps: { labels: { team: 'platform' } } }),
    );
    await api.createNamespace('plain');
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  test('what the engine injects into valid pods of every kind, the API server takes', async () => {
    const counts = { injected: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(validPod.map(withoutToken), async (pod) => {
        // What is wrong without us is not ours to tell.
        fc.pre(!('refusal' in (await asStored(withoutOurs(pod)))));
        const decision = decideOn(pod, { namespace: 'plain' });
        counts[decision.kind === 'refused' ? 'refused' : 'injected'] += 1;
        if (decision.kind === 'refused') return;
        expect(decision.kind).toBe('injected');
        const stored = await asStored(carriedOut(pod, decision));
        if ('refusal' in stored) expect.fail(stored.refusal);
        // Whatever it has filled in, a second review changes nothing. Amounts of a Pod as a whole are completed from those of
        // its containers, ours too; pod templates' are not.
        if (objectAt(pod, 'spec')['resources'] === undefined)
          expect(operationsOf(decideOn(stored.pod, { namespace: 'plain' }))).toEqual([]);
      }),
      { numRuns: samples },
    );
    // A generator that gives one of the two only would prove nothing.
    expect(Math.min(counts.injected, counts.refused)).toBeGreaterThan(samples / 20);
  });

  test.each([
    ['windows-pod/by-os-name.yaml', 'spec.os.name is windows'],
    ['windows-pod/by-node-selector.yaml', 'kubernetes.io/os: windows'],
    ['socket-path-taken/in.yaml', 'volume "scratch"'],
  ])('%s is refused at admission: %s', async (file, said) => {
    const answer = await apply(inNamespace(file, await space(`refused-${said.length}`)));
    expect(answer).toContain(said);
    expect(answer).toContain('[POD_UNFIT]');
  });

  test.each(['no-room-in-requests', 'limit-below-the-helpers'])(
    'pods with amounts as a whole are made: %s',
    async (name) => {
      const own = await space(`whole-${name}`);
      expect(await apply(inNamespace(`pod-level-resources/${name}.yaml`, own))).toMatch(/^0 /);
      await waitUntil('the pod is made', async () => {
        const { stdout } = await api.kubectl(['get', 'pods', '-n', own, '-o', 'name']);
        return stdout.includes('pod/web-');
      });
    },
  );

  test('a label in place of the annotation: kubectl shows what to do', async () => {
    const answer = await apply(
      inNamespace('label-instead-of-annotation/in.yaml', await space('labelled')),
    );
    expect(answer).toContain('make it an annotation, in spec.template.metadata.annotations');
  });

  test('a policy that demands labels on ConfigMaps takes ours', async () => {
    const own = await space('policy');
    const policy = fixture('policy-on-configmap-labels/policy.yaml').replaceAll('shop3', own);
    expect(await apply(policy)).toMatch(/^0 /);
    expect(await apply(inNamespace('policy-on-configmap-labels/in.yaml', own))).toMatch(/^0 /);
    await waitUntil('both ConfigMaps are there, with the label', async () => {
      const flags = ['-l', 'team=platform,app.kubernetes.io/managed-by=svidecar', '-o', 'name'];
      const { stdout } = await api.kubectl(['get', 'configmaps', '-n', own, ...flags]);
      return stdout.trim().split('\n').length === 2;
    });
  });

  test('server-side apply: one manager is at peace, a second one meets one conflict and may force it', async () => {
    const own = await space('managers');
    const as = (manager: string, file: string, ...flags: readonly string[]): Promise<string> =>
      apply(
        inNamespace(`server-side-apply/${file}`, own),
        '--server-side',
        `--field-manager=${manager}`,
        ...flags,
      );
    expect(await as('a', 'in.yaml')).toMatch(/^0 /);
    expect(await as('a', 'v2.yaml')).toMatch(/^0 /);
    expect(await sourceOf(own)).toContain('edge-conf-svidecar-');
    const conflict = await as('b', 'v2.yaml');
    expect(conflict).toContain('1 conflict: conflict with "a": .spec.template.spec.volumes');
    expect(await as('b', 'v2.yaml', '--force-conflicts')).toMatch(/^0 /);
    expect(await sourceOf(own)).toContain('edge-conf-svidecar-');
    // An annotation stays while one of two holds it.
    expect(await as('b', 'off.yaml', '--force-conflicts')).toMatch(/^0 /);
    expect(await sourceOf(own)).toContain('edge-conf-svidecar-');
    expect(await as('a', 'off.yaml', '--force-conflicts')).toMatch(/^0 /);
    expect(await sourceOf(own)).toBe('edge-conf');
  });

  test('copies of kubectl debug are taken as they are', async () => {
    const own = await space('debug');
    expect(await apply(inNamespace('kubectl-debug-copy/in.yaml', own))).toMatch(/^0 /);
    const before = await read(own, 'pod', 'web');
    const copy = ['debug', 'web', '-n', own, '--image=registry.test/tools:1', '--attach=false'];
    for (const flags of [
      ['--copy-to=copy-1'],
      ['--copy-to=copy-2', '--share-processes', '--same-node'],
      ['--copy-to=copy-3', '--set-image=*=registry.test/app:2'],
    ]) {
      const image = flags.at(-1)?.startsWith('--set-image') === true;
      const args = image ? copy.filter((arg) => !arg.startsWith('--image')) : copy;
      const { code, stderr } = await api.kubectl([...args, ...flags]);
      expect(`${String(code)} ${stderr}`).toMatch(/^0 /);
    }
    const made = await read(own, 'pod', 'copy-1');
    const volumes = (pod: JsonObject): unknown => objectAt(pod, 'spec')['initContainers'];
    expect(JSON.stringify(volumes(made))).toContain('auth-helper');
    expect(JSON.stringify(volumes(before))).toContain('auth-helper');
  });
});

/** The Envoy configuration that the Deployment's pods mount. */
async function sourceOf(own: string): Promise<string> {
  const workload = await read(own, 'deployment', 'web');
  const spec = objectAt(objectAt(objectAt(workload, 'spec'), 'template'), 'spec');
  const conf = listAt(spec, 'volumes')
    .filter(isObject)
    .find((volume) => volume['name'] === 'conf');
  return stringAt(objectAt(conf, 'configMap'), 'name') ?? '';
}

/** The pod as if it had nothing to do with us: its own part of the helper is a container like others. */
function withoutOurs(pod: JsonObject): JsonObject {
  const spec = objectAt(pod, 'spec');
  const complete = (list: string, more: JsonObject): JsonObject => {
    const containers = listAt(spec, list).filter(isObject);
    const whole = containers.map((container) => {
      if (container['name'] !== 'auth-helper') return container;
      const { livenessProbe, ...rest } = container;
      const hasProbe = Object.keys(objectAt(container, 'livenessProbe')).length > 0;
      return { ...rest, image: 'own:1', ...more, ...(hasProbe ? { livenessProbe } : {}) };
    });
    return containers.length === 0 ? {} : { [list]: whole };
  };
  const lists = {
    ...complete('containers', {}),
    ...complete('initContainers', { restartPolicy: 'Always' }),
  };
  return { ...pod, metadata: { name: 'before', namespace: 'plain' }, spec: { ...spec, ...lists } };
}
