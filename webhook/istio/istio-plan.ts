/** An Envoy that istiod configures: what of it a plan keeps, and the names that Istio and we agree on. */

/** Of the proxies that take an EnvoyFilter's patches: beside an app, or as a gateway. */
export const istioRoles = ['sidecar', 'gateway'] as const;
export type IstioRole = (typeof istioRoles)[number];

/** Beside the templates and values of an Envoy plan. */
export interface IstioPlan {
  readonly role: IstioRole;
}

/** Name of Istio's container, as its injector writes it. */
export const istioContainer = 'istio-proxy';

/** The objects by which istiod is told what else goes into Envoy's configuration. */
export const envoyFilterKind = Object.freeze({
  apiVersion: 'networking.istio.io/v1alpha3',
  kind: 'EnvoyFilter',
  group: 'networking.istio.io',
  version: 'v1alpha3',
  resource: 'envoyfilters',
  crd: 'envoyfilters.networking.istio.io',
});

/** Key of the derived ConfigMap that holds the EnvoyFilter as YAML. */
export const envoyFilterFile = 'envoy-filter.yaml';
/** Where the helper's container has that ConfigMap mounted: nobody reads it, but the kubelet waits for it. */
export const envoyFilterDirectory = '/etc/svidecar-envoy-filter';

/** Whether an EnvoyFilter could be ours by its name: `istio-svidecar-<hash>`. */
export function isEnvoyFilterName(name: string): boolean {
  return /^istio-svidecar-[0-9a-f]{32}$/.test(name);
}
