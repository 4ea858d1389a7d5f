/**
 * Requests that no route forwards when they reach a filter. Envoy's `ext_authz` does not ask about these: it
 * assumes that they go nowhere. Only a route that is certain counts: every other request is treated as having none.
 */
import { onceFor } from '#kernel/once.ts';
import type { Manager } from './listener.ts';
import type { PlacedIn } from './placed-in.ts';
import {
  type Placed,
  fieldOf,
  placedField,
  repeatedOf,
  strangeKey,
  textOf,
  textsOf,
} from './proto-field.ts';
import { isOneOf, isSet } from './proto-scalar.ts';
import type { RouteSource } from './route-sources.ts';

/** Why some requests have no route that forwards them, and where. */
export interface Unrouted extends PlacedIn {
  /** A clause: `no virtual host is for the domain "*"`. */
  readonly what: string;
}

/** Fields with which each request keeps its route. Any other field counts as an obstacle. */
const harmless = {
  configuration: new Set([
    '@type',
    'name',
    'virtual_hosts',
    'internal_only_headers',
    'request_mirror_policies',
    'metadata',
    'request_headers_to_add',
    'request_headers_to_remove',
    'typed_per_filter_config',
    'response_headers_to_add',
    'response_headers_to_remove',
    'validate_clusters',
    'most_specific_header_mutations_wins',
    'max_direct_response_body_size_bytes',
    'cluster_specifier_plugins',
    'ignore_port_in_host_matching',
    'ignore_path_parameters_in_path_matching',
  ]),
  host: new Set([
    '@type',
    'name',
    'domains',
    'routes',
    'require_tls',
    'virtual_clusters',
    'rate_limits',
    'cors',
    'request_headers_to_add',
    'request_headers_to_remove',
    'typed_per_filter_config',
    'response_headers_to_add',
    'response_headers_to_remove',
    'include_request_attempt_count',
    'include_attempt_count_in_response',
    'retry_policy',
    'retry_policy_typed_config',
    'hedge_policy',
    'include_is_timeout_retry_header',
    'per_request_buffer_limit_bytes',
    'request_body_buffer_limit',
    'request_mirror_policies',
    'metadata',
  ]),
  route: new Set([
    '@type',
    'name',
    'match',
    'route',
    'metadata',
    'decorator',
    'typed_per_filter_config',
    'tracing',
    'request_headers_to_add',
    'request_headers_to_remove',
    'response_headers_to_add',
    'response_headers_to_remove',
    'per_request_buffer_limit_bytes',
    'stat_prefix',
    'request_body_buffer_limit',
  ]),
  everyPath: new Set(['@type', 'prefix', 'case_sensitive']),
  tunnel: new Set(['@type', 'connect_matcher', 'case_sensitive']),
} as const;

/** Of envoy.config.route.v3.VirtualHost.TlsRequirementType. */
const noTls = { name: 'NONE', number: 0 };

/** CONNECT requests have no path, and only routes of their own match them. */
type Way = 'requests' | 'tunnels';

/** The first reason for which some request of a connection manager has no route; undefined where each has one. */
export type UnroutedReader = (manager: Manager) => Unrouted | undefined;

type Ways = Readonly<Record<Way, Unrouted | undefined>>;

/** Visits each connection manager, and routes that many share, once. */
export function unroutedReader(): UnroutedReader {
  const waysOf = onceFor(({ configurations }: RouteSource): Ways => ({
    requests: firstIn(configurations, 'requests'),
    tunnels: firstIn(configurations, 'tunnels'),
  }));
  return onceFor((manager) => unroutedIn(manager, waysOf));
}

function firstIn(configurations: readonly PlacedIn[], way: Way): Unrouted | undefined {
  for (const configuration of configurations) {
    const found = inConfiguration(configuration, way);
    if (found !== undefined) return found;
  }
  return undefined;
}

function unroutedIn(manager: Manager, waysOf: (source: RouteSource) => Ways): Unrouted | undefined {
  const unseen = manager.routes.map((source) => source.unseen[0]).find((gap) => gap !== undefined);
  if (unseen !== undefined) return { ...unseen, message: {} };
  if (placedField(manager, 'scoped_routes') !== undefined) {
    return { ...manager, what: 'a request can be in no scope of scoped_routes' };
  }
  if (manager.routes.every(({ configurations }) => configurations.length === 0)) {
    return { ...manager, what: 'there are no routes' };
  }
  const isTunnelled = repeatedOf(manager, 'upgrade_configs').some(
    ({ message }) => textOf(message, 'upgrade_type')?.toLowerCase() === 'connect',
  );
  for (const ways of manager.routes.map(waysOf)) {
    const first = ways.requests ?? (isTunnelled ? ways.tunnels : undefined);
    if (first !== undefined) return first;
  }
  return undefined;
}

function inConfiguration(configuration: PlacedIn, way: Way): Unrouted | undefined {
  const { file } = configuration;
  const strange = strangeIn(configuration, harmless.configuration);
  if (strange !== undefined) return { ...configuration, what: strange };
  const hosts = repeatedOf(configuration, 'virtual_hosts');
  if (!hosts.some((host) => textsOf(host, 'domains').includes('*'))) {
    return { ...configuration, what: 'no virtual host is for the domain "*"' };
  }
  for (const host of hosts) {
    const found = inHost({ ...host, file }, way);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inHost(host: PlacedIn, way: Way): Unrouted | undefined {
  const { file } = host;
  const strange = strangeIn(host, harmless.host);
  if (strange !== undefined) return { ...host, what: strange };
  if (isSet(host.message, 'require_tls') && !isOneOf(host.message, 'require_tls', [noTls])) {
    return { ...host, what: 'require_tls redirects requests' };
  }
  for (const route of repeatedOf(host, 'routes')) {
    if (!forwards(route)) return { ...route, file, what: 'this route forwards no request' };
    if (isForAll(route, way)) return undefined;
  }
  const what =
    way === 'tunnels'
      ? 'this virtual host has no route for all CONNECT requests (connect_matcher)'
      : 'this virtual host has no route for all paths (match: {prefix: /})';
  return { ...host, what };
}

/** Whether a request that the route matches is sent to a cluster, whatever it is. */
function forwards(route: Placed): boolean {
  const action = placedField(route, 'route');
  if (action === undefined || strangeIn(route, harmless.route) !== undefined) return false;
  return ['cluster', 'cluster_header', 'weighted_clusters'].some((field) => {
    const value = fieldOf(action.message, field) ?? '';
    return value !== '';
  });
}

function isForAll(route: Placed, way: Way): boolean {
  const match = placedField(route, 'match');
  if (match === undefined) return false;
  if (way === 'tunnels') {
    const isConnect = placedField(match, 'connect_matcher') !== undefined;
    return isConnect && strangeIn(match, harmless.tunnel) === undefined;
  }
  const prefix = textOf(match.message, 'prefix');
  return (prefix === '' || prefix === '/') && strangeIn(match, harmless.everyPath) === undefined;
}

/** The first field that is not known to leave the route alone, as a clause. */
function strangeIn({ message }: Placed, fields: ReadonlySet<string>): string | undefined {
  const strange = strangeKey(message, fields);
  return strange === undefined ? undefined : `${strange} can leave requests without a route`;
}
