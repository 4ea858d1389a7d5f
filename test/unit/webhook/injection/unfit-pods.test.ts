import { describe, expect, test } from 'vitest';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import type { Decision } from '../../../../webhook/admission/decide.ts';
import { nanosOf } from '../../../../webhook/request/quantity.ts';
import { carriedOut, decideOn, stepsOf, valueAt } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { appWithEnvoy, deployment, type Annotations } from '../../../fakes/workloads.ts';

const validate: Annotations = { 'inject.svidecar.dev/templates': 'jwt-validate' };
const socket: Annotations = { 'inject.svidecar.dev/templates': 'spiffe-socket' };

function decided(changes: JsonObject, annotations: Annotations = validate): Decision {
  return decideOn(deployment(annotations, { ...appWithEnvoy, ...changes }));
}

function refusalOf(decision: Decision): string {
  return decision.kind === 'refused' ? `${decision.message} [${decision.code}]` : decision.kind;
}

const [app, envoy] = appWithEnvoy['containers'] as readonly [JsonObject, JsonObject];
function withOverlay(overlay: JsonObject, list = 'containers'): JsonObject {
  const helper = { name: 'auth-helper', ...overlay };
  return list === 'containers'
    ? { containers: [app, envoy, helper] }
    : { initContainers: [helper], containers: [app, envoy] };
}
/** An app that mounts something of its own. */
function mounting(mount: JsonObject, source: JsonObject = { emptyDir: {} }): JsonObject {
  return {
    containers: [{ ...app, volumeMounts: [{ name: 'own', ...mount }] }, envoy],
    volumes: [
      { name: 'own', ...source },
      { name: 'envoy-config', configMap: { name: 'frontend-envoy' } },
    ],
  };
}
function onOs(operator: string, values: readonly string[]): JsonObject {
  const matchExpressions = [{ key: 'kubernetes.io/os', operator, values }];
  const terms = { nodeSelectorTerms: [{ matchExpressions }] };
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  };
}

describe('a pod that no Linux node takes is refused by the field that says so', () => {
  test.each<[string, JsonObject]>([
    ['spec.os.name is windows', { os: { name: 'windows' } }],
    [
      'spec.nodeSelector demands kubernetes.io/os: windows',
      { nodeSelector: { 'kubernetes.io/os': 'windows' } },
    ],
    [
      'spec.nodeSelector demands beta.kubernetes.io/os: windows',
      { nodeSelector: { 'beta.kubernetes.io/os': 'windows' } },
    ],
    ['spec.affinity.nodeAffinity', onOs('In', ['windows'])],
    ['spec.affinity.nodeAffinity', onOs('NotIn', ['linux'])],
    ['windowsOptions', { securityContext: { windowsOptions: { hostProcess: true } } }],
  ])('%s', (field, spec) => {
    expect(refusalOf(decided(spec))).toContain(field);
    expect(refusalOf(decided(spec))).toContain('[POD_UNFIT]');
    expect(refusalOf(decided(spec, socket))).toContain(field);
  });

  test.each<[string, JsonObject]>([
    ['named Linux', { os: { name: 'linux' }, nodeSelector: { 'kubernetes.io/os': 'linux' } }],
    ['either of two', onOs('In', ['linux', 'windows'])],
    ['anything but Windows', onOs('NotIn', ['windows'])],
  ])('a pod for %s is injected', (_, spec) => {
    expect(decided(spec).kind).toBe('injected');
  });
});

describe('amounts of the pod as a whole', () => {
  const helper = '/spec/template/spec/initContainers/name=auth-helper';

  test('the helper draws on them and has none of its own; what they do not name stays', () => {
    const pod = deployment(validate, {
      ...appWithEnvoy,
      resources: { limits: { memory: '96Mi' } },
    });
    const decision = decideOn(pod);
    expect(stepsOf(decision)).toContain('pod_level_resources');
    expect(valueAt(carriedOut(pod, decision), `${helper}/resources`)).toEqual({
      requests: { cpu: '10m' },
      limits: { cpu: '500m' },
    });
  });

  test('with all of them named it has no resources', () => {
    const resources = { requests: { cpu: '100m', memory: '128Mi' } };
    const pod = deployment(validate, { ...appWithEnvoy, resources });
    expect(valueAt(carriedOut(pod, decideOn(pod)), `${helper}/resources`)).toBeUndefined();
  });

  test.each<[string, { resources: JsonObject; annotations: Annotations; said: string }]>([
    [
      'a request that no longer fits',
      {
        resources: { requests: { cpu: '100m' } },
        annotations: { 'svidecar.dev/cpu-request': '101m' },
        said: 'spec.resources.requests.cpu (100m)',
      },
    ],
    [
      'a limit over the pod’s',
      {
        resources: { limits: { memory: '96Mi' } },
        annotations: { 'svidecar.dev/memory-limit': '97Mi', 'svidecar.dev/memory-request': '1Mi' },
        said: 'a memory limit over spec.resources.limits.memory (96Mi)',
      },
    ],
  ])('%s of an annotation is refused by name', (_, { resources, annotations, said }) => {
    const refusal = refusalOf(decided({ resources }, { ...validate, ...annotations }));
    expect(refusal).toContain(said);
    expect(refusal).toContain(Object.keys(annotations)[0]);
  });

  test('an annotation that fits counts', () => {
    const annotations = { ...validate, 'svidecar.dev/cpu-request': '100m' };
    const pod = deployment(annotations, {
      ...appWithEnvoy,
      resources: { requests: { cpu: '0.1', memory: '1Gi' } },
    });
    expect(valueAt(carriedOut(pod, decideOn(pod)), `${helper}/resources`)).toEqual({
      requests: { cpu: '100m' },
    });
  });
});

