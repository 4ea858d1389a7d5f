/** Keys and names that people, manifests and the other folders rely on. */

/** Opt-in, on the pod template: comma-separated template names. */
export const templatesKey = 'inject.svidecar.dev/templates';
/** Opt-out, on the pod template: "false". */
export const injectKey = 'svidecar.dev/inject';
/** What was done, and all that is needed to undo it. */
export const statusKey = 'svidecar.dev/status';
/** Label on every injected pod template and pod; value "true". */
export const injectedLabel = 'svidecar.dev/injected';
/** Label on pod templates by which spire-controller-manager selects pods: which trust domains they federate with. */
export const federationLabel = 'svidecar.dev/federation';
/** Label on pod templates by which Istio selects the pods that an EnvoyFilter of ours is for; value: its name. */
export const envoyFilterLabel = 'svidecar.dev/envoy-filter';
/** Label on pod templates by which spire-controller-manager selects those with an Envoy of a template; value "true". */
export const envoyLabel = 'svidecar.dev/envoy';
/** Namespace label: `enabled` or `pod`. */
export const namespaceLabel = 'svidecar.dev/injection';
/** Label of a namespace or a pod template: which of several installations injects there. */
export const revisionLabel = 'svidecar.dev/revision';
/** A key with one of these prefixes is ours; one we do not know is refused. */
const keyPrefixes = ['svidecar.dev/', 'inject.svidecar.dev/'] as const;

/** The annotations that carry settings, without their prefix `svidecar.dev/`. */
export const settingKeys = [
  'access-log',
  'allow-callers',
  'audience',
  'audience-by-host',
  'authorization',
  'ban-claims',
  'ban-hosts',
  'ban-store',
  'ban-token',
  'caller-header',
  'caller-metadata',
  'cpu-limit',
  'cpu-request',
  'data-path',
  'envoy-config',
  'envoy-container',
  'federates-with',
  'forward-token',
  'image',
  'inbound',
  'inject-audience',
  'inject-listeners',
  'log-level',
  'memory-limit',
  'memory-request',
  'native-sidecar',
  'skip-paths',
  'socket',
  'spiffe-id',
  'trust-domain',
  'upstreams',
  'validate-audience',
  'validate-before',
  'validate-listeners',
] as const;
export type SettingKey = (typeof settingKeys)[number];

/** The annotation key of a setting, as people write it. */
export function annotationKey(setting: SettingKey): string {
  return `svidecar.dev/${setting}`;
}

export function isOurs(key: string): boolean {
  return keyPrefixes.some((prefix) => key.startsWith(prefix));
}
