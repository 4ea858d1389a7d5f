/** Names and numbers that the helper, the templates and registration entries agree on. */

/** Container name; the registration selector `k8s:container-name:auth-helper` depends on it. */
export const helperContainer = 'auth-helper';
/** TCP port of the ext_authz gRPC service, on loopback. */
export const helperPort = 9010;
/** TCP port of health and metrics; on all addresses of the pod, since the kubelet asks from outside it. */
export const healthPort = 9011;
/** gRPC metadata key by which an Envoy filter says which rule it belongs to. */
export const ruleMetadataKey = 'svidecar-rule';
/** Where the helper's ConfigMap is mounted, and the file in it. */
export const settingsDirectory = '/etc/svidecar';
export const settingsFile = 'helper.yaml';
/** Per-route `context_extensions` keys. Inject: this route's audience. Validate: its audiences, comma-separated. */
export const routeAudienceKey = 'svidecar-audience';
/** `"true"`: the rule does nothing on this route; what a client must not send is still taken away. */
export const routeSkipKey = 'svidecar-skip';
