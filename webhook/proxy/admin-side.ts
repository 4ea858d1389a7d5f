/** The admin interface, which can do everything, and the few of its paths that a kubelet and Prometheus reach. */
import type { Json, JsonObject } from '#kernel/json.ts';
import {
  anyAddress,
  assignment,
  bufferBytes,
  socketAddress,
  spoken,
} from './connection-manager.ts';
import { proxyPorts, type AdminPlace, type ProxyPlan } from './proxy-plan.ts';

const clusterName = 'envoy_admin';

export function adminAddress(admin: AdminPlace): JsonObject {
  return 'socket' in admin
    ? { pipe: { path: admin.socket, mode: 0o600 } }
    : socketAddress('127.0.0.1', admin.port);
}

export function adminCluster(admin: AdminPlace): JsonObject {
  const address =
    'socket' in admin ? { pipe: { path: admin.socket } } : socketAddress('127.0.0.1', admin.port);
  return localCluster(clusterName, address, 'http1');
}

/** A service on a Unix socket. */
export function pipeCluster(name: string, path: string): JsonObject {
  return localCluster(name, { pipe: { path } }, 'http2');
}

function localCluster(name: string, address: JsonObject, version: 'http1' | 'http2'): JsonObject {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    ...spoken(version),
    load_assignment: assignment(name, address),
  };
}

/** For the kubelet's probes and for Prometheus. */
export function healthListener(any: ProxyPlan['anyAddress']): JsonObject {
  const paths = ['/ready', '/stats/prometheus'];
  return adminListener('health', anyAddress(any, proxyPorts.health), routesTo(paths, 'GET'));
}

/** For the pod itself, before it ends. */
export const drainListener = adminListener(
  'drain',
  socketAddress('127.0.0.1', proxyPorts.drain),
  routesTo(['/drain_listeners'], 'POST'),
);

/** Nothing but these paths. */
function routesTo(paths: readonly string[], method: 'GET' | 'POST'): readonly Json[] {
  const headers = [{ name: ':method', string_match: { exact: method } }];
  const route = { cluster: clusterName, timeout: '10s' };
  return paths.map((path) => ({ match: { path, headers }, route }));
}

function adminListener(name: string, address: JsonObject, routes: readonly Json[]): JsonObject {
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
  };
  const virtualHost = { name, domains: ['*'], routes: [...routes] };
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: name,
    common_http_protocol_options: { idle_timeout: '60s' },
    request_headers_timeout: '5s',
    request_timeout: '5s',
    stream_idle_timeout: '30s',
    route_config: { name, virtual_hosts: [virtualHost] },
    http_filters: [router],
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  return {
    name,
    // It is nobody's way in: it stays while those are drained, and no filter for callers belongs there.
    traffic_direction: 'OUTBOUND',
    address,
    per_connection_buffer_limit_bytes: bufferBytes,
    filter_chains: [{ filters: [filter] }],
  };
}
