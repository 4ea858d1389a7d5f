/** What sees a connection before its connection manager, and could redirect it or change its contents. */
import { anyField } from './any-config.ts';
import { warningAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { filterTitle } from './judge-filter.ts';
import type { Listener } from './listener.ts';
import { type Placed, placedField, repeatedOf, textOf } from './proto-field.ts';
import { isSet } from './proto-scalar.ts';

/**
 * By kind, without the prefix: filters that refuse, limit or inspect, and hand the connection on. A test checks that the
 * pinned Envoy has each of them, and none that is in neither of the two tables.
 */
export const harmless: Readonly<Record<Kind, readonly string[]>> = {
  network: [
    'connection_limit.v3.ConnectionLimit',
    'direct_response.v3.Config',
    'echo.v3.Echo',
    'ext_authz.v3.ExtAuthz',
    'geoip.v3.Geoip',
    'local_ratelimit.v3.LocalRateLimit',
    'ratelimit.v3.RateLimit',
    'rbac.v3.RBAC',
    'set_filter_state.v3.Config',
    'sni_cluster.v3.SniCluster',
    'sni_dynamic_forward_proxy.v3.FilterConfig',
    'tcp_bandwidth_limit.v3.TcpBandwidthLimit',
  ],
  listener: [
    'http_inspector.v3.HttpInspector',
    'local_ratelimit.v3.LocalRateLimit',
    'original_dst.v3.OriginalDst',
    'original_src.v3.OriginalSrc',
    'proxy_protocol.v3.ProxyProtocol',
    'set_filter_state.v3.Config',
    'tls_inspector.v3.TlsInspector',
  ],
};

/** Filters that are warned about, like all unknown ones: they run code, ask a server, or speak another protocol. */
export const notHarmless: Readonly<Record<Kind, readonly string[]>> = {
  network: [
    'dubbo_proxy.v3.DubboProxy',
    'dynamic_modules.v3.DynamicModuleNetworkFilter',
    'ext_proc.v3.NetworkExternalProcessor',
    'generic_proxy.v3.GenericProxy',
    'http_connection_manager.v3.HttpConnectionManager',
    'mongo_proxy.v3.MongoProxy',
    'redis_proxy.v3.RedisProxy',
    'reverse_tunnel.v3.DrainAwareHttpConnectionManager',
    'reverse_tunnel.v3.ReverseTunnel',
    'tcp_proxy.v3.TcpProxy',
    'thrift_proxy.v3.ThriftProxy',
    'wasm.v3.Wasm',
    'zookeeper_proxy.v3.ZooKeeperProxy',
  ],
  listener: ['dynamic_modules.v3.DynamicModuleListenerFilter'],
};

type Kind = 'network' | 'listener';

/** Warnings about one rule in one listener. */
export function checkConnection(
  { rule, direction }: FilterAddition,
  listener: Listener,
): readonly EnvoyWarning[] {
  if (direction !== 'inbound' || listener.managers.length === 0) return [];
  const last = placedField(listener, 'default_filter_chain');
  const withManager = new Set(listener.managers.map(({ chain }) => chain));
  const chains = [
    ...repeatedOf(listener, 'filter_chains'),
    ...(last === undefined ? [] : [last]),
  ].filter(({ path }) => withManager.has(path));
  const inFront = [
    ...repeatedOf(listener, 'listener_filters').map((filter) => ({
      filter,
      kind: 'listener' as const,
    })),
    ...chains
      .flatMap((chain) => repeatedOf(chain, 'filters').slice(0, -1))
      .map((filter) => ({ filter, kind: 'network' as const })),
  ];
  return inFront
    .filter(({ filter, kind }) => !isHarmless(filter, kind))
    .map(({ filter, kind }) =>
      warningAt(
        'filter_in_front',
        { file: listener.file, path: filter.path },
        `${kind} ${filterTitle(filter)} stands before the connection manager of ${rule} and ${whatIs(filter)}, so nothing here tells whether connections are answered, changed or sent somewhere before requests are checked; remove it, or trust it`,
      ),
    );
}

function isHarmless(filter: Placed, kind: Kind): boolean {
  const type = anyField(filter, 'typed_config')?.type;
  if (type !== undefined) {
    return harmless[kind].some((one) => type === `envoy.extensions.filters.${kind}.${one}`);
  }
  // Some have no settings, and their names alone are enough for Envoy.
  if (isSet(filter.message, 'config_discovery')) return false;
  const name = textOf(filter.message, 'name');
  return harmless[kind].some((one) => name === `envoy.filters.${kind}.${one.split('.')[0] ?? ''}`);
}

function whatIs(filter: Placed): string {
  if (isSet(filter.message, 'config_discovery')) {
    return 'gets its configuration from somewhere else (config_discovery)';
  }
  const type = anyField(filter, 'typed_config')?.type;
  return type === undefined ? 'has no type' : `is of the type ${type}, which is not judged`;
}
