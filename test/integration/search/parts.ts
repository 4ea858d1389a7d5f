/** The parts that generated Envoy configurations are put together from. */
import type { Json, JsonObject } from '#kernel/json.ts';
import { olderEnvoy } from '../harness/components.ts';

/** A message of one of Envoy's types. @param name without `type.googleapis.com/envoy.` */
export function typed(name: string, fields: JsonObject = {}): JsonObject {
  return { '@type': `type.googleapis.com/envoy.${name}`, ...fields };
}

export function address(port: number, host = '127.0.0.1'): JsonObject {
  return { socket_address: { address: host, port_value: port } };
}

export function staticCluster(name: string, port: number): JsonObject {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints },
  };
}

/** An HTTP filter. @param name as a person would call it, which need not be what it is */
function httpFilter(name: string, type: string, fields: JsonObject = {}): JsonObject {
  return { name, typed_config: typed(`extensions.filters.http.${type}`, fields) };
}

export const router = httpFilter('envoy.filters.http.router', 'router.v3.Router');

/** An `ext_authz` of the user's own, which lets everything pass that it hears nothing about. */
export function ownAuthz(name: string, cluster: string): JsonObject {
  return httpFilter(name, 'ext_authz.v3.ExtAuthz', {
    transport_api_version: 'V3',
    failure_mode_allow: true,
    grpc_service: { envoy_grpc: { cluster_name: cluster }, timeout: '0.1s' },
  });
}

/** A filter that asks the helper by hand, and something beside. */
export function handWired(name: string, more: JsonObject, filter: JsonObject = {}): JsonObject {
  const asks = httpFilter(name, 'ext_authz.v3.ExtAuthz', {
    transport_api_version: 'V3',
    grpc_service: {
      envoy_grpc: { cluster_name: 'by-hand' },
      timeout: '0.5s',
      initial_metadata: [{ key: 'svidecar-rule', value: 'jwt-validate' }],
    },
    ...more,
  });
  return { ...asks, ...filter };
}

/** Switches a filter off, in the words that hold for any filter. */
export const switchedOff = typed('config.route.v3.FilterConfig', { disabled: true });
/** The same in the words of `ext_authz`. */
export const authzOff = typed('extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', {
  disabled: true,
});

const lua = (name: string, code: string): JsonObject =>
  httpFilter(name, 'lua.v3.Lua', { default_source_code: { inline_string: code } });

const inner: JsonObject = httpFilter('inner-router', 'router.v3.Router');

/** Each kind of filter that runs others, with a router in it: the request leaves there. */
const routersInside: Readonly<Record<string, JsonObject>> = {
  // Older Envoys have no such filter.
  ...(olderEnvoy === undefined && {
    chainRoutes: httpFilter('chain', 'filter_chain.v3.FilterChainConfig', {
      default_filter_chain: { filters: [inner] },
    }),
  }),
  matcherRoutes: {
    name: 'matcher-routes',
    typed_config: typed('extensions.common.matching.v3.ExtensionWithMatcher', {
      extension_config: inner,
      xds_matcher: {},
    }),
  },
  compositeRoutes: {
    name: 'composite-routes',
    typed_config: typed('extensions.common.matching.v3.ExtensionWithMatcher', {
      extension_config: {
        name: 'composite',
        typed_config: typed('extensions.filters.http.composite.v3.Composite'),
      },
      xds_matcher: {
        on_no_match: {
          action: {
            name: 'execute',
            typed_config: typed('extensions.filters.http.composite.v3.ExecuteFilterAction', {
              typed_config: inner,
            }),
          },
        },
      },
    }),
  },
};

/** What `signer` puts in: in `static_resources.secrets`. */
export const secret: JsonObject = {
  name: 'app-login',
  generic_secret: { secret: { inline_string: 'Basic YXBwOnB3' } },
};

/** Writes a login of its own, so that ours has to stand before it. */
export const signer = httpFilter(
  'envoy.filters.http.credential_injector',
  'credential_injector.v3.CredentialInjector',
  {
    overwrite: true,
    credential: {
      name: 'envoy.http.injected_credentials.generic',
      typed_config: typed('extensions.http.injected_credentials.generic.v3.Generic', {
        credential: { name: 'app-login' },
      }),
    },
  },
);

/** Says whose a request is, and has Envoy choose the route anew. */
export const sayTenant = httpFilter('say-tenant', 'set_filter_state.v3.Config', {
  // Older Envoys have no such field here, and choose no route anew.
  ...(olderEnvoy === undefined && { clear_route_cache: true }),
  on_request_headers: [
    {
      object_key: 'tenant',
      factory_key: 'envoy.string',
      format_string: { text_format_source: { inline_string: 'a' } },
    },
  ],
});

/** Of a route's match: those requests alone of which it was said. */
export const tenantOnly: JsonObject = {
  filter_state: [{ key: 'tenant', string_match: { exact: 'a' } }],
};

