/** Pod templates of every odd shape that an API server, or a person, may hand us; for property tests. */
import fc from 'fast-check';
import { isArray, isObject, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';

type Gen = fc.Arbitrary<JsonObject>;

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
/** Member names that are no names of Kubernetes: with slashes, tildes, and those that every object has by birth. */
const strangeKey = fc.oneof(
  fc.stringMatching(/^x[A-Za-z0-9~/._-]{0,8}$/),
  fc.constantFrom('constructor', '__proto__', 'toString', 'x/y~z', 'x=1', ''),
);
const anything: fc.Arbitrary<Json> = fc
  .jsonValue({ maxDepth: 3 })
  .map((value): Json => JSON.parse(JSON.stringify(value)) as Json);

/** Members that no schema knows. `defineProperty` semantics, so that `__proto__` is a member like any other. */
const unknownFields: Gen = fc
  .array(fc.tuple(strangeKey, anything), { maxLength: 2 })
  .map((entries) => Object.fromEntries(entries));

function withUnknown(known: Gen): Gen {
  return fc.tuple(known, unknownFields).map(([object, unknown]) => ({ ...unknown, ...object }));
}

function optional(members: Readonly<Record<string, fc.Arbitrary<Json>>>): Gen {
  return fc
    .record({ ...members }, { requiredKeys: [] })
    .map((record): JsonObject => ({ ...record }));
}

function list(items: Gen, key: string, maxLength = 3): fc.Arbitrary<Json> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.uniqueArray(items, { selector: (item) => item[key], maxLength }) },
    { weight: 1, arbitrary: fc.constant(null) },
  );
}

const env = withUnknown(
  fc.oneof(
    fc.record({
      name: fc.constantFrom('A', 'B', 'SPIFFE_ENDPOINT_SOCKET', 'POD_NAME'),
      value: fc.string(),
    }),
    fc.record({
      name: fc.constantFrom('C', 'SPIFFE_ENDPOINT_SOCKET'),
      valueFrom: fc.constant({ fieldRef: { fieldPath: 'status.podIP' } }),
    }),
  ),
);
const mount = withUnknown(
  fc.record({
    name: fc.oneof(label, fc.constantFrom('socket', 'spiffe-workload-api', 'svidecar-settings')),
    mountPath: fc.oneof(
      fc.constantFrom('/spiffe-workload-api', '/run/spire', '/etc/svidecar'),
      label.map((name) => `/${name}`),
    ),
  }),
);
const port = withUnknown(
  fc.record({ containerPort: fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constant(9010)) }),
);

function container(name: fc.Arbitrary<string>): Gen {
  const extras = optional({
    env: list(env, 'name'),
    volumeMounts: list(mount, 'mountPath'),
    ports: list(port, 'containerPort'),
    securityContext: fc.oneof(unknownFields, fc.constant(null)),
    resources: unknownFields,
  });
  return withUnknown(
    fc
      .tuple(name, extras)
      .map(([own, rest]): JsonObject => ({ name: own, image: `shop/${own}:1`, ...rest })),
  );
}

const envoy: JsonObject = {
  name: 'envoy',
  image: 'envoyproxy/envoy:v1.40.0',
  args: ['-c', '/etc/envoy/envoy.yaml'],
  volumeMounts: [{ name: 'envoy-config', mountPath: '/etc/envoy' }],
};
const envoyVolume: JsonObject = { name: 'envoy-config', configMap: { name: 'shop-envoy' } };

const volume = withUnknown(
  fc
    .tuple(
      fc.oneof(
        label,
        fc.constantFrom(
          'spiffe-workload-api',
          'spiffe-workload-api-svidecar',
          'svidecar-settings',
          'workload-socket',
        ),
      ),
      fc.constantFrom<JsonObject>(
        { emptyDir: {} },
        { configMap: { name: 'other' } },
        { csi: { driver: 'csi.spiffe.io', readOnly: true } },
        { csi: { driver: 'other.csi' } },
        { hostPath: { path: '/run/spire/agent-sockets/' } },
      ),
    )
    .map(([name, source]): JsonObject => ({ name, ...source })),
);

function uniqueBy(items: readonly JsonObject[], key: string): JsonObject[] {
  const seen = new Map<Json | undefined, JsonObject>();
  for (const item of items) if (!seen.has(item[key])) seen.set(item[key], item);
  return [...seen.values()];
}

