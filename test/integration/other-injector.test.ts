/** Somebody else's injector before and after ours, and objects that come back from a backup. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  isArray,
  isObject,
  listAt,
  objectAt,
  stringAt,
  type Json,
  type JsonObject,
} from '#kernel/json.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { createAuthority } from './harness/authority.ts';
import { describeWithComponents } from './harness/components.ts';
import { hasHelper } from './harness/pods.ts';
import { freePort } from './harness/free-port.ts';
import { startProcess, waitUntil, type RunningProcess } from './harness/processes.ts';
import { apply, installWebhook, type InstalledWebhook } from './harness/webhook.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const otherProgram = join(import.meta.dirname, '../fakes/other-injector-program.ts');
const shop = await readFile(join(import.meta.dirname, 'fixtures/shop.yaml'), 'utf8');
/** The API server calls hooks by their configurations' names: ours begin with an s. */
const orders = { before: 'a-other-injector', after: 'z-other-injector' } as const;
type Order = keyof typeof orders;

let api: ApiServer;
let webhook: InstalledWebhook;
let work: WorkFolder;
let other: RunningProcess;
let clientConfig: JsonObject;
let spaces = 0;

async function namespace(): Promise<string> {
  spaces += 1;
  await api.createNamespace(`shop-${spaces}`, { 'svidecar.dev/injection': 'enabled' });
  return `shop-${spaces}`;
}

async function get(path: string): Promise<JsonObject> {
  const { body } = await api.request('GET', path);
  return isObject(body) ? body : {};
}

function deploymentIn(space: string): Promise<JsonObject> {
  return get(`/apis/apps/v1/namespaces/${space}/deployments/frontend`);
}

async function podsIn(space: string): Promise<readonly JsonObject[]> {
  return listAt(await get(`/api/v1/namespaces/${space}/pods`), 'items').filter(isObject);
}

async function applyShop(space: string, text = shop): Promise<void> {
  const result = await api.kubectl(['apply', '-n', space, '-f', '-'], { input: text });
  expect(result.code, result.stderr).toBe(0);
}

async function untilPod(space: string): Promise<JsonObject> {
  let found: readonly JsonObject[] = [];
  await waitUntil(`${space} has a pod`, async () => {
    found = await podsIn(space);
    return found.length > 0;
  });
  return found[0] ?? {};
}

function namesOf(items: readonly Json[]): readonly string[] {
  return items.map((each) => stringAt(isObject(each) ? each : {}, 'name') ?? '');
}

/** Everything of a pod spec that has a name, sorted: the order of two injectors is theirs to choose. */
function byName(spec: JsonObject, field: string): readonly Json[] {
  const items = listAt(spec, field).filter(isObject);
  // The API server gives each pod a volume for its token, with a name of its own.
  const kept = items.filter(
    (each) => stringAt(each, 'name')?.startsWith('kube-api-access-') !== true,
  );
  return kept.toSorted((a, b) =>
    (stringAt(a, 'name') ?? '').localeCompare(stringAt(b, 'name') ?? ''),
  );
}

function templateSpec(workload: JsonObject): JsonObject {
  return objectAt(objectAt(objectAt(workload, 'spec'), 'template'), 'spec');
}

function gist(spec: JsonObject): JsonObject {
  const fields = ['initContainers', 'containers', 'volumes'];
  return Object.fromEntries(fields.map((field) => [field, byName(spec, field)]));
}

function variablesOf(spec: JsonObject): readonly (readonly string[])[] {
  const containers = ['initContainers', 'containers'].flatMap((field) => listAt(spec, field));
  return containers.map((each) => namesOf(listAt(isObject(each) ? each : {}, 'env')));
}

