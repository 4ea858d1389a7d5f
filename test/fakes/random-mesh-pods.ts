/** Pods of an Istio mesh that ask for something of ours, as people write them; for property tests. */
import fc from 'fast-check';
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { withIstioProxy } from './istio-injector.ts';

type Gen = fc.Arbitrary<JsonObject>;

/** What Istio's injector makes of a pod. */
export type Arrival = 'containers' | 'initContainers' | 'nothing';

function some(members: Readonly<Record<string, fc.Arbitrary<Json>>>): Gen {
  return fc.record({ ...members }, { requiredKeys: [] }).map((made): JsonObject => ({ ...made }));
}

const asked = fc.constantFrom<JsonObject>(
  { 'inject.svidecar.dev/templates': 'jwt-validate' },
  { 'inject.svidecar.dev/templates': 'jwt-validate, istio-spire' },
  { 'inject.svidecar.dev/templates': 'istio-spire' },
  { 'inject.svidecar.dev/templates': 'istio-validate', 'svidecar.dev/audience': 'backend' },
  {
    'inject.svidecar.dev/templates': 'jwt-inject, jwt-validate',
    'svidecar.dev/audience-by-host': 'a.shop=a',
  },
  { 'inject.svidecar.dev/templates': 'jwt-inject', 'svidecar.dev/audience': 'backend' },
);

const ours = some({
  'svidecar.dev/envoy-container': fc.constantFrom('istio-proxy', 'istio-proxy', 'envoy'),
  'svidecar.dev/data-path': fc.constantFrom('native', 'ext-authz'),
  'svidecar.dev/native-sidecar': fc.constantFrom('true', 'false'),
  'svidecar.dev/validate-listeners': fc.constantFrom('8080', '*', 'virtualInbound', '80,8080'),
  'svidecar.dev/socket': fc.constantFrom('csi', 'hostPath'),
});

/** Each as people write it, wrongly at times. */
const portLists = fc.constantFrom(
  '',
  ' ',
  '8080',
  '9011',
  '15020, 9011',
  '80',
  '9090',
  '80, 9090',
  '8080, 80',
  '*',
  '0,a',
);
const theirs = some({
  'traffic.sidecar.istio.io/excludeInboundPorts': portLists,
  'traffic.sidecar.istio.io/includeInboundPorts': portLists,
  'traffic.sidecar.istio.io/excludeInterfaces': fc.constantFrom('', 'eth1'),
  'traffic.sidecar.istio.io/excludeOutboundPorts': portLists,
  'sidecar.istio.io/interceptionMode': fc.constantFrom('NONE', 'TPROXY', 'REDIRECT'),
  'sidecar.istio.io/rewriteAppHTTPProbers': fc.constantFrom('true', 'false'),
  'proxy.istio.io/config': fc.constantFrom('{holdApplicationUntilProxyStarts: true}', 'junk: ['),
  'sidecar.istio.io/inject': fc.constantFrom('true', 'false', 'yes'),
  'inject.istio.io/templates': fc.constantFrom(
    'gateway',
    'sidecar',
    'sidecar,spire',
    ' gateway , spire',
    'grpc-agent',
    'edge',
  ),
});
const labels = some({
  app: fc.constant('shop'),
  'sidecar.istio.io/inject': fc.constantFrom('true', 'true', 'true', 'false', 'False'),
  'istio.io/rev': fc.constantFrom('default', 'canary', ''),
  'istio.io/dataplane-mode': fc.constantFrom('none', 'none', 'ambient'),
});

const app: JsonObject = {
  name: 'app',
  image: 'app:1',
  ports: [{ containerPort: 8080 }],
  readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
};
const envoy: JsonObject = {
  name: 'envoy',
  image: 'envoyproxy/envoy:v1.40.0',
  args: ['-c', '/etc/envoy/envoy.yaml'],
  volumeMounts: [{ name: 'envoy-config', mountPath: '/etc/envoy' }],
};

