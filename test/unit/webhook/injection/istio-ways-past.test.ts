/** Pods of a mesh whose requests meet no Envoy, or two. */
import { describe, expect, test } from 'vitest';
import { listAt, objectAt, type Json, type JsonObject } from '#kernel/json.ts';
import { statusOf } from '../../../../webhook/injection/status.ts';
import { decideOn, injected, operationsOf, valueAt } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { withIstioProxy } from '../../../fakes/istio-injector.ts';

type Texts = Readonly<Record<string, string>>;

function pod(annotations: Texts, labels: Texts = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shop', namespace: 'shop', labels, annotations },
    spec: { containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }] },
  };
}

function saidOf(object: JsonObject): string {
  return decideOn(object)
    .steps.map(({ message }) => message)
    .join('\n');
}

const validates = {
  'inject.svidecar.dev/templates': 'jwt-validate',
  'svidecar.dev/envoy-container': 'istio-proxy',
};
const byPolicy = {
  'inject.svidecar.dev/templates': 'istio-validate',
  'svidecar.dev/audience': 'shop',
};
const bringsEnvoy = {
  'inject.svidecar.dev/templates': 'envoy',
  'svidecar.dev/inbound': '8443=8080',
};

function refusalOf(object: JsonObject): string {
  const decision = decideOn(object);
  return decision.kind === 'refused' ? `${decision.code} ${decision.why}` : decision.kind;
}

const excludes = 'traffic.sidecar.istio.io/excludeInboundPorts';
const includes = 'traffic.sidecar.istio.io/includeInboundPorts';

describe('a pod that Istio is to ask about by a policy', () => {
  test('waits for Istio’s proxy, and the kubelet reaches its helper', () => {
    const first = injected(pod(byPolicy));
    expect(statusOf(first)).toMatchObject({ awaits: ['istio-proxy'] });
    expect(valueAt(first, `/metadata/annotations/${excludes.replaceAll('/', '~1')}`)).toBe('9011');
    for (const list of ['containers', 'initContainers'] as const) {
      const done = injected(withIstioProxy(first, list));
      expect(statusOf(done)?.awaits).toBeUndefined();
      expect(operationsOf(decideOn(done))).toEqual([]);
    }
  });

  test.each<[string, Texts, Texts, string]>([
    ['ambient', {}, { 'istio.io/dataplane-mode': 'ambient' }, 'ambient'],
    ['turned off by label', {}, { 'sidecar.istio.io/inject': 'false' }, 'keeps Istio from'],
    ['turned off by annotation', { 'sidecar.istio.io/inject': 'false' }, {}, 'keeps Istio from'],
    ['without an Envoy', { 'inject.istio.io/templates': 'grpc-agent' }, {}, 'brings no Envoy'],
    ['with nothing led to Envoy', { [includes]: '' }, {}, 'no request reaches Envoy'],
    ['with the helper led to Envoy', { [includes]: '8080,9011' }, {}, 'port 9011'],
  ])('is refused: %s', (_how, ...[annotations, labels, words]) => {
    const said = refusalOf(pod({ ...byPolicy, ...annotations }, labels));
    expect(said).toContain('ISTIO_UNFIT');
    expect(said).toContain(words);
  });

  test.each([
    [excludes, '8080', 'port 8080 go past Envoy'],
    [includes, '8080', 'only port 8080 leads through Envoy'],
    ['traffic.sidecar.istio.io/excludeInterfaces', 'eth0', 'by eth0 go past Envoy'],
    ['sidecar.istio.io/interceptionMode', 'NONE', 'interception mode NONE'],
    ['proxy.istio.io/config', 'interceptionMode: NONE', 'interception mode NONE'],
  ])('is told of what goes past Envoy: %s %s', (key, value, words) => {
    const said = saidOf(pod({ ...byPolicy, [key]: value }));
    expect(said).toContain(words);
    expect(said.split(words)).toHaveLength(2);
  });

  test('is told once where a filter validates beside it', () => {
    const both = {
      ...byPolicy,
      'inject.svidecar.dev/templates': 'istio-validate,jwt-inject',
      'svidecar.dev/envoy-container': 'istio-proxy',
      [excludes]: '8080',
    };
    expect(saidOf(pod(both)).split('port 8080 go past Envoy')).toHaveLength(2);
  });

  test('is refused where that is a waypoint, for which Istio takes no policy by labels', () => {
    const spec = { containers: [{ name: 'istio-proxy', image: 'p', args: ['proxy', 'waypoint'] }] };
    expect(refusalOf({ ...pod(byPolicy), spec })).toContain('is a waypoint');
  });
});