async function installOther(order: Order): Promise<void> {
  const rule = (apiGroups: string[], resources: string[], operations: string[]) => ({
    apiGroups,
    apiVersions: ['v1'],
    resources,
    operations,
  });
  await apply(api, [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: orders[order] },
      webhooks: [
        {
          name: 'other.example.org',
          admissionReviewVersions: ['v1'],
          clientConfig,
          sideEffects: 'None',
          reinvocationPolicy: 'IfNeeded',
          failurePolicy: 'Fail',
          namespaceSelector: { matchLabels: { 'svidecar.dev/injection': 'enabled' } },
          rules: [
            rule([''], ['pods'], ['CREATE']),
            rule(['apps'], ['deployments'], ['CREATE', 'UPDATE']),
          ],
        },
      ],
    },
  ]);
  const isCalled = async (): Promise<boolean> => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe' } };
    const spec = { containers: [{ name: 'app', image: 'app:1' }] };
    const path = `/api/v1/namespaces/${await namespace()}/pods?dryRun=All`;
    const { body } = await api.request('POST', path, { ...pod, spec });
    return JSON.stringify(body).includes('other-proxy');
  };
  const processes = [other];
  await waitUntil(`the other injector is called ${order} ours`, isCalled, { processes });
}

async function removeOther(): Promise<void> {
  const args = [
    'delete',
    'mutatingwebhookconfigurations',
    '--ignore-not-found',
    ...Object.values(orders),
  ];
  expect(await api.kubectl(args)).toMatchObject({ code: 0 });
}

describeWithComponents(programs, 'beside another injector', () => {
  const specs = new Map<Order, JsonObject>();

  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
    work = await createWorkFolder('other-injector');
    const authority = await createAuthority('other injector');
    const leaf = await authority.issue({ commonName: 'other', hosts: ['127.0.0.1'] });
    const files = [join(work.path, 'tls.crt'), join(work.path, 'tls.key')] as const;
    await writeFile(files[0], leaf.certificatePem);
    await writeFile(files[1], leaf.keyPem);
    const port = await freePort();
    other = startProcess({
      name: 'other-injector',
      command: process.execPath,
      args: [otherProgram, `${port}`, ...files],
      folder: work.path,
    });
    const caBundle = Buffer.from(authority.caPem).toString('base64');
    clientConfig = { url: `https://127.0.0.1:${port}/inject`, caBundle };
  });
  afterAll(async () => {
    await other.stop();
    await webhook.stop();
    await api.stop();
    await work.remove();
  });

  describe.each(['before', 'after'] as const)('that is called %s ours', (order) => {
    let space: string;

    beforeAll(async () => {
      await removeOther();
      await installOther(order);
      space = await namespace();
      await applyShop(space);
    });

    test('the workload has both, and each has seen what the other added', async () => {
      const spec = templateSpec(await deploymentIn(space));
      specs.set(order, gist(spec));
      expect(hasHelper({ spec })).toBe(true);
      expect(namesOf(byName(spec, 'volumes'))).toContain('other-proxy-data');
      for (const names of variablesOf(spec)) expect(names).toContain('OTHER_MESH');
    });

    test('its pod is the template: nothing is added twice', async () => {
      const spec = objectAt(await untilPod(space), 'spec');
      const template = gist(templateSpec(await deploymentIn(space)));
      for (const [field, expected] of Object.entries(template)) {
        const names = namesOf(byName(spec, field));
        expect(names).toEqual([...new Set(names)]);
        expect(names).toEqual(namesOf(isArray(expected) ? expected : []));
      }
    });

    test('applying the same again changes nothing, and ends', async () => {
      const first = await deploymentIn(space);
      await applyShop(space);
      await applyShop(space);
      const again = await deploymentIn(space);
      expect(again['spec']).toEqual(first['spec']);
      expect(objectAt(again, 'metadata')['generation']).toBe(
        objectAt(first, 'metadata')['generation'],
      );
    });

    test('each admission asks ours at most twice', async () => {
      const before = await webhook.reviews('');
      await applyShop(await namespace());
      // One Deployment, and the ReplicaSet and Pod made of it, each perhaps a second time after the other's change.
      expect((await webhook.reviews('')) - before).toBeLessThanOrEqual(6);
    });

    test('undone, what is left is exactly what the other makes of it alone', async () => {
      const undone = await namespace();
      await applyShop(undone);
      await applyShop(undone, shop.replace(/^ {6}annotations:\n.*\n.*\n/m, ''));
      const alone = await namespace();
      await applyShop(alone, shop.replace(/^ {6}annotations:\n.*\n.*\n/m, ''));
      expect(gist(templateSpec(await deploymentIn(undone)))).toEqual(
        gist(templateSpec(await deploymentIn(alone))),
      );
    });
  });

  test('the result is the same in both orders', () => {
    expect(specs.get('after')).toEqual(specs.get('before'));
  });
});

