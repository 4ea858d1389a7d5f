/** Workloads and what surrounds them as users get them wrong, for tests of the checks. */
import type { JsonObject } from '#kernel/json.ts';
import { injected } from './admission.ts';
import { enabled, namespace, type Objects } from './check-facts.ts';
import { engineFor } from './engine.ts';
import { helperChanged } from './helper-changed.ts';
import { proxiedRows } from './proxied-mistakes.ts';
import {
  changed,
  configMap,
  envoySource,
  envoyText,
  mistakesOf,
  socketless,
  validated,
  type Mistake,
  type Row,
} from './workload-parts.ts';
import { appAlone, appWithEnvoy, deployment, injectBackend, pod } from './workloads.ts';

const socketOnly = { 'inject.svidecar.dev/templates': 'spiffe-socket' };
/** A good shop: one Deployment that asks for everything, as it was applied. */
export const healthy: Objects = {
  namespaces: [namespace('shop', enabled)],
  configMaps: [envoySource],
  workloads: [injected(deployment(injectBackend))],
};

export function withImage(image: string): JsonObject {
  const [app, envoy] = appWithEnvoy['containers'] as readonly JsonObject[];
  return changed({ containers: [app ?? {}, { ...envoy, image }] });
}
const [ownApp, ownEnvoy] = appWithEnvoy['containers'] as readonly [JsonObject, JsonObject];
const besideNativeEnvoy = deployment(
  { ...injectBackend, 'svidecar.dev/native-sidecar': 'false' },
  {
    ...appWithEnvoy,
    containers: [ownApp],
    initContainers: [{ ...ownEnvoy, restartPolicy: 'Always' }],
  },
);
export function namespaced(kind: string, name: string, spec: JsonObject): JsonObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop' }, spec };
}
export const onMetadata: JsonObject = {
  ...deployment({}),
  metadata: { name: 'frontend', namespace: 'shop', annotations: injectBackend },
};
/** Fields of a pod template, applied. */
function applied(manager: string, spec: JsonObject, operation = 'Apply'): JsonObject {
  return { manager, operation, fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': spec } } } };
}
const appField = { 'f:containers': { 'k:{"name":"app"}': { '.': {}, 'f:image': {} } } };
const helperField = { 'f:volumes': { 'k:{"name":"svidecar-settings"}': { '.': {} } } };
function managedBy(...managedFields: readonly JsonObject[]): JsonObject {
  const object = injected(deployment(injectBackend));
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), managedFields } };
}
export const oneManager = managedBy(applied('a', appField), applied('c', appField, 'Update'));
const asLabel: JsonObject = {
  ...deployment({}),
  metadata: {
    name: 'frontend',
    namespace: 'shop',
    labels: { 'inject.svidecar.dev/templates': 'jwt-inject' },
  },
};
export const hpa = namespaced('HorizontalPodAutoscaler', 'scale', {
  scaleTargetRef: { kind: 'Deployment', name: 'frontend' },
  metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }],
});
export const quota = namespaced('ResourceQuota', 'compute', {
  hard: { 'limits.memory': '4Gi', pods: '9' },
});
export const limited: JsonObject = {
  ...deployment(socketOnly, {
    containers: [{ name: 'app', image: 'a:1', resources: { limits: { memory: '1Gi', cpu: 1 } } }],
  }),
};
export const argo: JsonObject = {
  ...deployment(injectBackend),
  metadata: {
    name: 'frontend',
    namespace: 'shop',
    annotations: { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:shop/frontend' },
  },
};
const flux: JsonObject = {
  ...deployment(injectBackend),
  metadata: {
    name: 'frontend',
    namespace: 'shop',
    managedFields: [{ manager: 'kustomize-controller' }],
  },
};
export const restricted = { ...enabled, 'pod-security.kubernetes.io/enforce': 'restricted' };

/** Each finding as a cluster has it; its absence is the healthy shop, or the row after it. */
const rows: readonly Row[] = [
  [
    'annotations_valid',
    'a value that is not allowed',
    { workloads: [deployment({ ...injectBackend, 'svidecar.dev/socket': 'pipe' })] },
    'error',
    'write one of csi, hostPath [ANNOTATION_INVALID]',
  ],
  [
    'annotations_valid',
    'a key that is unknown',
    { workloads: [deployment({ ...injectBackend, 'svidecar.dev/audiense': 'x' })] },
    'error',
    'did you mean svidecar.dev/audience? [ANNOTATION_UNKNOWN]',
  ],
  [
    'annotations_valid',
    'a template that is unknown',
    { workloads: [deployment({ 'inject.svidecar.dev/templates': 'jwt' })] },
    'error',
    '[TEMPLATE_UNKNOWN]',
  ],
  [
    'annotations_valid',
    'settings without templates',
    { workloads: [deployment({ 'svidecar.dev/audience': 'x' })] },
    'warning',
    'has no effect without inject.svidecar.dev/templates',
  ],
  [
    'annotations_valid',
    'an ordinary helper beside an Envoy that is a native sidecar',
    { workloads: [besideNativeEnvoy] },
    'warning',
    "Envoy's last requests find no helper",
  ],
  [
    'annotation_placement',
    'annotations on the Deployment',
    { workloads: [onMetadata] },
    'error',
    'move it to spec.template.metadata.annotations',
  ],
  [
    'annotation_placement',
    'a label in place of the annotation',
    { workloads: [asLabel] },
    'error',
    'make it an annotation',
  ],
  [
    'annotation_placement',
    'a key that is nearly ours',
    { workloads: [deployment({ 'inject.svidecar.io/templates': 'jwt-inject' })] },
    'error',
    'did you mean the annotation inject.svidecar.dev/templates?',
  ],
  [
    'injection_possible',
    "a container of the user's own under our name",
    {
      workloads: [
        deployment(
          injectBackend,
          changed({
            containers: [
              ...(appWithEnvoy['containers'] as JsonObject[]),
              { name: 'auth-helper', image: 'mine:1' },
            ],
          }),
        ),
      ],
    },
    'error',
    '[CONTAINER_CONFLICT]',
  ],
  [
    'injection_possible',
    'a hostNetwork pod',
    { workloads: [deployment(injectBackend, changed({ hostNetwork: true }))] },
    'warning',
    'hostNetwork',
  ],
  [
    'envoy_configuration',
    'no Envoy container',
    { workloads: [deployment(injectBackend, appAlone)] },
    'error',
    '[ENVOY_CONTAINER_NOT_FOUND]',
  ],
  [
    'envoy_configuration',
    'a configuration that cannot be parsed',
    { configMaps: [configMap('frontend-envoy', { 'envoy.yaml': 'a: [1' })] },
    'warning',
    '[ENVOY_CONFIG_INVALID]',
  ],
  [
    'envoy_version',
    'an Envoy from before the v3 options',
    { workloads: [deployment(injectBackend, withImage('envoyproxy/envoy:v1.16.2'))] },
    'error',
    'runs Envoy 1.16',
  ],
  [
    'port_clash',
    "an app on the helper's port",
    {
      workloads: [
        deployment(
          socketless({ containerPort: 9010 }).annotations,
          socketless({ containerPort: 9010 }).spec,
        ),
      ],
    },
    'error',
    'declares port 9010',
  ],
  [
    'port_clash',
    "an Envoy on the helper's port",
    {
      configMaps: [
        configMap('frontend-envoy', {
          'envoy.yaml': `admin: {address: {socket_address: {address: 0.0.0.0, port_value: 9011}}}\n${envoyText}`,
        }),
      ],
    },
    'error',
    'the admin page uses port 9011',
  ],
  [
    'probes',
    'a probe through the check',
    validated(8443),
    'warning',
    'asks for /ready on port 8443',
  ],
  ['app_port', 'an app that answers the kubelet', validated(8080), 'warning', 'asks port 8080'],
  ...proxiedRows,
  [
    'autoscaling',
    'an autoscaler without the request it needs',
    { autoscalers: [hpa] },
    'warning',
    'cpu of "app"',
  ],
  ['gitops_drift', 'Argo CD, by its annotation', { workloads: [argo] }, 'warning', 'by Argo CD'],
  ['gitops_drift', 'Flux, by its field manager', { workloads: [flux] }, 'warning', 'by Flux'],
  [
    'field_managers',
    'two managers',
    { workloads: [managedBy(applied('a', appField), applied('b', appField))] },
    'warning',
    'applied by "a" and "b"',
  ],
  [
    'field_managers',
    'a manifest taken from the live object',
    { workloads: [managedBy(applied('a', { ...appField, ...helperField }))] },
    'warning',
    '"a" applies parts that svidecar injected (/spec/volumes/name=svidecar-settings)',
  ],
  [
    'namespace_label',
    'a namespace without label',
    { namespaces: [namespace('shop')] },
    'error',
    'namespace shop has no label',
  ],
  [
    'namespace_label',
    'a label that means nothing',
    { namespaces: [namespace('shop', { 'svidecar.dev/injection': 'true' })] },
    'error',
    '"true" means nothing',
  ],
  [
    'namespace_label',
    'what belongs on pod templates',
    { namespaces: [namespace('shop', { ...enabled, 'svidecar.dev/inject': 'true' })] },
    'error',
    'svidecar.dev/inject on a Namespace has no effect',
  ],
  [
    'namespace_label',
    'a label that is nearly ours',
    { namespaces: [namespace('shop', { 'svidecar.io/injection': 'enabled' })], workloads: [] },
    'error',
    'svidecar.io/injection on a Namespace has no effect',
  ],
  [
    'namespace_label',
    'a label on kube-system',
    { namespaces: [namespace('kube-system', enabled), namespace('shop', enabled)] },
    'warning',
    'never touched',
  ],
  [
    'pod_security',
    'a socket from the node where that is refused',
    {
      namespaces: [namespace('shop', restricted)],
      workloads: [deployment({ ...injectBackend, 'svidecar.dev/socket': 'hostPath' })],
    },
    'error',
    'Pod Security "restricted"',
  ],
  [
    'resource_limits',
    'a quota on limits that the app does not set',
    { quotas: [quota] },
    'error',
    'limits.memory of "app"',
  ],
  [
    'resource_limits',
    'a limit range below the helper',
    {
      limitRanges: [
        namespaced('LimitRange', 'small', {
          limits: [{ type: 'Container', max: { memory: '100Mi' } }],
        }),
      ],
    },
    'error',
    'above its maximum 100Mi',
  ],
  [
    'resource_limits',
    'a limit range above the helper',
    {
      limitRanges: [
        namespaced('LimitRange', 'big', { limits: [{ type: 'Container', min: { cpu: '50m' } }] }),
      ],
    },
    'error',
    'below its minimum 50m',
  ],
  [
    'helper_present',
    'a Deployment that was stored without',
    { workloads: [deployment(injectBackend)] },
    'warning',
    'stored without its injection',
  ],
  [
    'helper_present',
    'a pod that runs without',
    { pods: [pod(injectBackend)] },
    'error',
    'runs without it',
  ],
  [
    'helper_current',
    'a Deployment with older settings',
    {
      workloads: [
        injected(deployment(injectBackend), {
          engine: engineFor({ helper: { logLevel: 'debug' } }),
        }),
      ],
    },
    'warning',
    "other settings than today's",
  ],
  [
    'helper_current',
    "a Deployment whose helper's image somebody changed",
    { workloads: [helperChanged({ image: 'other:1' })] },
    'warning',
    'its container auth-helper was changed after svidecar added it (image), and stays so',
  ],
  [
    'helper_current',
    'a Deployment whose helper somebody gave more than svidecar knows',
    { workloads: [helperChanged({ tty: true, envFrom: [{ secretRef: { name: 'a' } }] })] },
    'warning',
    '(envFrom, tty)',
  ],
  [
    'helper_current',
    'a pod with older settings',
    {
      pods: [
        injected(pod(injectBackend), { engine: engineFor({ helper: { logLevel: 'debug' } }) }),
      ],
    },
    'warning',
    "other settings than today's",
  ],
  ['config_maps', "the helper's ConfigMap missing", {}, 'error', 'mounts ConfigMap svidecar-'],
  [
    'config_maps',
    'the source gone',
    { configMaps: [] },
    'error',
    'made from ConfigMap frontend-envoy, which is not there',
  ],
];

export const mistakes: readonly Mistake[] = mistakesOf(rows);