test.each<[string, Texts, Texts]>([
  ['in the ambient mode', {}, { 'istio.io/dataplane-mode': 'ambient' }],
  ['that Istio leaves alone', { 'sidecar.istio.io/inject': 'false' }, {}],
])('the socket for Istio’s proxy is refused in a pod %s', (_how, annotations, labels) => {
  const asked = { 'inject.svidecar.dev/templates': 'istio-spire', ...annotations };
  expect(refusalOf(pod(asked, labels))).toContain('ISTIO_UNFIT');
});

describe('what Istio has done already is told as its annotations are', () => {
  function initialized(
    args: readonly string[],
    more: Partial<Record<string, Json>> = {},
  ): JsonObject {
    const object = pod({ ...validates, 'svidecar.dev/audience': 'shop' });
    const init = { name: 'istio-init', image: 'p', args: ['istio-iptables', ...args], ...more };
    const proxy = { name: 'istio-proxy', image: 'p', args: ['proxy', 'sidecar'] };
    const spec = objectAt(object, 'spec');
    return {
      ...object,
      spec: { ...spec, initContainers: [init, { ...proxy, restartPolicy: 'Always' }] },
    };
  }

  const own = '15090,15021,15020';
  test.each<[string, readonly string[], string]>([
    [
      'excluded ports',
      ['-b', '*', '-d', `${own},3306`],
      '(-d of container "istio-init"): requests to port 3306 go past',
    ],
    [
      'all but some ports',
      ['-b', '8080', '-d', own],
      '(-b of container "istio-init"): only port 8080 leads',
    ],
    ['interfaces', ['-b', '*', '-d', own, '-c', 'eth1'], 'by eth1 go past Envoy'],
  ])('%s', (_title, args, words) => {
    for (const name of ['istio-init', 'istio-validation'])
      expect(saidOf(initialized(args, { name }))).toContain(words.replace('istio-init', name));
    const byPolicyToo = initialized(args);
    const metadata = { ...objectAt(byPolicyToo, 'metadata'), annotations: byPolicy };
    expect(saidOf({ ...byPolicyToo, metadata })).toContain(words);
  });

  test('but not what it excludes in each pod', () => {
    expect(saidOf(initialized(['-b', '*', '-d', `${own},9011`]))).not.toContain('go past Envoy');
    const cni = pod({ ...validates, [excludes]: '15020', [includes]: '*' });
    expect(saidOf(cni)).not.toContain('go past Envoy');
  });

  test('nothing that leads to Envoy is refused', () => {
    expect(refusalOf(initialized(['-b', '', '-d', own]))).toContain('no request reaches Envoy');
  });

  test('no interception, by a setting of the mesh', () => {
    const env = [{ name: 'ISTIO_META_INTERCEPTION_MODE', value: 'NONE' }];
    const proxy = { name: 'istio-proxy', image: 'p', args: ['proxy', 'sidecar'], env };
    const object = pod(validates);
    const containers = [...listAt(objectAt(object, 'spec'), 'containers'), proxy];
    expect(saidOf({ ...object, spec: { containers } })).toContain('interception mode NONE');
  });

  test('requests that leave past Envoy', () => {
    const outbound = {
      'inject.svidecar.dev/templates': 'jwt-inject',
      'svidecar.dev/audience-by-host': 'a.shop=a',
    };
    const object = initialized(['-i', '*', '-x', '10.0.0.0/8', '-b', '*', '-d', own, '-o', '']);
    const metadata = { ...objectAt(object, 'metadata'), annotations: outbound };
    const said = saidOf({ ...object, metadata });
    expect(said).toContain('(-x of container "istio-init") leads requests past Envoy');
    expect(said).not.toContain('(-i of');
    expect(said).not.toContain('(-o of');
  });
});

