/** Pods as svidecar leaves them, cut to what the guard reads. */
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { app, asks } from './guarded-cluster.ts';

export const hash = '0123456789abcdef0123456789abcdef';
/** As svidecar writes it, cut to what the guard reads. */
export function status(templates: readonly string[], more: JsonObject = {}): string {
  return JSON.stringify({
    version: '0.1.0',
    templates,
    ...more,
    helper: { configMap: `svidecar-${hash}`, settings: '' },
    envoy: { source: 'e', derived: `e-svidecar-${hash}`, file: 'envoy.yaml' },
    undo: {},
  });
}

export const settings = { name: 'settings', configMap: { name: `svidecar-${hash}` } };
export const envoy = { name: 'envoy', configMap: { name: `e-svidecar-${hash}` } };
export const mounts = { volumeMounts: [{ name: 'settings', mountPath: '/etc/svidecar' }] };
export const helper = { name: 'auth-helper', image: 'helper:1', ...mounts };
export const native = { ...helper, restartPolicy: 'Always' };

export const proxy = {
  name: 'istio-proxy',
  image: 'p:1',
  volumeMounts: [
    { name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds', readOnly: true },
  ],
};
export const csi = { name: 'workload-socket', csi: { driver: 'csi.spiffe.io', readOnly: true } };
export const node = { name: 'workload-socket', hostPath: { path: '/run/spire/agent-sockets' } };

/** Of a pod whose Envoy istiod configures. */
const filter = `istio-svidecar-${hash}`;
const istioStatus = status(['jwt-inject'])
  .replace(`"derived":"e-svidecar-${hash}"`, `"derived":"${filter}"`)
  .replace('"file"', '"istio":{"role":"sidecar"},"file"');
export const istioPod = {
  ...asks('jwt-inject'),
  'svidecar.dev/status': istioStatus,
};
const filterVolume = { name: 'filter', configMap: { name: filter } };
export const waiting = {
  ...native,
  volumeMounts: [...mounts.volumeMounts, { name: 'filter', mountPath: '/etc/filter' }],
};
const nativeProxy = {
  name: 'istio-proxy',
  image: 'proxy:1',
  args: ['proxy', 'sidecar'],
  restartPolicy: 'Always',
};
export const ofIstio = {
  initContainers: [waiting, nativeProxy],
  containers: [app],
  volumes: [settings, filterVolume],
};
export const labelled = { 'svidecar.dev/envoy-filter': filter };

export function withLabels(pod: JsonObject, labels: JsonObject): JsonObject {
  return { ...pod, metadata: { ...objectAt(pod, 'metadata'), labels } };
}

/** With a helper, and nothing in Envoy's configuration. */
export const byIstio = {
  ...asks('istio-validate'),
  'svidecar.dev/status': JSON.stringify({
    version: '0.1.0',
    templates: ['istio-validate'],
    helper: { configMap: `svidecar-${hash}`, settings: '' },
    undo: {},
  }),
};
export const askedByIstio = { initContainers: [native], volumes: [settings, csi] };

/** What is wrong with a pod that needs an EnvoyFilter, its labels, what it has, and what the guard says. */
export const refusedOfIstio: readonly (readonly [string, JsonObject, JsonObject, string])[] = [
  ['has no label', {}, ofIstio, 'would not get the EnvoyFilter'],
  [
    'has the label of another',
    { 'svidecar.dev/envoy-filter': filter.replace('0', '1') },
    ofIstio,
    'would not get the EnvoyFilter',
  ],
  [
    'has a helper that does not wait for it',
    labelled,
    { ...ofIstio, initContainers: [native, nativeProxy] },
    'would not get the EnvoyFilter',
  ],
  [
    'has a helper that starts without it',
    labelled,
    {
      ...ofIstio,
      volumes: [settings, { ...filterVolume, configMap: { name: filter, optional: true } }],
    },
    'would not get the EnvoyFilter',
  ],
  [
    'has no istio-proxy',
    labelled,
    { ...ofIstio, initContainers: [waiting] },
    'has no container istio-proxy',
  ],
  [
    'has an istio-proxy that ends',
    labelled,
    { ...ofIstio, initContainers: [waiting, { name: 'istio-proxy', image: 'proxy:1' }] },
    'has no container istio-proxy',
  ],
  [
    'has a gateway for istio-proxy, and filters of a sidecar',
    labelled,
    { ...ofIstio, initContainers: [waiting, { ...nativeProxy, args: ['proxy', 'router'] }] },
    'made for a sidecar and its istio-proxy is a gateway',
  ],
  [
    'has no helper',
    labelled,
    { ...ofIstio, initContainers: [nativeProxy] },
    'has no container auth-helper',
  ],
];
