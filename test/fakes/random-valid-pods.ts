/** Pods that an API server takes (but for an own part of the helper), with what may clash with an injection. */
import fc from 'fast-check';
import type { Json, JsonObject } from '#kernel/json.ts';

type Gen = fc.Arbitrary<JsonObject>;

/** A record of which any member may be missing. */
function some(members: Readonly<Record<string, fc.Arbitrary<Json>>>): Gen {
  return fc.record({ ...members }, { requiredKeys: [] }).map((made): JsonObject => ({ ...made }));
}

const amounts = some({
  cpu: fc.constantFrom('5m', '0.1', '200m', '1'),
  memory: fc.constantFrom('32Mi', '96Mi', '128Mi', '1e9', '1Gi'),
});
const resources = some({ requests: amounts, limits: amounts });
const handler = fc.constantFrom<JsonObject>(
  { exec: { command: ['true'] } },
  { tcpSocket: { port: 9011 } },
  { httpGet: { path: '/own', port: 9011 } },
  { grpc: { port: 9010 } },
  {},
);
const sources = fc.constantFrom<JsonObject>(
  { emptyDir: {} },
  { configMap: { name: 'other' } },
  { secret: { secretName: 'other' } },
  { csi: { driver: 'csi.spiffe.io', readOnly: true } },
  { csi: { driver: 'other.csi' } },
  { hostPath: { path: '/run/spire/agent-sockets' } },
);
const volumeNames = [
  'own-1',
  'spiffe-workload-api',
  'svidecar-settings',
  'svidecar-envoy',
] as const;
const mountPaths = [
  '/spiffe-workload-api',
  '/spiffe-workload-api/',
  '/spiffe-workload-api/more',
  '/etc/svidecar',
  '/etc/svidecar/more',
  '/etc/svidecar-envoy',
  '/run/svidecar-envoy',
  '/data',
] as const;

const mounts = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom(...volumeNames),
    mountPath: fc.constantFrom(...mountPaths),
    readOnly: fc.boolean(),
  }),
  { selector: ({ mountPath }) => mountPath, maxLength: 2 },
);
const ports = fc.constantFrom<Json>(
  [],
  [{ containerPort: 9010 }],
  [{ containerPort: 9011, name: 'svidecar-health' }],
  [{ containerPort: 8080, name: 'svidecar-health' }],
  [{ containerPort: 8080, name: 'inbound-8443' }],
);
const securityContext = some({
  runAsUser: fc.constantFrom(0, 1000),
  runAsNonRoot: fc.boolean(),
  privileged: fc.constant(true),
  capabilities: fc.constantFrom<JsonObject>({ add: ['SYS_ADMIN'] }, { drop: ['ALL'] }),
  seccompProfile: fc.constantFrom<JsonObject>({ type: 'Unconfined' }),
});

function container(name: string, image: string | undefined): Gen {
  const parts = {
    volumeMounts: mounts,
    ports,
    resources,
    env: fc.constantFrom<Json>([{ name: 'SPIFFE_ENDPOINT_SOCKET', value: 'unix:///own' }], []),
    livenessProbe: handler,
    ...(image === undefined ? { securityContext } : {}),
  };
  return some(parts).map((made): JsonObject => ({
    name,
    ...(image === undefined ? {} : { image }),
    ...made,
    // Without a handler it is no probe, but for the overlay's, which ours completes.
    ...(image !== undefined && isEmpty(made['livenessProbe']) ? { livenessProbe: null } : {}),
  }));
}

function isEmpty(value: Json | undefined): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

const app = container('app', 'registry.test/app:1');
const overlay = container('auth-helper', undefined);
const envoy: JsonObject = {
  name: 'envoy',
  image: 'envoyproxy/envoy:v1.40.0',
  args: ['-c', '/etc/envoy/envoy.yaml'],
  volumeMounts: [{ name: 'envoy-config', mountPath: '/etc/envoy' }],
};

const os = fc.constantFrom<JsonObject>(
  {},
  {},
  {},
  { os: { name: 'linux' } },
  { os: { name: 'windows' } },
  { nodeSelector: { 'kubernetes.io/os': 'windows' } },
);

const annotations = fc
  .record({
    templates: fc.constantFrom(
      'jwt-validate',
      'spire',
      'jwt-validate, spire',
      'envoy',
      'envoy, jwt-validate',
    ),
    more: some({
      'svidecar.dev/native-sidecar': fc.constantFrom('true', 'false'),
      'svidecar.dev/socket': fc.constantFrom('csi', 'hostPath'),
      'svidecar.dev/cpu-request': fc.constantFrom('1m', '150m'),
      'svidecar.dev/memory-limit': fc.constantFrom('64Mi', '256Mi'),
      'svidecar.dev/data-path': fc.constantFrom('native', 'ext-authz'),
    }),
  })
  .map(({ templates, more }): JsonObject => ({
    ...more,
    ...(templates.includes('envoy') ? { 'svidecar.dev/inbound': '8443=8080' } : {}),
    'inject.svidecar.dev/templates': templates,
  }));

interface Parts {
  /** Of the pod's own. */
  readonly hasEnvoy: boolean;
  readonly app: JsonObject;
  readonly overlay: JsonObject;
  readonly overlayAt: string;
  readonly volumes: readonly JsonObject[];
  readonly spec: JsonObject;
  readonly os: JsonObject;
}

function specOf({
  hasEnvoy,
  app: own,
  overlay: helper,
  overlayAt,
  volumes,
  spec,
  os: system,
}: Parts): JsonObject {
  const native = overlayAt === 'initContainers';
  const [readOnly, ...others] = volumeNames.map((name, index): JsonObject => ({
    name,
    ...volumes[index],
  }));
  return {
    ...spec,
    ...system,
    ...(native ? { initContainers: [helper] } : {}),
    containers: [
      own,
      ...(hasEnvoy ? [envoy] : []),
      ...(overlayAt === 'containers' ? [helper] : []),
    ],
    volumes: [
      ...[readOnly, ...others].filter((volume) => volume !== undefined),
      { name: 'envoy-config', configMap: { name: 'envoy' } },
    ],
  };
}

const withHelper = { 'inject.svidecar.dev/templates': 'jwt-validate' };

/** One in three has an own part of the helper. */
export const validPod: Gen = fc
  .record({
    annotations,
    parts: fc.record({
      app,
      overlay,
      overlayAt: fc.constantFrom('none', 'none', 'none', 'none', 'containers', 'initContainers'),
      volumes: fc.tuple(sources, sources, sources, sources),
      spec: some({
        resources: fc.oneof(fc.constant({}), resources),
        restartPolicy: fc.constantFrom('Always', 'Never', 'OnFailure'),
        shareProcessNamespace: fc.boolean(),
        hostUsers: fc.constant(false),
        automountServiceAccountToken: fc.constant(false),
        securityContext: some({ runAsUser: fc.constantFrom(0, 1000), runAsNonRoot: fc.boolean() }),
      }),
      os,
    }),
  })
  .map(({ annotations: asked, parts }): JsonObject => {
    // Only with the helper is there something to complete.
    const { 'svidecar.dev/inbound': inbound, ...others } = asked;
    const isAsked = parts.overlayAt === 'none';
    const annotated = isAsked ? asked : { ...others, ...withHelper };
    const bringsEnvoy = isAsked && inbound !== undefined;
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'injected', namespace: 'plain', annotations: annotated },
      spec: specOf({ ...parts, hasEnvoy: !bringsEnvoy }),
    };
  });