describe('a template of Istio’s that svidecar does not know', () => {
  const asked = { ...validates, 'inject.istio.io/templates': 'my-gateway' };
  test('is told of as open, until Istio’s container says what it is', () => {
    expect(saidOf(pod(asked))).toContain('whether my-gateway makes a sidecar or a gateway');
    const known = { ...asked, 'inject.istio.io/templates': 'gateway,my-gateway' };
    expect(saidOf(pod(known))).not.toContain('makes a sidecar or a gateway');
  });

  test.each([
    ['router', 'gateway'],
    ['sidecar', 'sidecar'],
  ])('is planned anew in the pod: %s', (started, role) => {
    const first = injected(pod(asked));
    expect(statusOf(first)?.envoy?.istio?.role).toBe('sidecar');
    const proxy = { name: 'istio-proxy', image: 'p', args: ['proxy', started] };
    const spec = objectAt(first, 'spec');
    const containers = [...listAt(spec, 'containers'), proxy];
    const done = injected({ ...first, spec: { ...spec, containers } });
    expect(statusOf(done)?.envoy?.istio?.role).toBe(role);
    const label = valueAt(done, '/metadata/labels/svidecar.dev~1envoy-filter');
    expect(label).toBe(statusOf(done)?.envoy?.derived);
    expect(saidOf(done)).not.toContain('makes a sidecar or a gateway');
    expect(operationsOf(decideOn(done))).toEqual([]);
  });

  test('counts as little as the annotation, where the container says otherwise', () => {
    const object = pod({ ...validates, 'inject.istio.io/templates': 'gateway' });
    const proxy = { name: 'istio-proxy', image: 'p', args: ['proxy', 'sidecar'] };
    const containers = [...listAt(objectAt(object, 'spec'), 'containers'), proxy];
    const done = injected({ ...object, spec: { containers } });
    expect(statusOf(done)?.envoy?.istio?.role).toBe('sidecar');
  });
});