/** Filters that people put before the router, by what they do. */
export const ownFilters: Readonly<Record<string, JsonObject>> = {
  cors: httpFilter('envoy.filters.http.cors', 'cors.v3.Cors'),
  buffer: httpFilter('envoy.filters.http.buffer', 'buffer.v3.Buffer', { max_request_bytes: 1024 }),
  rbac: httpFilter('envoy.filters.http.rbac', 'rbac.v3.RBAC'),
  cache: httpFilter('envoy.filters.http.cache', 'cache.v3.CacheConfig', {
    typed_config: typed('extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig'),
  }),
  cacheV2: httpFilter('envoy.filters.http.cache_v2', 'cache_v2.v3.CacheV2Config', {
    typed_config: typed('extensions.http.cache_v2.simple_http_cache.v3.SimpleHttpCacheV2Config'),
  }),
  luaAnswers: lua(
    'answers',
    'function envoy_on_request(handle)\n' +
      '  if handle:headers():get(":path") == "/lua" then handle:respond({[":status"] = "200"}, "lua") end\nend\n',
  ),
  luaCalls: lua(
    'calls',
    'function envoy_on_request(handle)\n' +
      '  local _, body = handle:httpCall("app", {[":method"] = "GET", [":path"] = "/lua", [":authority"] = "lua",' +
      ' ["x-probe"] = handle:headers():get("x-probe")}, "", 1000)\n' +
      '  handle:respond({[":status"] = "200"}, body)\nend\n',
  ),
  luaMovesPath: lua(
    'moves',
    'function envoy_on_request(handle)\n  handle:headers():replace("x-moved", "yes")\nend\n',
  ),
  healthCheck: httpFilter('envoy.filters.http.health_check', 'health_check.v3.HealthCheck', {
    pass_through_mode: false,
    headers: [{ name: ':path', string_match: { exact: '/healthz' } }],
  }),
  healthCheckThrough: httpFilter('envoy.filters.http.health_check', 'health_check.v3.HealthCheck', {
    pass_through_mode: true,
    cache_time: '10s',
    headers: [{ name: ':path', string_match: { exact: '/healthz' } }],
  }),
  fault: httpFilter('envoy.filters.http.fault', 'fault.v3.HTTPFault'),
  grpcWeb: httpFilter('envoy.filters.http.grpc_web', 'grpc_web.v3.GrpcWeb'),
  grpcBridge: httpFilter('envoy.filters.http.grpc_http1_bridge', 'grpc_http1_bridge.v3.Config'),
  compressor: httpFilter('envoy.filters.http.compressor', 'compressor.v3.Compressor', {
    compressor_library: {
      name: 'gzip',
      typed_config: typed('extensions.compression.gzip.compressor.v3.Gzip'),
    },
  }),
  headerMutation: httpFilter(
    'envoy.filters.http.header_mutation',
    'header_mutation.v3.HeaderMutation',
    { mutations: { request_mutations: [{ remove: 'x-nothing' }] } },
  ),
  decompressor: httpFilter('envoy.filters.http.decompressor', 'decompressor.v3.Decompressor', {
    decompressor_library: {
      name: 'gzip',
      typed_config: typed('extensions.compression.gzip.decompressor.v3.Gzip'),
    },
  }),
  stateful: httpFilter(
    'envoy.filters.http.stateful_session',
    'stateful_session.v3.StatefulSession',
  ),
  onDemand: httpFilter('envoy.filters.http.on_demand', 'on_demand.v3.OnDemand'),
  composite: {
    name: 'composite',
    typed_config: typed('extensions.common.matching.v3.ExtensionWithMatcher', {
      extension_config: {
        name: 'composite',
        typed_config: typed('extensions.filters.http.composite.v3.Composite'),
      },
      xds_matcher: {},
    }),
  },
  ...routersInside,
  typedStruct: {
    name: 'buffer-in-a-struct',
    typed_config: {
      '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
      type_url: 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer',
      value: { max_request_bytes: 1024 },
    },
  },
  switchedOff: { ...httpFilter('off', 'fault.v3.HTTPFault'), disabled: true },
};

/** A network filter that hands every byte on. */
export const tcpProxy: JsonObject = {
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: typed('extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: 'tcp',
    cluster: 'app',
  }),
};

const managerType = 'extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

export function manager(fields: JsonObject): JsonObject {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: typed(managerType, fields),
  };
}

/** The same manager, in the wrapping of those who have no types. */
export function managerInStruct(
  fields: JsonObject,
  wrapping: 'xds.type.v3' | 'udpa.type.v1',
): JsonObject {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `type.googleapis.com/${wrapping}.TypedStruct`,
      type_url: `type.googleapis.com/envoy.${managerType}`,
      value: fields,
    },
  };
}

/** A file that discovery reads. */
export function discovered(resources: readonly Json[]): string {
  return JSON.stringify({ version_info: '1', resources: [...resources] });
}
