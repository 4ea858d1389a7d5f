/** The guard on a real API server: what asked for templates and lacks what they promise stays out, whatever the webhook does. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, objectAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { waitUntil } from '../harness/processes.ts';
import {
  app,
  asks,
  guard,
  makeNamespace,
  podOf,
  tryToCreate,
  untilRefusedWith,
  workloadOf,
} from './guarded-cluster.ts';
import {
  csi,
  askedByIstio,
  byIstio,
  envoy,
  hash,
  helper,
  istioPod,
  labelled,
  mounts,
  native,
  node,
  ofIstio,
  proxy,
  refusedOfIstio,
  settings,
  status,
  waiting,
  withLabels,
} from './guarded-pods.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const injected = { ...asks('jwt-inject'), 'svidecar.dev/status': status(['jwt-inject']) };
const complete = { initContainers: [native], containers: [app], volumes: [settings, envoy] };

/** The same with the first ten digits of its names. */
function ofVersion010(object: JsonObject): JsonObject {
  const value: unknown = JSON.parse(JSON.stringify(object).replaceAll(hash, hash.slice(0, 10)));
  return isObject(value) ? value : {};
}

let api: ApiServer;

describeWithComponents(programs, 'the guard, without any webhook,', () => {
  let on: string;
  beforeAll(async () => {
    api = await startApiServer();
    const installed = await api.kubectl(['apply', '-k', 'manifests/kustomize/base']);
    expect(installed.code, installed.stderr).toBe(0);
    await api.kubectl(['delete', 'mutatingwebhookconfigurations', '--all']);
    await untilRefusedWith(api, guard);
    on = await makeNamespace(api, 'enabled');
  });
  afterAll(async () => {
    await api.stop();
  });

  test.each<[string, JsonObject, JsonObject, string]>([
    ['was not injected', asks('jwt-inject'), {}, 'svidecar has not injected it'],
    ['asks for a template of your own and was not injected', asks('our-own'), {}, 'our-own'],
    [
      'has a forged, empty status',
      { ...asks('jwt-validate'), 'svidecar.dev/status': '{}' },
      {},
      'was injected without jwt-validate',
    ],
    ['has a forged status and nothing else', injected, {}, 'has no container auth-helper'],
    [
      'has the volumes, but no helper',
      injected,
      { volumes: [settings, envoy] },
      'has no container auth-helper',
    ],
    [
      'has a helper without settings',
      injected,
      { ...complete, initContainers: [{ ...native, volumeMounts: [] }] },
      'has no container auth-helper',
    ],
    [
      'has a helper that ends before the app starts',
      injected,
      { ...complete, initContainers: [helper] },
      'has no container auth-helper',
    ],
    [
      'has a helper, but its Envoy reads its source',
      injected,
      { ...complete, volumes: [settings, { ...envoy, configMap: { name: 'e' } }] },
      'Envoy does not read',
    ],
    [
      'was injected for one template and asks for two',
      { ...injected, ...asks('jwt-inject,jwt-validate') },
      complete,
      'injected without jwt-validate',
    ],
    [
      'names a template in its status that is none of the injected ones',
      { ...injected, ...asks('jwt-validate') },
      complete,
      'injected without jwt-validate',
    ],
    [
      'has istio-proxy without the socket',
      { ...asks('istio-spire'), 'svidecar.dev/status': status(['istio-spire']) },
      { ...complete, containers: [app, { name: 'istio-proxy', image: 'p:1' }] },
      'istio-proxy has no Workload API socket',
    ],
    [
      'has istio-proxy as a native sidecar with an emptyDir in place of the socket',
      { ...asks('istio-spire'), 'svidecar.dev/status': status(['istio-spire']) },
      {
        ...complete,
        initContainers: [native, { ...proxy, restartPolicy: 'Always' }],
        volumes: [settings, envoy, { name: 'workload-socket', emptyDir: {} }],
      },
      'istio-proxy has no Workload API socket',
    ],
    [
      'asks for the socket on istio-proxy, which never came',
      { ...asks('istio-spire'), 'svidecar.dev/status': status(['istio-spire']) },
      complete,
      'Istio has not injected it. Next: see that Istio injects it',
    ],
    [
      'has an istio-proxy that ends before the app starts',
      { ...asks('istio-spire'), 'svidecar.dev/status': status(['istio-spire']) },
      { ...complete, initContainers: [native, proxy], volumes: [settings, envoy, csi] },
      'has no container istio-proxy',
    ],
    [
      'awaits istio-proxy, which never came, for another template',
      {
        ...asks('jwt-inject'),
        'svidecar.dev/status': status(['jwt-inject'], { awaits: ['istio-proxy'] }),
      },
      complete,
      'has no container istio-proxy',
    ],
    [
      'asks for istio-validate and has no proxy of Istio',
      byIstio,
      { ...askedByIstio, containers: [app] },
      'has no container istio-proxy',
    ],
    [
      'has a proxy of Istio that ends before the app starts',
      byIstio,
      { ...askedByIstio, initContainers: [native, proxy], containers: [app] },
      'has no container istio-proxy',
    ],
    [
      'has a proxy of Istio, but no helper',
      byIstio,
      { volumes: [settings, csi], containers: [app, proxy] },
      'has no container auth-helper',
    ],
    [
      'has a wrong opt-out',
      { ...asks('jwt-inject'), 'svidecar.dev/inject': 'no' },
      {},
      'svidecar has not injected it',
    ],
  ])('refuses a pod that %s, and says so', async (...[, annotations, spec, message]) => {
    const { code, stderr } = await tryToCreate(api, on, podOf(annotations, spec));
    expect(code).toBe(1);
    expect(stderr).toContain(guard);
    expect(stderr).toContain(message);
    expect(stderr).toContain('Next: ');
  });

  test.each(refusedOfIstio)(
    'refuses a pod of Istio that %s',
    async (...[, labels, spec, message]) => {
      const { code, stderr } = await tryToCreate(
        api,
        on,
        withLabels(podOf(istioPod, spec), labels),
      );
      expect(code).toBe(1);
      expect(stderr).toContain(message);
    },
  );

  test.each<[string, JsonObject]>([
    ['as a native sidecar', ofIstio],
    [
      'beside the app',
      {
        ...ofIstio,
        initContainers: [waiting],
        containers: [app, { name: 'istio-proxy', image: 'proxy:1' }],
      },
    ],
  ])('lets in a pod of Istio whose proxy is %s', async (_name, spec) => {
    const pod = withLabels(podOf(istioPod, spec), labelled);
    const { code, stderr } = await tryToCreate(api, on, pod);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  test.each<[string, JsonObject, JsonObject]>([
    ['asks for nothing', {}, {}],
    ['is asked about by Istio', byIstio, { ...askedByIstio, containers: [app, proxy] }],
    ['was injected, as a native sidecar', injected, complete],
    [
      'was injected, beside the app',
      injected,
      { ...complete, initContainers: [], containers: [app, helper] },
    ],
    ...[csi, node].flatMap((volume): [string, JsonObject, JsonObject][] => {
      const asked = { ...asks('istio-spire'), 'svidecar.dev/status': status(['istio-spire']) };
      const volumes = [settings, envoy, volume];
      const sidecar = { ...proxy, restartPolicy: 'Always' };
      return [
        [
          `has the socket on istio-proxy, ${Object.keys(volume).join(' ')}`,
          asked,
          { ...complete, containers: [app, proxy], volumes },
        ],
        [
          `has the socket on istio-proxy as a native sidecar, ${Object.keys(volume).join(' ')}`,
          asked,
          { ...complete, initContainers: [native, sidecar], volumes },
        ],
      ];
    }),
    [
      'was injected by a version before 0.1.0, whose names are shorter',
      ofVersion010(injected),
      { ...complete, volumes: [ofVersion010(settings), ofVersion010(envoy)] },
    ],
    [
      'has its Envoy configuration in a projected volume',
      injected,
      {
        ...complete,
        volumes: [
          settings,
          {
            name: 'e',
            projected: {
              sources: [
                { configMap: { name: 'other' } },
                { configMap: { name: `e-svidecar-${hash}` } },
              ],
            },
          },
        ],
      },
    ],
    [
      'asks by an alias and has the template',
      { ...asks(' spire '), 'svidecar.dev/status': '{"templates":["spiffe-socket"]}' },
      {},
    ],
    [
      'has a template of your own',
      { ...asks('our-own'), 'svidecar.dev/status': '{"templates":["our-own"]}' },
      {},
    ],
    ['opted out', { ...asks('jwt-inject'), 'svidecar.dev/inject': ' false ' }, {}],
    ['opted out by an empty list', asks(' '), {}],
    ['is on the network of its node', asks('jwt-inject'), { hostNetwork: true }],
    [
      'shows what the kubelet runs',
      { ...asks('jwt-inject'), 'kubernetes.io/config.mirror': 'x' },
      { nodeName: 'n' },
    ],
  ])('lets a pod in that %s', async (_name, annotations, spec) => {
    expect(await tryToCreate(api, on, podOf(annotations, spec))).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  test('leaves kube-system, its own namespace and those without the label alone', async () => {
    await api.createNamespace('off');
    for (const name of ['kube-system', 'svidecar']) {
      await api.kubectl(['label', 'namespace', name, 'svidecar.dev/injection=enabled']);
    }
    const own = {
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1,
        seccompProfile: { type: 'RuntimeDefault' },
      },
    };
    const strict = {
      ...app,
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    };
    for (const name of ['off', 'kube-system', 'svidecar']) {
      const object = podOf(asks('jwt-inject'), { ...own, containers: [strict] });
      expect(await tryToCreate(api, name, object)).toMatchObject({ code: 0, stderr: '' });
    }
  });

  test('refuses, warns or only keeps a record, as the namespace says; a misspelt mode refuses', async () => {
    const modes = ['warn', 'audit', 'deny', 'wran'].map(async (mode) => {
      const { code, stderr } = await tryToCreate(
        api,
        await makeNamespace(api, 'pod', mode),
        podOf(asks('jwt-inject')),
      );
      return [mode, code, stderr.startsWith('Warning: '), stderr.includes('has not injected it')];
    });
    expect(await Promise.all(modes)).toEqual([
      ['warn', 0, true, true],
      ['audit', 0, false, false],
      ['deny', 1, false, true],
      ['wran', 1, false, true],
    ]);
    const records = (await readFile(api.auditLog, 'utf8'))
      .split('\n')
      .filter((line) => line.includes('validation_failure'));
    for (const mode of ['warn', 'audit', 'deny']) {
      expect(records.some((line) => line.includes(`svidecar-guard-${mode}`))).toBe(true);
    }
  });

  test.each(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'])(
    'warns whoever stores a %s whose pods it would refuse',
    async (kind) => {
      const { code, stderr } = await tryToCreate(api, on, workloadOf(kind, asks('jwt-inject')));
      expect(code).toBe(0);
      expect(stderr).toContain(`svidecar: this ${kind} asks for jwt-inject`);
      expect(stderr).toContain('Its pods are injected, or refused, when they are created.');
      expect(await tryToCreate(api, on, workloadOf(kind, {}))).toMatchObject({
        code: 0,
        stderr: '',
      });
    },
  );

  test('says nothing of workloads where only pods are injected', async () => {
    const space = await makeNamespace(api, 'pod');
    expect(
      await tryToCreate(api, space, workloadOf('Deployment', asks('jwt-inject'))),
    ).toMatchObject({ code: 0, stderr: '' });
  });

  test('has no expression that the API server warns of, and decides on the largest pod there can be', async () => {
    let policy: JsonObject = {};
    await waitUntil('its types were checked', async () => {
      const path =
        '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/svidecar-guard';
      const { body } = await api.request('GET', path);
      policy = objectAt(isObject(body) ? body : {}, 'status');
      return policy['typeChecking'] !== undefined;
    });
    expect(policy['typeChecking']).toEqual({});
    // 256 KiB of annotations are allowed in all.
    const names = Array.from({ length: 10_000 }, (_, i) => `t${i}`).join(',');
    const many = (from: (i: number) => JsonObject): JsonObject[] =>
      Array.from({ length: 2_000 }, (_, i) => from(i));
    const volumes = many((i) => ({
      name: `v${i}`,
      configMap: { name: `e${i}-svidecar-${hash}` },
    }));
    const containers = many((i) => ({
      ...app,
      name: `c${i}`,
      ...mounts,
      volumeMounts: [{ name: `v${i}`, mountPath: '/x' }],
    }));
    const annotations = {
      ...asks(`jwt-inject,${names}`),
      'svidecar.dev/status': status(['jwt-inject']) + ' '.repeat(150_000),
    };
    const { stderr } = await tryToCreate(api, on, podOf(annotations, { volumes, containers }));
    expect(stderr).toContain('has no container auth-helper');
  });
});