describe("the pod's own part of the helper", () => {
  test.each<[string, JsonObject, string]>([
    ['a limit under our request', { resources: { limits: { memory: '32Mi' } } }, '64Mi'],
    ['a request over our limit', { resources: { requests: { cpu: 2 } } }, 'request of 2 cpu'],
    ['root', { securityContext: { runAsUser: 0 } }, 'runAsUser is 0'],
    ['privileges', { securityContext: { privileged: true } }, 'privileged: true'],
    [
      'a capability that contradicts',
      { securityContext: { capabilities: { add: ['CAP_SYS_ADMIN'] } } },
      'CAP_SYS_ADMIN',
    ],
    [
      'a port name twice',
      { ports: [{ name: 'svidecar-health', containerPort: 1 }] },
      'svidecar-health',
    ],
  ])('with %s is refused by name', (_, overlay, said) => {
    for (const list of ['containers', 'initContainers']) {
      const refusal = refusalOf(decided(withOverlay(overlay, list)));
      expect(refusal).toContain(said);
      expect(refusal).toContain('[POD_UNFIT]');
    }
  });

  test('among the init containers must run on', () => {
    const refusal = refusalOf(
      decided(withOverlay({ restartPolicy: 'OnFailure' }, 'initContainers')),
    );
    expect(refusal).toContain('restartPolicy: Always');
  });

  test('with a probe of its own has that one alone', () => {
    const own = { readinessProbe: { exec: { command: ['ready'] } } };
    const pod = deployment(validate, { ...appWithEnvoy, ...withOverlay(own) });
    const path = '/spec/template/spec/containers/name=auth-helper/readinessProbe';
    expect(valueAt(carriedOut(pod, decideOn(pod)), path)).toEqual({
      exec: { command: ['ready'] },
      periodSeconds: 5,
    });
  });
});

describe('the user of the pod', () => {
  const rootPod = { securityContext: { runAsUser: 0 } };
  test('may be root where the helper has one of its own', () => {
    expect(decided(rootPod).kind).toBe('injected');
  });
  test('may not where it has not: the kubelet would not start the helper', () => {
    const engine = engineFor({ helper: { runAsUser: null } });
    const object = deployment(validate, { ...appWithEnvoy, ...rootPod });
    expect(refusalOf(decideOn(object, { engine }))).toContain('helper.runAsUser');
  });
});

describe('mounts', () => {
  const at = '/spiffe-workload-api';
  test.each<[string, JsonObject]>([
    ['at the same path', mounting({ mountPath: at })],
    ['at the same path, written with slashes', mounting({ mountPath: `${at}//` })],
    ['inside it', mounting({ mountPath: `${at}/more` })],
    [
      'of a part of the socket’s volume',
      mounting({ mountPath: at, subPath: 'x' }, { csi: { driver: 'csi.spiffe.io' } }),
    ],
  ])('%s are refused, with container, volume and path', (_, spec) => {
    const refusal = refusalOf(decided(spec, socket));
    expect(refusal).toContain('container "app"');
    expect(refusal).toContain(at);
    expect(refusal).toContain('volume "own"');
  });

  test('above it are refused where nothing can be made in them', () => {
    const engine = engineFor({ socket: { mountPath: '/etc/app/spiffe' } });
    const on = (source: JsonObject): string =>
      refusalOf(
        decideOn(
          deployment(socket, { ...appWithEnvoy, ...mounting({ mountPath: '/etc/app' }, source) }),
          {
            engine,
          },
        ),
      );
    expect(on({ configMap: { name: 'conf' } })).toContain('read-only');
    expect(on({ emptyDir: {} })).toBe('injected');
  });

  test('of the socket itself are used where they stand', () => {
    expect(
      decided(mounting({ mountPath: at }, { csi: { driver: 'csi.spiffe.io' } }), socket).kind,
    ).toBe('injected');
  });

  test('beside it are no matter', () => {
    expect(decided(mounting({ mountPath: `${at}-2` }), socket).kind).toBe('injected');
  });

  test('of the helper are looked at too', () => {
    const overlay = { volumeMounts: [{ name: 'own', mountPath: '/etc/svidecar' }] };
    expect(refusalOf(decided(withOverlay(overlay)))).toContain('at /etc/svidecar');
  });

  test('a claim of a StatefulSet with our name is not taken for ours', () => {
    const claims = [{ metadata: { name: 'spiffe-workload-api' } }];
    const { spec, ...rest } = deployment(socket);
    const object: JsonObject = {
      ...rest,
      kind: 'StatefulSet',
      spec: { ...(spec as JsonObject), volumeClaimTemplates: claims },
    };
    const names = valueAt(carriedOut(object, decideOn(object)), '/spec/template/spec/volumes');
    expect(names).toMatchObject([
      { name: 'envoy-config' },
      { name: 'spiffe-workload-api-svidecar' },
    ]);
  });
});