/** What a backup keeps of an object: not what the API server gave it. */
const isKeptBySvidecar = (object: JsonObject): boolean =>
  objectAt(objectAt(object, 'metadata'), 'labels')['app.kubernetes.io/managed-by'] === 'svidecar';

function backedUp(object: JsonObject): JsonObject {
  const { name, labels, annotations } = objectAt(object, 'metadata');
  const kept = Object.entries(object).filter(([key]) => key !== 'status');
  return { ...Object.fromEntries(kept), metadata: { name, labels, annotations } };
}

describeWithComponents(programs, 'a backup with injected pods', () => {
  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  async function failurePolicy(policy: string): Promise<void> {
    const patch = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: policy }];
    const args = ['patch', 'mutatingwebhookconfiguration', 'svidecar-pods', '--type=json'];
    expect(await api.kubectl([...args, '-p', JSON.stringify(patch)])).toMatchObject({ code: 0 });
  }

  test.each(['Ignore', 'Fail'])(
    'is restored as it was, pods first, with failurePolicy %s',
    async (policy) => {
      await failurePolicy(policy);
      const space = await namespace();
      await applyShop(space);
      const pod = backedUp(await untilPod(space));
      const deployment = backedUp(await deploymentIn(space));
      const sources = listAt(await get(`/api/v1/namespaces/${space}/configmaps`), 'items')
        .filter(isObject)
        .filter((each) => stringAt(objectAt(each, 'metadata'), 'name') !== 'kube-root-ca.crt')
        .map(backedUp);
      await api.kubectl(['delete', 'namespace', space, '--wait=false']);
      const restored = await namespace();
      const moved = (object: JsonObject): JsonObject => ({
        ...object,
        metadata: { ...objectAt(object, 'metadata'), namespace: restored },
      });
      const restore = async (path: string, object: JsonObject): Promise<number> =>
        (await api.request('POST', path.replace('SPACE', restored), moved(object))).status;
      expect(await restore('/api/v1/namespaces/SPACE/pods', pod)).toBe(201);
      for (const each of sources) {
        const status = await restore('/api/v1/namespaces/SPACE/configmaps', each);
        // The pod is there already, so svidecar may have made its own ConfigMaps anew before the backup's come.
        expect(isKeptBySvidecar(each) ? [201, 409] : [201]).toContain(status);
      }
      expect(await restore('/apis/apps/v1/namespaces/SPACE/deployments', deployment)).toBe(201);
      const after = await deploymentIn(restored);
      expect(gist(templateSpec(after))).toEqual(gist(templateSpec(deployment)));
      const name = stringAt(objectAt(pod, 'metadata'), 'name') ?? '';
      const same = await get(`/api/v1/namespaces/${restored}/pods/${name}`);
      expect(gist(objectAt(same, 'spec'))).toEqual(gist(objectAt(pod, 'spec')));
      // The ConfigMaps that both name are there, made anew or adopted.
      await waitUntil('every ConfigMap that the Deployment names is there', async () => {
        const there = JSON.stringify(await get(`/api/v1/namespaces/${restored}/configmaps`));
        return byName(templateSpec(after), 'volumes')
          .filter(isObject)
          .map((each) => stringAt(objectAt(each, 'configMap'), 'name'))
          .every((each) => each === undefined || there.includes(`"${each}"`));
      });
    },
  );
});