const spec: Gen = fc
  .record({
    /** As a gateway's pod, or one with settings for its proxy, has it before Istio's injector. */
    overlay: fc.constantFrom<JsonObject | undefined>(undefined, undefined, {
      name: 'istio-proxy',
      image: 'auto',
    }),
    hasEnvoy: fc.constantFrom(false, false, false, true),
    inits: fc.constantFrom<Json | undefined>(undefined, [], [{ name: 'first', image: 'first:1' }]),
    volumes: fc.constantFrom<readonly JsonObject[] | undefined>(
      undefined,
      [{ name: 'workload-socket', emptyDir: {} }],
      [{ name: 'data', emptyDir: {} }],
    ),
  })
  .map(({ overlay, hasEnvoy, inits, volumes }): JsonObject => {
    const more = [overlay, hasEnvoy ? envoy : undefined].filter((each) => each !== undefined);
    const config = { name: 'envoy-config', configMap: { name: 'shop-envoy' } };
    const all = [...(volumes ?? []), ...(hasEnvoy ? [config] : [])];
    return {
      containers: [app, ...more],
      ...(inits === undefined ? {} : { initContainers: inits }),
      ...(volumes === undefined && !hasEnvoy ? {} : { volumes: all }),
    };
  });

export const meshPod: Gen = fc
  .tuple(asked, ours, theirs, labels, spec)
  .map(([templates, mine, istios, marks, of]): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'shop',
      namespace: 'shop',
      ...(Object.keys(marks).length === 0 ? {} : { labels: marks }),
      annotations: { ...istios, ...mine, ...templates },
    },
    spec: of,
  }));

/** Where its proxy would be put, in a namespace that has pods injected. */
function arrivalOf(pod: JsonObject, list: Exclude<Arrival, 'nothing'>): Arrival {
  const metadata = objectAt(pod, 'metadata');
  const isAmbient = stringAt(objectAt(metadata, 'labels'), 'istio.io/dataplane-mode') === 'ambient';
  const key = 'sidecar.istio.io/inject';
  // The label wins. What is neither goes by the namespace.
  const wish =
    stringAt(objectAt(metadata, 'labels'), key) ?? stringAt(objectAt(metadata, 'annotations'), key);
  if (isAmbient || wish === 'false') return 'nothing';
  return isGateway(pod) ? 'containers' : list;
}

/** `edge` is a template of the mesh's own. */
function isGateway(pod: JsonObject): boolean {
  const annotations = objectAt(objectAt(pod, 'metadata'), 'annotations');
  const templates = stringAt(annotations, 'inject.istio.io/templates') ?? '';
  return templates.split(',').some((each) => ['gateway', 'edge'].includes(each.trim()));
}

/** The pod when Istio's injector was there. */
export function afterIstio(pod: JsonObject, list: Exclude<Arrival, 'nothing'>): JsonObject {
  const arrival = arrivalOf(pod, list);
  if (arrival === 'nothing') return pod;
  const { containers, ...rest } = objectAt(pod, 'spec');
  const others = listAt({ containers }, 'containers')
    .filter(isObject)
    .filter(({ name }) => name !== 'istio-proxy');
  const proxy = { name: 'istio-proxy', image: 'istio/proxyv2', args: ['proxy', 'router'] };
  if (isGateway(pod)) return { ...pod, spec: { ...rest, containers: [...others, proxy] } };
  return withSocket(withIstioProxy({ ...pod, spec: { ...rest, containers: others } }, arrival));
}

/** Its socket's volume, merged into what stands under that name. */
function withSocket(pod: JsonObject): JsonObject {
  const of = objectAt(pod, 'spec');
  const name = 'workload-socket';
  const volumes = listAt(of, 'volumes').filter(isObject);
  const socket = { ...volumes.find((each) => each['name'] === name), name, emptyDir: {} };
  const isThere = volumes.some((each) => each['name'] === name);
  const merged = isThere
    ? volumes.map((each) => (each['name'] === name ? socket : each))
    : [...volumes, socket];
  return { ...pod, spec: { ...of, volumes: merged } };
}
