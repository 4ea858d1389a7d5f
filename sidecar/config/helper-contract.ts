/** Names and numbers that the helper, the templates and registration entries agree on. */

/** Container name; the registration selector `k8s:container-name:auth-helper` depends on it. */
export const helperContainer = 'auth-helper';
/** TCP port of the ext_authz gRPC service, on loopback. */
export const helperPort = 9010;
/** TCP port of health and metrics; on all addresses of the pod, since the kubelet asks from outside it. */
export const healthPort = 9011;
/** Page on that port: for which audiences the helper has tokens, as whom and until when. Never a token. */
export const identitiesPath = '/identities';
/** All ports that the helper listens on: no other container of its pod can use them. */
export const helperPorts = [helperPort, healthPort] as const;
/** gRPC metadata key by which an Envoy filter says which rule it belongs to. */
export const ruleMetadataKey = 'svidecar-rule';
/** Where the helper's ConfigMap is mounted, and the file in it. */
export const settingsDirectory = '/etc/svidecar';
export const settingsFile = 'helper.yaml';
/** Where Envoy's `jwt_authn` leaves the claims of a verified token, whatever the filter is called in its list. */
export const payloadNamespace = 'envoy.filters.http.jwt_authn';
/** Where lists of bans are mounted. */
export const banDirectory = '/etc/svidecar-bans';
/** Where the keys of Secrets are mounted with which the helper gets into a store of bans. */
export const banSecretsDirectory = '/etc/svidecar-ban-secrets';
/** Per-route `context_extensions` keys. Inject: this route's audience. Validate: its audiences, comma-separated. */
export const routeAudienceKey = 'svidecar-audience';
/** `"true"`: the rule does nothing on this route; what a client must not send is still taken away. */
export const routeSkipKey = 'svidecar-skip';

/** Where the native data path's secrets begin. Envoy asks for them by SDS, and gets `Bearer <token>` as a generic secret. */
const secretPrefix = 'jwt-svid/';
const jwksPrefix = '/jwks/';

/**
 * SDS resource name of the JWT-SVID for an audience: `jwt-svid/<audience>`, and `?spiffe-id=<ID>` behind it where a rule
 * asks for one of several identities. Both are percent-encoded, so that no two pairs have the same name.
 */
export function secretName(audience: string, spiffeId?: string): string {
  const name = secretPrefix + percentEncode(audience);
  return spiffeId === undefined ? name : `${name}?spiffe-id=${percentEncode(spiffeId)}`;
}

/**
 * HTTP path of a trust domain's JWT keys. The set is never empty: Envoy takes an empty one, and any answer but 200, for a
 * failed fetch, and goes on with the keys it had. A domain without keys gets a key that nobody can sign with (ADR 0055).
 * @param trustDomain by name, such as `example.org`
 */
export function jwksPath(trustDomain: string): string {
  return jwksPrefix + trustDomain;
}

/** The trust domain that a path of {@link jwksPath} names; undefined for any other path. */
export function trustDomainOfJwksPath(path: string): string | undefined {
  return path.startsWith(jwksPrefix) ? path.slice(jwksPrefix.length) : undefined;
}

/** Half a surrogate pair has no UTF-8 form: it is replaced, as it is on its way to the agent. */
function percentEncode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Where bans are kept unless something else is said: a ConfigMap of the workload's namespace, and its key. */
export const usualBanList = Object.freeze({ configMap: 'svidecar-bans', key: 'bans.jsonl' });
