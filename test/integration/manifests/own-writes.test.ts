/** What somebody who has taken over the webhook can do with its token, on a real API server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { statusOf } from '../../../webhook/injection/status.ts';
import { injected } from '../../fakes/admission.ts';
import { engineFor } from '../../fakes/engine.ts';
import { appAlone, deployment } from '../../fakes/workloads.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { installEnvoyFilterCrd } from '../harness/istio-crds.ts';
import { waitUntil } from '../harness/processes.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'istio-files'];
const hash = '0123456789abcdef0123456789abcdef';
const ours = { 'app.kubernetes.io/managed-by': 'svidecar' };
const mine = `svidecar-${hash}`;

function configMap(namespace: string, name: string, labels: JsonObject = ours): JsonObject {
  const metadata = { namespace, name, labels };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { f: 'x' } };
}

function event(namespace: string, name: string): JsonObject {
  const metadata = { namespace, name };
  const regarding = { apiVersion: 'v1', kind: 'Pod', name: 'p', namespace };
  const said = { type: 'Normal', reason: 'Injected', action: 'Inject', note: 'x', regarding };
  const by = { reportingController: 'svidecar.dev/webhook', reportingInstance: 'svidecar-1' };
  const eventTime = '2026-01-01T00:00:00.000000Z';
  return { apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata, eventTime, ...said, ...by };
}

function secret(name: string, type: string, annotations: JsonObject = {}): JsonObject {
  const metadata = { namespace: 'svidecar', name, annotations };
  const data = { 'tls.crt': 'eA==', 'tls.key': 'eA==' };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type, data };
}

const filterName = `istio-svidecar-${hash}`;
const forOurs = { workloadSelector: { labels: { 'svidecar.dev/envoy-filter': filterName } } };

function patch(applyTo: string, operation: string): JsonObject {
  return { applyTo, patch: { operation, value: { name: 'x' } } };
}

function envoyFilter(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { namespace: 'shop', name: filterName, labels: ours, ...metadata },
    spec: { ...forOurs, configPatches: [patch('HTTP_FILTER', 'INSERT_BEFORE')], ...spec },
  };
}

describeWithComponents(programs, 'with the token of svidecar', () => {
  let api: ApiServer;
  let kubeconfig: string;

  /** @returns what kubectl said; empty where it was done */
  async function tryTo(args: readonly string[], object?: JsonObject): Promise<string> {
    const given = object === undefined ? {} : { input: JSON.stringify(object) };
    const { code, stderr } = await api.kubectl([`--kubeconfig=${kubeconfig}`, ...args], given);
    return code === 0 ? '' : stderr;
  }
  const apply = (object: JsonObject): Promise<string> =>
    tryTo(['apply', '--server-side', '--force-conflicts', '-f', '-'], object);
  const byAdmin = async (object: JsonObject): Promise<void> => {
    const input = JSON.stringify(object);
    const { stderr } = await api.kubectl(['apply', '--server-side', '-f', '-'], { input });
    expect(stderr).toBe('');
  };

  beforeAll(async () => {
    api = await startApiServer();
    const installed = await api.kubectl(['apply', '-k', 'manifests/kustomize/base']);
    expect(installed.code, installed.stderr).toBe(0);
    await installEnvoyFilterCrd(api);
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await api.createNamespace('plain');
    kubeconfig = await api.kubeconfigFor('system:serviceaccount:svidecar:svidecar', [
      'system:serviceaccounts',
      'system:authenticated',
    ]);
    for (const namespace of ['shop', 'plain', 'kube-system', 'svidecar']) {
      await byAdmin(configMap(namespace, 'theirs', {}));
      await byAdmin(configMap(namespace, `theirs-svidecar-${hash}`, {}));
      if (namespace !== 'shop') await byAdmin(configMap(namespace, mine));
    }
    await byAdmin(secret('theirs', 'Opaque'));
    await waitUntil('the policy is in force', async () =>
      (await apply(configMap('shop', 'other'))).includes('svidecar-own-writes'),
    );
  });
  afterAll(async () => {
    await api.stop();
  });

  test('its own work goes on: ConfigMaps, events, Secret and Lease', async () => {
    for (const name of [mine, `envoy-svidecar-${hash}`, 'svidecar-0123456789']) {
      expect(await apply(configMap('shop', name))).toBe('');
      expect(await apply({ ...configMap('shop', name), data: { f: 'y' } })).toBe('');
      const gone = `/api/v1/namespaces/shop/configmaps/${name}`;
      expect(await tryTo(['delete', `--raw=${gone}`])).toBe('');
    }
    const list = '/apis/events.k8s.io/v1/namespaces/shop/events';
    const told = event('shop', `p.svidecar.${hash}`);
    expect(await tryTo(['create', `--raw=${list}`, '-f', '-'], told)).toBe('');
    const leases = '/apis/coordination.k8s.io/v1/namespaces/svidecar/leases';
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
    const named = (name: string): JsonObject => ({ ...lease, metadata: { name } });
    expect(await tryTo(['create', `--raw=${leases}`, '-f', '-'], named('svidecar'))).toBe('');
    expect(await tryTo(['create', `--raw=${leases}`, '-f', '-'], named('other'))).toMatch(
      /no Lease but its own/,
    );
    expect(await create(secret('svidecar-tls', 'kubernetes.io/tls'))).toBe('');
    const path = '/api/v1/namespaces/svidecar/secrets/svidecar-tls';
    expect(await tryTo(['delete', `--raw=${path}`])).toBe('');
  });

  test.each(['plain', 'kube-system', 'kube-public', 'svidecar'])(
    'no ConfigMap is written or removed in namespace %s',
    async (namespace) => {
      const words = /only in namespaces with the label/;
      expect(await apply(configMap(namespace, `new-svidecar-${hash}`))).toMatch(words);
      expect(await apply({ ...configMap(namespace, mine), data: { f: 'evil' } })).toMatch(words);
      if (namespace === 'kube-public') return;
      const path = `/api/v1/namespaces/${namespace}/configmaps/${mine}`;
      expect(await tryTo(['delete', `--raw=${path}`])).toMatch(words);
    },
  );

  test.each([
    ['another name', configMap('shop', 'theirs'), /only ConfigMaps that are called/],
    ['a name that only looks like ours', configMap('shop', 'svidecar-abc'), /that are called/],
    ['no label of ours', configMap('shop', mine, {}), /with the label/],
    ['our label for one of theirs', configMap('shop', `theirs-svidecar-${hash}`), /with the label/],
  ])('no ConfigMap with %s is written', async (_name, object, words) => {
    expect(await apply(object)).toMatch(words);
  });

  test.each(['theirs', `theirs-svidecar-${hash}`])(
    "ConfigMap %s of a user's stays",
    async (name) => {
      const path = `/api/v1/namespaces/shop/configmaps/${name}`;
      expect(await tryTo(['delete', `--raw=${path}`])).toMatch(/svidecar may write only/);
    },
  );

  test('no token can be made by way of a Secret, and no other Secret written', async () => {
    const account = { 'kubernetes.io/service-account.name': 'svidecar' };
    const token = 'kubernetes.io/service-account-token';
    const words = /no Secret but its own certificate/;
    expect(await create(secret('token', token, account))).toMatch(words);
    expect(await create(secret('svidecar-tls', token, account))).toMatch(words);
    expect(await create(secret('other', 'kubernetes.io/tls'))).toMatch(words);
    expect(await tryTo(['delete', 'secret', 'theirs', '-n', 'svidecar'])).toMatch(/forbidden/i);
    expect(await tryTo(['get', 'secret', 'theirs', '-n', 'svidecar'])).toMatch(/forbidden/i);
    expect(await tryTo(['get', 'secrets', '-n', 'kube-system'])).toMatch(/forbidden/i);
  });

  test.each([
    ['its rights', ['delete', 'clusterrole', 'svidecar']],
    ['this policy', ['delete', 'validatingadmissionpolicy', 'svidecar-own-writes']],
    ['its binding', ['delete', 'validatingadmissionpolicybinding', 'svidecar-own-writes']],
    ['a hook', ['delete', 'mutatingwebhookconfiguration', 'svidecar-pods']],
    ['a namespace', ['label', 'namespace', 'plain', 'svidecar.dev/injection=enabled']],
    ['a workload', ['create', 'deployment', 'x', '--image=x', '-n', 'shop']],
  ])('%s cannot be changed', async (_name, args) => {
    expect(await tryTo(args)).toMatch(/forbidden/i);
  });

  test.each<[string, JsonObject, JsonObject, RegExp]>([
    ['for every pod', { workloadSelector: {} }, {}, /its name, and that label alone/],
    [
      'for other pods',
      { workloadSelector: { labels: { app: 'web' } } },
      {},
      /its name, and that label alone/,
    ],
    [
      'that removes a filter',
      { configPatches: [patch('HTTP_FILTER', 'REMOVE')] },
      {},
      /removes or changes/,
    ],
    [
      'that changes clusters',
      { configPatches: [patch('CLUSTER', 'MERGE')] },
      {},
      /removes or changes/,
    ],
    [
      'that changes the bootstrap',
      { configPatches: [patch('BOOTSTRAP', 'MERGE')] },
      {},
      /removes or changes/,
    ],
    ['of another name', {}, { name: 'theirs' }, /only EnvoyFilters that are called/],
    ['without the label', {}, { labels: {} }, /only EnvoyFilters that are called/],
    ["in Istio's namespace", {}, { namespace: 'plain' }, /only in namespaces with the label/],
  ])('no EnvoyFilter is written %s', async (...[, spec, metadata, words]) => {
    expect(await replace(envoyFilter(spec, metadata))).toMatch(words);
  });

  test('its own EnvoyFilters are written and removed, as the engine renders them; those of others stay', async () => {
    const { name, spec } = renderedFilter();
    const labels = { workloadSelector: { labels: { 'svidecar.dev/envoy-filter': name } } };
    expect(await replace(envoyFilter({ ...spec, ...labels }, { name }))).toBe('');
    const path = `/apis/networking.istio.io/v1alpha3/namespaces/shop/envoyfilters/${name}`;
    expect(await tryTo(['delete', `--raw=${path}`])).toBe('');
    await byAdmin(envoyFilter({}, { name: 'theirs', labels: {} }));
    expect(await tryTo(['delete', `--raw=${path.replace(name, 'theirs')}`])).toMatch(
      /only EnvoyFilters that are called/,
    );
  });

  /** Of a plan that opens and closes all that a plan may. */
  function renderedFilter(): { readonly name: string; readonly spec: JsonObject } {
    const annotations = {
      'inject.svidecar.dev/templates': 'jwt-inject,jwt-validate',
      'svidecar.dev/inject-audience': 'spiffe://example.org/b',
      'svidecar.dev/envoy-container': 'istio-proxy',
    };
    const engine = engineFor();
    const object = injected(deployment(annotations, appAlone), { engine });
    const plan = statusOf(objectAt(objectAt(object, 'spec'), 'template'))?.envoy;
    if (plan === undefined) throw new TypeError('it has an Envoy');
    const { envoyFilter: spec } = engine.memory.copies.patch({
      namespace: 'shop',
      plan,
      source: { data: {} },
    });
    return { name: plan.derived, spec: spec ?? {} };
  }

  const replace = (object: JsonObject): Promise<string> => {
    const namespace = stringAt(objectAt(object, 'metadata'), 'namespace') ?? '';
    const list = `/apis/networking.istio.io/v1alpha3/namespaces/${namespace}/envoyfilters`;
    return tryTo(['create', `--raw=${list}`, '-f', '-'], object);
  };

  test("hooks of others, and events that are not svidecar's, cannot be written", async () => {
    const hook = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'theirs' },
    };
    expect(await apply(hook)).toMatch(/forbidden/i);
    const list = '/apis/events.k8s.io/v1/namespaces/shop/events';
    const words = /no events but its own/;
    expect(await tryTo(['create', `--raw=${list}`, '-f', '-'], event('shop', 'x'))).toMatch(words);
    const by = { ...event('shop', `x.svidecar.${hash}`), reportingController: 'kubelet' };
    expect(await tryTo(['create', `--raw=${list}`, '-f', '-'], by)).toMatch(words);
  });

  test('the API server has nothing to say against an expression', async () => {
    const path =
      '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/svidecar-own-writes';
    let status: JsonObject = {};
    await waitUntil('its types were checked', async () => {
      const { body } = await api.request('GET', path);
      status = objectAt(isObject(body) ? body : {}, 'status');
      return status['typeChecking'] !== undefined;
    });
    expect(status['typeChecking']).toEqual({});
  });

  function create(object: JsonObject): Promise<string> {
    const list = '/api/v1/namespaces/svidecar/secrets';
    return tryTo(['create', `--raw=${list}`, '-f', '-'], object);
  }
});
