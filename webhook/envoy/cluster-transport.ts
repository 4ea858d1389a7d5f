/** How requests to a cluster travel, and to which addresses. */
import { type Json, type JsonObject, isArray } from '#kernel/json.ts';
import { type TypedMessage, anyField } from './any-config.ts';
import { type KnownCluster, isLocal } from './clusters.ts';
import {
  type Placed,
  fieldOf,
  messageOf,
  placedField,
  repeatedOf,
  textOf,
  textsOf,
} from './proto-field.ts';
import { isOn, isOneOf, isSet, numberOf } from './proto-scalar.ts';

const sockets = 'envoy.extensions.transport_sockets.';
const encrypting: ReadonlySet<string> = new Set([
  `${sockets}tls.v3.UpstreamTlsContext`,
  `${sockets}quic.v3.QuicUpstreamTransport`,
  `${sockets}alts.v3.Alts`,
]);
/** Connects to a proxy of its own, or of the endpoint's metadata, in place of the endpoint. */
const proxyType = `${sockets}http_11_proxy.v3.Http11ProxyUpstreamTransport`;
const tapType = `${sockets}tap.v3.Tap`;
/** Sockets around another one, which is in their field `transport_socket`. */
const wrapping: ReadonlySet<string> = new Set([
  proxyType,
  `${sockets}internal_upstream.v3.InternalUpstreamTransport`,
  `${sockets}proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
  tapType,
  `${sockets}tcp_stats.v3.Config`,
]);

/** Why a token is not safe on the way to a cluster, as a clause; undefined where it is, or never leaves the pod. */
export function unsafeBecause({
  message,
  validations,
}: Pick<KnownCluster, 'message' | 'validations'>): string | undefined {
  const sockets = socketsOf({ message, path: '' });
  if (isLocal(message) && !sockets.some((socket) => layersOf(socket).includes(proxyType)))
    return undefined;
  if (!sockets.every(isTls)) {
    return 'which has no TLS transport_socket for each of its endpoints: anyone on the path can read the token and use it';
  }
  if (sockets.every((socket) => isVerified(socket, validations))) return undefined;
  return 'whose TLS does not verify who answers (it needs a validation context with trusted_ca or from SDS, and no ACCEPT_UNTRUSTED): whoever answers in its place gets the token and can use it';
}

/** Whether a socket records everything that is sent, before it is encrypted. */
export function isTapped({ message }: { readonly message: JsonObject }): boolean {
  return socketsOf({ message, path: '' }).some((socket) => layersOf(socket).includes(tapType));
}

/** Types of a socket and of those inside it. */
function layersOf(socket: Placed | undefined): readonly string[] {
  const config = socket === undefined ? undefined : anyField(socket, 'typed_config');
  if (config?.type === undefined) return [];
  const inner = wrapping.has(config.type) ? placedField(config, 'transport_socket') : undefined;
  return [config.type, ...layersOf(inner)];
}

/** All sockets that an endpoint can be given; undefined stands for the plain one. */
function socketsOf(cluster: Placed): readonly (Placed | undefined)[] {
  const matches = repeatedOf(cluster, 'transport_socket_matches');
  const fallback = placedField(cluster, 'transport_socket');
  const all = matches.map((match) => placedField(match, 'transport_socket'));
  // One without criteria is for all endpoints not matched by those before it.
  const last = matches.findIndex(({ message }) => isEmpty(messageOf(message, 'match')));
  const isChosen = isSet(cluster.message, 'transport_socket_matcher');
  return last === -1 || isChosen ? [...all, fallback] : all.slice(0, last + 1);
}

function isEmpty(message: JsonObject): boolean {
  return Object.keys(message).length === 0;
}

function isTls(socket: Placed | undefined): boolean {
  if (socket === undefined) return false;
  const config = anyField(socket, 'typed_config');
  if (config?.type === undefined) {
    return textOf(socket.message, 'name') === 'envoy.transport_sockets.tls';
  }
  if (encrypting.has(config.type)) return true;
  return wrapping.has(config.type) && isTls(placedField(config, 'transport_socket'));
}

/** Whether a TLS socket verifies its peer. */
function isVerified(socket: Placed | undefined, validations: KnownCluster['validations']): boolean {
  const config = socket === undefined ? undefined : anyField(socket, 'typed_config');
  if (config?.type === undefined) return false;
  if (wrapping.has(config.type))
    return isVerified(placedField(config, 'transport_socket'), validations);
  if (config.type === `${sockets}alts.v3.Alts`) return true;
  const isQuic = config.type === `${sockets}quic.v3.QuicUpstreamTransport`;
  const tls = isQuic ? messageOf(config.message, 'upstream_tls_context') : config.message;
  const common = messageOf(tls, 'common_tls_context');
  const combined = messageOf(common, 'combined_validation_context');
  const byName = [common, combined]
    .map((one) => messageOf(one, 'validation_context_sds_secret_config'))
    .filter((one) => isSet(one, 'name'));
  // Without a source the secret is one of the main file.
  const fixed = byName.filter((one) => !isSet(one, 'sds_config'));
  const contexts = [
    messageOf(common, 'validation_context'),
    messageOf(combined, 'default_validation_context'),
    ...fixed.map((one) => validations.get(textOf(one, 'name') ?? '') ?? {}),
  ];
  if (contexts.some((one) => isOneOf(one, 'trust_chain_verification', acceptsAll))) return false;
  const isFromElsewhere =
    byName.length > fixed.length ||
    [common, combined].some((one) => fromElsewhere.some((field) => isSet(one, field)));
  return isFromElsewhere || contexts.some(verifies);
}

function verifies(context: JsonObject): boolean {
  const own = placedField({ message: context, path: '' }, 'custom_validator_config');
  const isKnown = own !== undefined && anyField(own, 'typed_config')?.type === spiffeValidator;
  return isKnown || verifying.some((field) => !isEmptyValue(fieldOf(context, field)));
}

function isEmptyValue(value: Json | undefined): boolean {
  return value === undefined || value === '' || (isArray(value) && value.length === 0);
}

const spiffeValidator = `${sockets}tls.v3.SPIFFECertValidatorConfig`;

/** Of CertificateValidationContext.TrustChainVerification. */
const acceptsAll = [{ name: 'ACCEPT_UNTRUSTED', number: 1 }];
/** Validation contexts that come from a provider. */
const fromElsewhere = [
  'validation_context_certificate_provider',
  'validation_context_certificate_provider_instance',
] as const;
/** What a validation context verifies a certificate with. */
const verifying = [
  'trusted_ca',
  'ca_certificate_provider_instance',
  'system_root_certs',
  'verify_certificate_spki',
  'verify_certificate_hash',
] as const;

/** Addresses of the endpoints that a cluster names itself. */
export function addressesOf(cluster: JsonObject): readonly JsonObject[] {
  return repeatedOf({ message: messageOf(cluster, 'load_assignment'), path: '' }, 'endpoints')
    .flatMap((locality) => repeatedOf(locality, 'lb_endpoints'))
    .map(({ message }) => messageOf(messageOf(message, 'endpoint'), 'address'));
}

/** Ports of these; a pipe has none. */
export function portsIn(cluster: JsonObject): readonly number[] {
  return addressesOf(cluster)
    .map((address) => numberOf(messageOf(address, 'socket_address'), 'port_value') ?? 0)
    .filter((port) => port > 0);
}

const clusterTypes = 'envoy.extensions.clusters.';

/** `cluster_type`: the type of a cluster that is not of a built-in one. */
function extensionOf(cluster: Placed): TypedMessage | undefined {
  const outer = placedField(cluster, 'cluster_type');
  return outer === undefined ? undefined : anyField(outer, 'typed_config');
}

/** How the clusters that a cluster is made of are listed, by its type. */
const memberLists: ReadonlyMap<string, (config: Placed) => readonly string[]> = new Map([
  [`${clusterTypes}aggregate.v3.ClusterConfig`, (config) => textsOf(config, 'clusters')],
  [
    `${clusterTypes}composite.v3.ClusterConfig`,
    (config) =>
      repeatedOf(config, 'clusters').flatMap(({ message }) => textOf(message, 'name') ?? []),
  ],
  [
    `${clusterTypes}mcp_multicluster.v3.ClusterConfig`,
    (config) =>
      repeatedOf(config, 'servers').flatMap(
        ({ message }) => textOf(messageOf(message, 'mcp_cluster'), 'cluster') ?? [],
      ),
  ],
]);

/** Clusters that a cluster is made of; undefined for any other. */
export function membersOfCluster(cluster: Placed): readonly string[] | undefined {
  const config = extensionOf(cluster);
  return config === undefined ? undefined : memberLists.get(config.type ?? '')?.(config);
}

/** Where a cluster that is an extension takes its endpoints from; all sources, where there are several. */
const choosers: readonly (readonly [string, (cluster: Placed) => string])[] = [
  ['dynamic_forward_proxy.', () => 'the host of each request, or what a filter sets in its place'],
  ['dynamic_modules.', () => 'a module'],
  ['original_dst.', addressChooser],
];

/** Of envoy.config.cluster.v3.Cluster.DiscoveryType. */
const originalDestination = [{ name: 'ORIGINAL_DST', number: 4 }];

/** Why a cluster's endpoints are chosen by each request; undefined where they are not. */
export function chosenByRequest(cluster: Placed): string | undefined {
  const isOriginal = isOneOf(cluster.message, 'type', originalDestination);
  const type = isOriginal ? `${clusterTypes}original_dst.` : (extensionOf(cluster)?.type ?? '');
  return choosers.find(([name]) => type.startsWith(clusterTypes + name))?.[1](cluster);
}

function addressChooser(cluster: Placed): string {
  const settings = messageOf(cluster.message, 'original_dst_lb_config');
  if (!isOn(settings, 'use_http_header')) {
    return 'the address that the client connected to';
  }
  const header = textOf(settings, 'http_header_name') ?? '';
  const name = header === '' ? 'x-envoy-original-dst-host' : header;
  return `the header "${name}" of each request (use_http_header), or the address that the client connected to`;
}
