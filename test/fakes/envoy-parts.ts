/** Parts of Envoy configurations that are made by the hundred. */
import type { Json, JsonObject } from '#kernel/json.ts';

/** A configuration of a size, as the files of a ConfigMap; `envoy.yaml` is the main one. */
export type Shape = (count: number) => Readonly<Record<string, JsonObject>>;

export const http = 'x/envoy.extensions.filters.http';
export const network = 'x/envoy.extensions.filters.network';
const matching = 'x/envoy.extensions.common.matching.v3';

/** A list of values, each made from its index. */
export function times<Value>(count: number, make: (index: number) => Value): Value[] {
  return Array.from({ length: count }, (_none, index) => make(index));
}

export const router: JsonObject = {
  name: 'router',
  typed_config: { '@type': `${http}.router.v3.Router` },
};

export function manager(more: JsonObject = {}, filters: readonly Json[] = []): JsonObject {
  return {
    name: 'hcm',
    typed_config: {
      '@type': `${network}.http_connection_manager.v3.HttpConnectionManager`,
      http_filters: [...filters, router],
      ...more,
    },
  };
}

export function tcpProxy(cluster: string): JsonObject {
  const type = `${network}.tcp_proxy.v3.TcpProxy`;
  return { name: 'tcp', typed_config: { '@type': type, cluster } };
}

export function chain(...filters: JsonObject[]): JsonObject {
  return { filters };
}

export function address(port: number, host = '127.0.0.1'): JsonObject {
  return { socket_address: { address: host, port_value: port } };
}

export const firstPort = 10_000;

export function listener(
  index: number,
  chains: readonly JsonObject[],
  more: JsonObject = {},
): JsonObject {
  return { name: `l${index}`, address: address(firstPort + index), filter_chains: chains, ...more };
}

export function cluster(
  name: string,
  addresses: readonly JsonObject[],
  more: JsonObject = {},
): JsonObject {
  const endpoints = addresses.map((one) => ({ endpoint: { address: one } }));
  return { name, load_assignment: { endpoints: [{ lb_endpoints: endpoints }] }, ...more };
}

export const remote = (index: number): JsonObject =>
  cluster(`c${index}`, [address(443, `h${index}.test`)]);

export function bootstrap(
  listeners: readonly JsonObject[],
  clusters: readonly JsonObject[],
): JsonObject {
  return { static_resources: { listeners, clusters } };
}

export function route(action: JsonObject, more: JsonObject = {}): JsonObject {
  return { match: { prefix: '/' }, route: action, ...more };
}

export function hosts(routes: readonly Json[], more: JsonObject = {}): JsonObject {
  return { virtual_hosts: [{ name: 'all', domains: ['*'], routes, ...more }] };
}

export const shared: JsonObject = {
  rds: { route_config_name: 'shared', config_source: { path: '/etc/envoy/routes.yaml' } },
};

interface Sharing {
  readonly listenerAt?: (index: number) => JsonObject;
  readonly clusters?: readonly JsonObject[];
}

/** Listeners that share a route configuration in a file of its own. */
export function sharing(
  count: number,
  routes: JsonObject,
  {
    listenerAt = (index) => listener(index, [chain(manager(shared))]),
    clusters = times(count, remote),
  }: Sharing = {},
): Record<string, JsonObject> {
  return {
    'envoy.yaml': bootstrap(times(count, listenerAt), clusters),
    'routes.yaml': { resources: [{ name: 'shared', ...routes }] },
  };
}

export function alone(main: JsonObject): Record<string, JsonObject> {
  return { 'envoy.yaml': main };
}

/** A filter that runs another one. */
export const wrapping = (index: number): JsonObject => ({
  name: `w${index}`,
  typed_config: {
    '@type': `${matching}.ExtensionWithMatcher`,
    extension_config: { name: 'x', typed_config: { '@type': `${http}.lua.v3.Lua` } },
  },
});
export const perRoute: JsonObject = { '@type': `${matching}.ExtensionWithMatcherPerRoute` };
export const toCluster = (count: number): Json[] =>
  times(count, (i) => route({ cluster: `c${i}` }));
export const rewriting = (count: number): Json[] =>
  times(count, (i) => route({ cluster: 'c0', host_rewrite_literal: `new${i}.test` }));
export const handWired = (index: number, cluster_name: string): JsonObject => ({
  name: `authz${index}`,
  typed_config: {
    '@type': `${http}.ext_authz.v3.ExtAuthz`,
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name } },
  },
});
export const dispatching: JsonObject = { use_original_dst: true };

/** Each leads to the next, and the last one out. */
export function row(count: number, end: (index: number) => JsonObject): JsonObject {
  return bootstrap(
    times(count, (i) => listener(i, [chain(end(i + 1))])),
    times(count + 1, (i) => cluster(`c${i}`, [address(firstPort + i)])),
  );
}