/** Where Envoy stands among the others, or in `initContainers`. */
const spec: Gen = withUnknown(
  fc
    .record({
      apps: fc.array(container(label), { minLength: 1, maxLength: 3 }),
      envoyAt: fc.nat(3),
      isEnvoyNative: fc.boolean(),
      inits: fc.option(fc.array(container(label.map((name) => `i${name}`)), { maxLength: 2 })),
      initIsNull: fc.boolean(),
      volumes: fc.array(volume, { maxLength: 3 }),
      rest: optional({
        serviceAccountName: label,
        imagePullSecrets: list(fc.record({ name: label }), 'name'),
        securityContext: unknownFields,
      }),
    })
    .map((parts): JsonObject => {
      const apps = uniqueBy(parts.apps, 'name').filter((item) => item['name'] !== 'envoy');
      const inits = uniqueBy(parts.inits ?? [], 'name');
      const native = { ...envoy, restartPolicy: 'Always' };
      const hasInits = parts.inits !== null || parts.isEnvoyNative;
      return {
        ...parts.rest,
        ...(hasInits ? { initContainers: parts.isEnvoyNative ? [...inits, native] : inits } : {}),
        ...(!hasInits && parts.initIsNull ? { initContainers: null } : {}),
        containers: parts.isEnvoyNative ? apps : apps.toSpliced(parts.envoyAt, 0, envoy),
        volumes: uniqueBy([...parts.volumes, envoyVolume], 'name'),
      };
    }),
);

const requests = fc.constantFrom<Readonly<Record<string, string>>>(
  { 'inject.svidecar.dev/templates': 'jwt-inject', 'svidecar.dev/audience': 'backend' },
  { 'inject.svidecar.dev/templates': 'jwt-validate' },
  { 'inject.svidecar.dev/templates': 'jwt-validate', 'svidecar.dev/data-path': 'native' },
  { 'inject.svidecar.dev/templates': 'spire' },
  { 'inject.svidecar.dev/templates': 'istio-spire' },
  { 'inject.svidecar.dev/templates': 'spiffe-socket, jwt-validate' },
  {
    'inject.svidecar.dev/templates': 'jwt-inject,jwt-validate,spiffe-socket,istio-spire',
    'svidecar.dev/audience': 'backend',
    'svidecar.dev/validate-audience': 'a,b',
    'svidecar.dev/native-sidecar': 'false',
  },
  {
    'inject.svidecar.dev/templates': 'jwt-inject',
    'svidecar.dev/audience-by-host': 'a.test=a,*.b.test=b',
    'svidecar.dev/socket': 'hostPath',
    'svidecar.dev/native-sidecar': 'true',
    'svidecar.dev/data-path': 'native',
  },
  {
    'inject.svidecar.dev/templates': 'envoy, jwt-validate',
    'svidecar.dev/inbound': '28443=28080, tcp:29443=29000',
  },
  {
    'inject.svidecar.dev/templates': 'jwt-inject, envoy',
    'svidecar.dev/upstreams': '29001=backend.shop:8443 spiffe://example.org/backend',
    'svidecar.dev/native-sidecar': 'false',
  },
);

const metadata: Gen = withUnknown(
  fc
    .tuple(
      requests,
      optional({
        labels: fc.oneof(fc.dictionary(label, label), fc.constant(null)),
        annotations: fc.dictionary(label, fc.string()),
      }),
    )
    .map(([ours, rest]): JsonObject => ({
      ...rest,
      annotations: { ...(rest['annotations'] as JsonObject | undefined), ...ours },
    })),
);

/** Where a template brings the Envoy, the pod has none of its own. */
function withoutSecond(template: JsonObject): JsonObject {
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  const templates = stringAt(annotations, 'inject.svidecar.dev/templates');
  if (templates?.includes('envoy') !== true) return template;
  const { containers, initContainers, ...rest } = objectAt(template, 'spec');
  const others = (all: Json | undefined): Json =>
    isArray(all) ? all.filter((item) => !isObject(item) || item['name'] !== 'envoy') : null;
  const inits = initContainers === undefined ? {} : { initContainers: others(initContainers) };
  return { ...template, spec: { ...rest, ...inits, containers: others(containers) } };
}

/** A Deployment whose pod template asks for something. */
export const randomDeployment: Gen = fc
  .tuple(withUnknown(fc.record({ metadata, spec })), unknownFields)
  .map(([template, unknown]) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'frontend', namespace: 'shop', ...unknown },
    spec: { ...unknown, template: withoutSecond(template) },
  }));

/** What another injector adds between two passes: to lists and maps, never taking anything away. */
export interface ForeignAddition {
  readonly list: 'containers' | 'initContainers' | 'volumes' | 'imagePullSecrets';
  readonly isFirst: boolean;
  readonly item: JsonObject;
}

export const foreignAdditions: fc.Arbitrary<readonly ForeignAddition[]> = fc.uniqueArray(
  fc.record({
    list: fc.constantFrom('containers', 'initContainers', 'volumes', 'imagePullSecrets'),
    isFirst: fc.boolean(),
    item: fc
      .constantFrom('zz-one', 'zz-two')
      .map((name): JsonObject => ({ name, image: 'foreign/it:1' })),
  }),
  { selector: ({ list: at, item }) => `${at}/${JSON.stringify(item)}`, maxLength: 3 },
);