/** What istiod makes of a Gateway of the Gateway API, cut to what matters; after `kube-gateway.yaml` and `waypoint.yaml` of 1.31. */
function managed(annotations: Texts, started: 'router' | 'waypoint'): JsonObject {
  const proxy = {
    name: 'istio-proxy',
    image: 'p',
    args: ['proxy', started],
    volumeMounts: [{ name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds' }],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'edge', namespace: 'shop' },
    spec: {
      template: {
        metadata: {
          annotations: { ...annotations, 'istio.io/rev': 'default' },
          labels: {
            'sidecar.istio.io/inject': 'false',
            'istio.io/dataplane-mode': 'none',
            'gateway.networking.k8s.io/gateway-name': 'edge',
          },
        },
        spec: { containers: [proxy], volumes: [{ name: 'workload-socket', emptyDir: {} }] },
      },
    },
  };
}

describe('a gateway that istiod makes for the Gateway API', () => {
  const spire = { 'inject.svidecar.dev/templates': 'istio-spire' };
  test.each(['router', 'waypoint'] as const)('takes the socket: %s', (started) => {
    const done = injected(managed(spire, started));
    expect(valueAt(done, '/spec/template/spec/volumes/name=workload-socket')).toEqual({
      name: 'workload-socket',
      csi: { driver: 'csi.spiffe.io', readOnly: true },
    });
    expect(operationsOf(decideOn(done))).toEqual([]);
  });

  const validating = { 'inject.svidecar.dev/templates': 'jwt-validate' };
  test('takes filters, as a gateway, and waits for nobody', () => {
    const done = injected(managed(validating, 'router'));
    const status = statusOf(objectAt(objectAt(done, 'spec'), 'template'));
    expect(status?.envoy?.istio?.role).toBe('gateway');
    expect(status?.awaits).toBeUndefined();
    expect(operationsOf(decideOn(done))).toEqual([]);
  });

  test('takes a policy’s helper', () => {
    const done = injected(managed(byPolicy, 'router'));
    expect(operationsOf(decideOn(done))).toEqual([]);
  });

  test.each([
    ['an EnvoyFilter', validating, 'takes no EnvoyFilter'],
    ['a policy', byPolicy, 'takes no AuthorizationPolicy by labels'],
    [
      'an EnvoyFilter beside the socket',
      { 'inject.svidecar.dev/templates': 'istio-spire,jwt-validate' },
      'takes no EnvoyFilter',
    ],
  ])('is refused as a waypoint that needs %s', (_what, annotations, words) => {
    expect(refusalOf(managed(annotations, 'waypoint'))).toContain(words);
  });
});

describe('the name of SPIRE’s socket', () => {
  const spire = { 'inject.svidecar.dev/templates': 'istio-spire' };
  const told = (file: string): Texts => ({
    ...spire,
    'proxy.istio.io/config': `proxyMetadata:\n  WORKLOAD_IDENTITY_SOCKET_FILE: ${file}\n`,
  });
  const engine = engineFor({ socket: { file: 'socket' } });
  const said = (object: JsonObject, changes = {}): string =>
    decideOn(object, changes)
      .steps.filter(({ id }) => id === 'istio_socket_name')
      .map(({ message }) => message)
      .join();

  test('is told of where Istio’s proxy does not look for it', () => {
    expect(said(pod(spire))).toContain('looks for "socket", without which Istio issues');
    expect(said(pod(told('other.sock')))).toContain(
      '"other.sock", without which it does not start',
    );
    expect(said(pod(told('spire-agent.sock')), { engine })).toContain('is called socket');
  });

  test('is not told of where it does, or where nobody asks for the socket', () => {
    expect(said(pod(spire), { engine })).toBe('');
    expect(said(pod(told('"spire-agent.sock"')))).toBe('');
    const json = '{"proxyMetadata":{"WORKLOAD_IDENTITY_SOCKET_FILE":"spire-agent.sock"}}';
    expect(said(pod({ ...spire, 'proxy.istio.io/config': json }))).toBe('');
    expect(said(pod(validates))).toBe('');
    const env = [{ name: 'WORKLOAD_IDENTITY_SOCKET_FILE', value: 'spire-agent.sock' }];
    const proxy = { name: 'istio-proxy', image: 'p', args: ['proxy', 'sidecar'], env };
    expect(said({ ...pod(spire), spec: { containers: [proxy] } })).toBe('');
  });
});

describe('what Istio’s injector is told', () => {
  const key = 'sidecar.istio.io/inject';
  test.each<[string, Texts, Texts, string]>([
    [
      'the label counts more than the annotation',
      { [key]: 'false' },
      { [key]: 'true' },
      'injected',
    ],
    ['also the other way round', { [key]: 'true' }, { [key]: 'false' }, 'ISTIO_UNFIT'],
    [
      'an empty label says nothing, in place of the annotation',
      { [key]: 'false' },
      { [key]: '' },
      'injected',
    ],
    ['only true and false are sure', { [key]: 'False' }, {}, 'older releases'],
    ['whatever the spelling', {}, { [key]: 'no' }, 'older releases'],
  ])('%s', (_title, ...[annotations, labels, outcome]) => {
    for (const asked of [validates, byPolicy])
      expect(refusalOf(pod({ ...asked, ...annotations }, labels))).toContain(outcome);
  });

  test('a value that some releases ignore is told of', () => {
    for (const said of ['yes', 'True', 'on', 'y'])
      expect(saidOf(pod(validates, { [key]: said }))).toContain(`"${said}": older releases`);
    expect(saidOf(pod(validates, { [key]: 'true' }))).not.toContain('older releases');
  });

  test('a template’s own Envoy is refused where Istio would come by an older spelling', () => {
    expect(refusalOf(pod(bringsEnvoy, { [key]: 'Yes' }))).toContain('ENVOY_PRESENT');
    expect(saidOf(pod(bringsEnvoy, { [key]: 'no' }))).toContain('older releases');
  });
});

describe('a pod of a mesh that validates', () => {
  test.each(['grpc-agent', 'grpc-simple', 'sidecar, grpc-agent'])(
    'is refused where Istio brings no Envoy: %s',
    (templates) => {
      const decision = decideOn(pod({ ...validates, 'inject.istio.io/templates': templates }));
      expect(decision).toMatchObject({ kind: 'refused', code: 'ISTIO_UNFIT' });
    },
  );

  test.each([
    ['proxy.istio.io/config', 'interceptionMode: NONE', 'interception mode NONE'],
    ['proxy.istio.io/config', '{"interceptionMode":"NONE"}', 'interception mode NONE'],
    ['traffic.sidecar.istio.io/excludeInterfaces', 'eth0', 'by eth0 go past Envoy'],
  ])('is told of what goes past Envoy: %s %s', (key, value, words) => {
    expect(saidOf(pod({ ...validates, [key]: value }))).toContain(words);
  });

  test('is told of nothing where its annotation has it led to Envoy all the same', () => {
    const said = saidOf(
      pod({
        ...validates,
        'proxy.istio.io/config': 'interceptionMode: NONE',
        'sidecar.istio.io/interceptionMode': 'REDIRECT',
      }),
    );
    expect(said).not.toContain('interception mode');
  });
});

describe('the Envoy that a template brings is refused in a pod of a mesh', () => {
  test.each<[string, Texts, Texts]>([
    ['by label', {}, { 'sidecar.istio.io/inject': 'true' }],
    ['by annotation', { 'sidecar.istio.io/inject': 'true' }, {}],
    ['by revision', {}, { 'istio.io/rev': 'default' }],
    ['ambient', {}, { 'istio.io/dataplane-mode': 'ambient' }],
    ['by our annotation', { 'svidecar.dev/envoy-container': 'istio-proxy' }, {}],
  ])('%s', (_how, annotations, labels) => {
    const decision = decideOn(pod({ ...bringsEnvoy, ...annotations }, labels));
    expect(decision).toMatchObject({ kind: 'refused', code: 'ENVOY_PRESENT' });
  });

  test('but not where Istio is told to leave it alone', () => {
    const decision = decideOn(pod(bringsEnvoy, { 'sidecar.istio.io/inject': 'false' }));
    expect(decision.kind).toBe('injected');
  });
});
