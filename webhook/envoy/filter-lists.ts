/**
 * Every place in Envoy's API for filters that a request can run through, and what is done about each. A test
 * reads the API out of the pinned Envoy itself, and fails when a place is missing here.
 */

/** What is done about a place. */
export type Treatment =
  /** Followed down to the connection managers and their lists. */
  | 'followed'
  /** A list that a request runs through to its end: it gets our filter. */
  | 'list'
  /** Cannot be seen here: refused or warned about. */
  | 'gap'
  /** Inside one filter of a list, beside or behind ours: ours runs in any case. */
  | 'inside'
  /** Runs after our filter, on the way to a cluster. */
  | 'behind'
  /** The list of another protocol: a chain with such an end has no connection manager, which is warned about. */
  | 'other protocol'
  /** Only inspects a connection before its chain is chosen. */
  | 'before the chain';

export interface FilterPlace {
  /** Full name of the message. */
  readonly message: string;
  readonly field: string;
  readonly treatment: Treatment;
}

const managerPackage = 'envoy.extensions.filters.network.http_connection_manager.v3';
export const managerType = `${managerPackage}.HttpConnectionManager`;

/** Messages that a network filter or an API listener can be, and the field in which they hold a connection manager. */
export const managerWrappers: ReadonlyMap<string, string> = new Map([
  [`${managerPackage}.EnvoyMobileHttpConnectionManager`, 'config'],
  [
    'envoy.extensions.filters.network.reverse_tunnel.v3.DrainAwareHttpConnectionManager',
    'hcm_config',
  ],
]);

export const filterPlaces: readonly FilterPlace[] = [
  place('envoy.config.bootstrap.v3.Bootstrap.StaticResources', 'listeners', 'followed'),
  place('envoy.config.bootstrap.v3.Bootstrap.DynamicResources', 'lds_config', 'followed'),
  place('envoy.config.bootstrap.v3.Bootstrap.DynamicResources', 'lds_resources_locator', 'gap'),
  place('envoy.config.listener.v3.Listener', 'filter_chains', 'followed'),
  place('envoy.config.listener.v3.Listener', 'default_filter_chain', 'followed'),
  place('envoy.config.listener.v3.Listener', 'fcds_config', 'gap'),
  place('envoy.config.listener.v3.Listener', 'api_listener', 'followed'),
  place('envoy.config.listener.v3.Listener', 'listener_filters', 'before the chain'),
  place('envoy.config.listener.v3.FilterChain', 'filters', 'followed'),
  place('envoy.config.listener.v3.Filter', 'typed_config', 'followed'),
  place('envoy.config.listener.v3.Filter', 'config_discovery', 'gap'),
  place('envoy.config.listener.v3.ApiListener', 'api_listener', 'followed'),
  ...[...managerWrappers].map(([message, field]) => place(message, field, 'followed')),
  place(managerType, 'http_filters', 'list'),
  place(`${managerType}.UpgradeConfig`, 'filters', 'list'),
  place('envoy.extensions.filters.http.filter_chain.v3.FilterChain', 'filters', 'inside'),
  place(
    'envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig',
    'default_filter_chain',
    'inside',
  ),
  place(
    'envoy.extensions.filters.http.filter_chain.v3.FilterChainConfigPerRoute',
    'filter_chain',
    'inside',
  ),
  place(
    'envoy.extensions.filters.http.composite.v3.FilterChainConfiguration',
    'typed_config',
    'inside',
  ),
  place('envoy.extensions.filters.http.composite.v3.ExecuteFilterAction', 'typed_config', 'inside'),
  place(
    'envoy.extensions.filters.http.composite.v3.ExecuteFilterAction',
    'dynamic_config',
    'inside',
  ),
  place('envoy.extensions.filters.http.composite.v3.ExecuteFilterAction', 'filter_chain', 'inside'),
  place('envoy.extensions.common.matching.v3.ExtensionWithMatcher', 'extension_config', 'inside'),
  place(
    'envoy.extensions.filters.http.ai_protocol_manager.v3.AiProtocolManager',
    'filters',
    'inside',
  ),
  place('envoy.extensions.filters.http.router.v3.Router', 'upstream_http_filters', 'behind'),
  place('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', 'http_filters', 'behind'),
  place('envoy.config.cluster.v3.Cluster', 'filters', 'behind'),
  place(
    'envoy.extensions.filters.network.generic_proxy.v3.GenericProxy',
    'filters',
    'other protocol',
  ),
  place(
    'envoy.extensions.filters.network.dubbo_proxy.v3.DubboProxy',
    'dubbo_filters',
    'other protocol',
  ),
  place(
    'envoy.extensions.filters.network.thrift_proxy.v3.ThriftProxy',
    'thrift_filters',
    'other protocol',
  ),
  place(
    'envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig',
    'session_filters',
    'other protocol',
  ),
];

function place(message: string, field: string, treatment: Treatment): FilterPlace {
  return { message, field, treatment };
}