describe('other things that would never run', () => {
  test('a helper among the init containers of an old Kubernetes is refused', () => {
    const annotations = { ...validate, 'svidecar.dev/native-sidecar': 'true' };
    const on = (minor: number): string =>
      refusalOf(decideOn(deployment(annotations), { engine: engineFor({}, minor) }));
    expect(on(27)).toContain('svidecar.dev/native-sidecar: "false"');
    expect(on(28)).toBe('injected');
  });

  test('no containers: a patch that kustomize has not put together', () => {
    expect(refusalOf(decided({ containers: [] }))).toContain('kustomize build');
  });

  test('a helper beside an app that ends is warned about', () => {
    const annotations = { ...validate, 'svidecar.dev/native-sidecar': 'false' };
    expect(stepsOf(decided({ restartPolicy: 'Never' }, annotations))).toContain('pod_never_ends');
    expect(stepsOf(decided({ restartPolicy: 'Never' }))).not.toContain('pod_never_ends');
  });

  test('an ordinary helper beside an Envoy that is a native sidecar is warned about', () => {
    const ordinary = { ...validate, 'svidecar.dev/native-sidecar': 'false' };
    const nativeEnvoy = {
      containers: [app],
      initContainers: [{ ...envoy, restartPolicy: 'Always' }],
    };
    const own = { ...nativeEnvoy, containers: [app, { name: 'auth-helper' }] };
    const told = (changes: JsonObject, annotations: Annotations): string | undefined =>
      decided(changes, annotations).steps.find(({ id }) => id === 'helper_ends_first')?.message;
    expect(told(nativeEnvoy, ordinary)).toContain('set svidecar.dev/native-sidecar: "true"');
    expect(told(own, validate)).toContain('move "auth-helper" to initContainers');
    expect(told(nativeEnvoy, validate)).toBeUndefined();
    expect(told({}, ordinary)).toBeUndefined();
  });

  test('more annotations than Kubernetes takes', () => {
    const long = (length: number): string =>
      refusalOf(decided({}, { ...validate, 'example.org/notes': 'x'.repeat(length) }));
    expect(long(262_000)).toContain('svidecar.dev/status');
    expect(long(200_000)).toBe('injected');
  });

  test('a port of the app that speaks UDP is no clash', () => {
    const port = { containerPort: 9010 };
    const clash = { ...app, ports: [port] };
    const none = { ...app, ports: [{ ...port, protocol: 'UDP' }] };
    expect(stepsOf(decided({ containers: [clash, envoy] }))).toContain('port_clash');
    expect(stepsOf(decided({ containers: [none, envoy] }))).not.toContain('port_clash');
    const native = { ...clash, restartPolicy: 'Always' };
    expect(stepsOf(decided({ initContainers: [native] }))).toContain('port_clash');
  });
});

test.each<[string | number, bigint | undefined]>([
  ['100m', 100_000_000n],
  ['0.1', 100_000_000n],
  [1, 1_000_000_000n],
  ['1Ki', 1_024_000_000_000n],
  ['1e3', 1_000_000_000_000n],
  ['1E', 10n ** 27n],
  ['2E2', 200_000_000_000n],
  ['5n', 5n],
  ['0.5n', 1n],
  ['.5', 500_000_000n],
  ['5u', 5000n],
  ['1Ei', 1024n ** 6n * 10n ** 9n],
  ['', undefined],
  ['.', undefined],
  ['1 Mi', undefined],
  ['-1', undefined],
  ['1mi', undefined],
])('the quantity %s', (text, nanos) => {
  expect(nanosOf(text)).toBe(nanos);
});

describe('a selector that would not match the injected pods', () => {
  const key = 'svidecar.dev/injected';
  function selecting(expression: JsonObject): Decision {
    const workload = deployment(validate, appWithEnvoy);
    const selector = { matchLabels: { app: 'frontend' }, matchExpressions: [expression] };
    return decideOn({ ...workload, spec: { ...objectAt(workload, 'spec'), selector } });
  }
  test.each<JsonObject>([
    { key, operator: 'DoesNotExist' },
    { key, operator: 'NotIn', values: ['true'] },
  ])('is refused: %o', (expression) => {
    expect(refusalOf(selecting(expression))).toMatch(
      /spec\.selector\.matchExpressions: the one on svidecar\.dev\/injected .* \[POD_UNFIT\]/,
    );
  });
  test.each<JsonObject>([
    { key, operator: 'NotIn', values: ['false'] },
    { key: 'other', operator: 'DoesNotExist' },
    { key: 'app', operator: 'Exists' },
    // It matches neither before nor after, which the API server says by itself.
    { key: 'other', operator: 'Exists' },
  ])('any other is not: %o', (expression) => {
    expect(selecting(expression).kind).toBe('injected');
  });
});
