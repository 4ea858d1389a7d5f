/** Whether a cluster leads to one port of the pod alone, judged field by field: an unknown field counts as a hole. */
import { escapeToken } from '../editing/operation.ts';
import { anyField } from './any-config.ts';
import { type KnownCluster, fixedTypes, isLoopback } from './clusters.ts';
import {
  type Placed,
  fieldKey,
  placedField,
  repeatedOf,
  strangeKey,
  textOf,
} from './proto-field.ts';
import { isOneOf, isSet, numberOf } from './proto-scalar.ts';

/** A field that can send requests, or let them be answered, somewhere else. */
export interface Hole {
  readonly path: string;
  readonly field: string;
}

/** Fields by which requests go nowhere else, and which are not judged one by one. */
const harmless = {
  cluster: new Set([
    'name',
    'alt_stat_name',
    'observability_name',
    'connect_timeout',
    'metadata',
    'per_connection_buffer_limit_bytes',
    'max_requests_per_connection',
    'circuit_breakers',
    'health_checks',
    'outlier_detection',
    'preconnect_policy',
    'wait_for_warm_on_init',
    'upstream_http_protocol_options',
    'common_http_protocol_options',
    'http_protocol_options',
    'http2_protocol_options',
    'protocol_selection',
    'upstream_connection_options',
    'dns_refresh_rate',
    'dns_failure_refresh_rate',
    'dns_jitter',
    'respect_dns_ttl',
    'dns_lookup_family',
    'use_tcp_for_dns_lookups',
    'cleanup_interval',
    'lb_policy',
    'common_lb_config',
    'lb_subset_config',
    'ring_hash_lb_config',
    'maglev_lb_config',
    'least_request_lb_config',
    'round_robin_lb_config',
    'lrs_server',
    'close_connections_on_host_health_failure',
    'ignore_health_on_host_removal',
    'track_timeout_budgets',
    'track_cluster_stats',
    'lrs_report_endpoint_metrics',
    'connection_pool_per_downstream_connection',
    'per_connection_buffer_high_watermark_timeout',
    // Judged below.
    'type',
    'cluster_type',
    'load_assignment',
    'transport_socket',
    'typed_extension_protocol_options',
  ]),
  protocolOptions: new Set([
    '@type',
    'explicit_http_config',
    'use_downstream_protocol_config',
    'outlier_detection',
    'common_http_protocol_options',
    'upstream_http_protocol_options',
  ]),
  assignment: new Set(['cluster_name', 'policy', 'endpoints']),
  locality: new Set([
    'locality',
    'load_balancing_weight',
    'priority',
    'proximity',
    'metadata',
    'lb_endpoints',
  ]),
  lbEndpoint: new Set(['health_status', 'metadata', 'load_balancing_weight', 'endpoint']),
  endpoint: new Set(['hostname', 'health_check_config', 'address']),
  address: new Set(['socket_address']),
  socket: new Set(['protocol', 'ipv4_compat', 'address', 'port_value']),
} as const;

const optionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const plainType = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
/** The first field by which a cluster can lead elsewhere than to a port of the pod; undefined when there is none. */
export function findHole(cluster: KnownCluster, port: number): Hole | undefined {
  return (
    unknownIn(cluster, harmless.cluster) ??
    typeHole(cluster) ??
    socketHole(cluster) ??
    optionsHole(cluster) ??
    assignmentHole(cluster, port)
  );
}

/** @param known names of fields, as in the proto */
function unknownIn({ message, path }: Placed, known: ReadonlySet<string>): Hole | undefined {
  const field = strangeKey(message, known);
  return field === undefined ? undefined : { path: `${path}/${escapeToken(field)}`, field };
}

function holeAt({ message, path }: Placed, field: string): Hole {
  const key = fieldKey(message, field);
  return { path: Object.hasOwn(message, key) ? `${path}/${key}` : path, field };
}

function typeHole(cluster: Placed): Hole | undefined {
  const isFixed = !isSet(cluster.message, 'type') || isOneOf(cluster.message, 'type', fixedTypes);
  if (!isFixed) return holeAt(cluster, 'type');
  return isSet(cluster.message, 'cluster_type') ? holeAt(cluster, 'cluster_type') : undefined;
}

/** The helper speaks plain text, and any other socket can lead the connection elsewhere. */
function socketHole(cluster: Placed): Hole | undefined {
  if (!isSet(cluster.message, 'transport_socket')) return undefined;
  const socket = placedField(cluster, 'transport_socket');
  const config = socket === undefined ? undefined : anyField(socket, 'typed_config');
  return config?.type === plainType ? undefined : holeAt(cluster, 'transport_socket');
}

/** HTTP options can add filters that answer, or mirror, requests. */
function optionsHole(cluster: Placed): Hole | undefined {
  const options = placedField(cluster, 'typed_extension_protocol_options');
  if (options === undefined) return undefined;
  const other = Object.keys(options.message).find((key) => key !== optionsName);
  if (other !== undefined) return { path: `${options.path}/${escapeToken(other)}`, field: other };
  const http = anyField(options, optionsName);
  return http === undefined ? undefined : unknownIn(http, harmless.protocolOptions);
}

function assignmentHole(cluster: Placed, port: number): Hole | undefined {
  const assignment = placedField(cluster, 'load_assignment');
  if (assignment === undefined) return holeAt(cluster, 'load_assignment');
  const localities = repeatedOf(assignment, 'endpoints');
  const endpoints = localities.flatMap((one) => repeatedOf(one, 'lb_endpoints'));
  if (endpoints.length === 0) return holeAt(cluster, 'load_assignment');
  return (
    unknownIn(assignment, harmless.assignment) ??
    firstHole(localities, (one) => unknownIn(one, harmless.locality)) ??
    firstHole(endpoints, (one) => endpointHole(one, port))
  );
}

function endpointHole(outer: Placed, port: number): Hole | undefined {
  const endpoint = placedField(outer, 'endpoint');
  if (endpoint === undefined) return { path: outer.path, field: 'endpoint' };
  const address = placedField(endpoint, 'address');
  if (address === undefined) return { path: endpoint.path, field: 'address' };
  return (
    unknownIn(outer, harmless.lbEndpoint) ??
    unknownIn(endpoint, harmless.endpoint) ??
    unknownIn(address, harmless.address) ??
    addressHole(address, port)
  );
}

function addressHole(address: Placed, port: number): Hole | undefined {
  const socket = placedField(address, 'socket_address');
  if (socket === undefined) return { path: address.path, field: 'address' };
  const isThere =
    isLoopback(textOf(socket.message, 'address') ?? '') &&
    numberOf(socket.message, 'port_value') === port;
  if (!isThere) return { path: socket.path, field: 'socket_address' };
  return unknownIn(socket, harmless.socket);
}

function firstHole(
  places: readonly Placed[],
  look: (one: Placed) => Hole | undefined,
): Hole | undefined {
  for (const place of places) {
    const hole = look(place);
    if (hole !== undefined) return hole;
  }
  return undefined;
}
