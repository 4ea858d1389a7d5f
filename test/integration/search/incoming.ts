/**
 * Envoy configurations for requests that come in, put together by chance from what people use: several listeners, chains and
 * lists of filters, routes that switch filters off, filters that answer by themselves. Every way through them leads to the app.
 */
import type fc from 'fast-check';
import type { Json, JsonObject } from '#kernel/json.ts';
import { Draft } from './draft.ts';
import {
  address,
  authzOff,
  discovered,
  handWired,
  manager,
  managerInStruct,
  ownAuthz,
  ownFilters,
  router,
  sayTenant,
  secret,
  signer,
  staticCluster,
  switchedOff,
  tcpProxy,
  tenantOnly,
  typed,
} from './parts.ts';
import { folder, mainFile, type Generated, type Ports } from './rig.ts';

/** Source addresses: chains are chosen by them. */
export const sources = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const;
export const paths = ['/', '/public', '/cached', '/redirect', '/healthz', '/lua', '/ws'] as const;
export const hosts = ['backend', 'other.test'] as const;

export function incoming(g: fc.GeneratorValue, ports: Ports): Generated {
  const draft = new Draft(g);
  const used = ports.listeners.slice(0, 1 + draft.below(ports.listeners.length));
  const listeners = used.map((port, index) => listenerOf(draft, { port, index }));
  const [first = 0] = used;
  const clusters = [
    staticCluster('app', ports.app),
    staticCluster('dead', 1),
    staticCluster('again', first),
    http2(staticCluster('by-hand', 9010)),
  ];
  const node = { id: 'search', cluster: 'search' };
  const main: JsonObject = { node, static_resources: { listeners, clusters, secrets: [secret] } };
  const spaces = draft.below(5);
  return {
    files: { [mainFile]: JSON.stringify(main, null, spaces), ...draft.files },
    features: draft.features,
    listeners: used,
  };
}

function http2(cluster: JsonObject): JsonObject {
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const options = typed('extensions.upstreams.http.v3.HttpProtocolOptions', {
    explicit_http_config: { http2_protocol_options: {} },
  });
  return { ...cluster, typed_extension_protocol_options: { [name]: options } };
}

interface Spot {
  readonly port: number;
  readonly index: number;
}

function listenerOf(draft: Draft, { port, index }: Spot): JsonObject {
  // The first listener leads to itself in a circle.
  draft.mayLeadBack = index > 0;
  const chains: JsonObject[] = [];
  if (draft.has(35, 'a chain for one source')) chains.push(chainOf(draft, index, sources[1]));
  const rest = chainOf(draft, index, undefined);
  const isDefault = draft.has(25, 'default_filter_chain');
  if (isDefault && chains.length === 0) chains.push(chainOf(draft, index, sources[2]));
  return {
    name: `listener-${index}`,
    address: address(port),
    filter_chains: isDefault ? chains : [...chains, rest],
    ...(isDefault ? { default_filter_chain: rest } : {}),
  };
}

function chainOf(draft: Draft, index: number, source: string | undefined): JsonObject {
  const match =
    source === undefined
      ? {}
      : {
          filter_chain_match: {
            direct_source_prefix_ranges: [{ address_prefix: source, prefix_len: 32 }],
          },
        };
  if (source !== undefined && draft.has(15, 'tcp_proxy chain'))
    return { ...match, filters: [tcpProxy] };
  const fields = managerOf(draft, index);
  if (draft.has(6, 'manager in xds TypedStruct'))
    return { ...match, filters: [managerInStruct(fields, 'xds.type.v3')] };
  if (draft.has(3, 'manager in udpa TypedStruct'))
    return { ...match, filters: [managerInStruct(fields, 'udpa.type.v1')] };
  return { ...match, filters: [manager(fields)] };
}

function managerOf(draft: Draft, index: number): JsonObject {
  const isLate = draft.has(10, 'routes that are there only once a filter has looked');
  const upgrades = upgradesOf(draft);
  return {
    stat_prefix: `listener_${index}`,
    codec_type: 'AUTO',
    ...routesOf(draft, isLate ? tenantOnly : {}),
    http_filters: [...(isLate ? draft.one('before it', beforeTenant) : []), ...filtersOf(draft)],
    ...(upgrades.length === 0 ? {} : { upgrade_configs: upgrades }),
  };
}

function upgradesOf(draft: Draft): readonly Json[] {
  const upgrades: JsonObject[] = [];
  if (draft.has(40, 'websocket')) {
    const own = draft.has(50, 'with filters of its own') ? { filters: filtersOf(draft) } : {};
    upgrades.push({ upgrade_type: 'websocket', ...own });
  }
  if (draft.has(15, 'CONNECT')) upgrades.push({ upgrade_type: 'CONNECT' });
  return upgrades;
}

function filtersOf(draft: Draft): JsonObject[] {
  const filters: JsonObject[] = [];
  const names = new Set<Json | undefined>();
  const add = (filter: JsonObject): void => {
    if (names.has(filter['name'])) return;
    names.add(filter['name']);
    filters.push(filter);
  };
  for (let left = draft.below(3); left > 0; left--) add(draft.one('filter', ownFilters));
  if (draft.has(15, 'own ext_authz of the usual name'))
    add(ownAuthz('envoy.filters.http.ext_authz', 'dead'));
  if (draft.has(2, 'own filter of our name')) add(ownAuthz('svidecar.jwt-validate', 'dead'));
  if (draft.has(7, 'wired by hand')) add(draft.one('by hand', handWirings));
  return [...filters, router];
}

const wiredByHand = handWired('asks-first', {});

/** What stands before, or has ours stand before, the filter that says whose a request is. */
const beforeTenant: Readonly<Record<string, readonly JsonObject[]>> = {
  'a signature': [signer, sayTenant],
  'a filter wired by hand': [wiredByHand, sayTenant],
  nothing: [sayTenant],
};

const handWirings: Readonly<Record<string, JsonObject>> = {
  'as it should be': handWired('envoy.filters.http.ext_authz', {}),
  'that lets pass on failure': handWired('envoy.filters.http.ext_authz', {
    failure_mode_allow: true,
  }),
  'that is switched off': handWired('envoy.filters.http.ext_authz', {}, { disabled: true }),
  'for a share of requests': handWired('envoy.filters.http.ext_authz', {
    filter_enabled: { default_value: { numerator: 10 } },
  }),
  'to another cluster': handWired('envoy.filters.http.ext_authz', {
    failure_mode_allow: true,
    grpc_service: {
      envoy_grpc: { cluster_name: 'dead' },
      initial_metadata: [{ key: 'svidecar-rule', value: 'jwt-validate' }],
    },
  }),
  'under another name': handWired('mine', {}),
};

/** Names under which a route may set something. */
const perFilterNames = {
  'the usual name': 'envoy.filters.http.ext_authz',
  'our name': 'svidecar.jwt-validate',
  'a filter called mine': 'mine',
};
const perFilterSettings = {
  'switched off': switchedOff,
  'switched off in its own words': authzOff,
  'given an audience as documented': typed(
    'extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
    {
      check_settings: { context_extensions: { 'svidecar-audience': 'app' } },
    },
  ),
};

/** Settings for single filters, at one of the places that can have them. */
function perFilter(draft: Draft, where: string): JsonObject {
  if (!draft.has(5, `per filter, ${where}`)) return {};
  const name = draft.one('of', perFilterNames);
  return { typed_per_filter_config: { [name]: draft.one('being', perFilterSettings) } };
}

/** @param match what the last routes ask for beside the path */
function routesOf(draft: Draft, match: JsonObject): JsonObject {
  const config = routeConfig(draft, match);
  const provider = draft.below(100);
  if (provider < 12) {
    draft.features.push('RDS from a file');
    const name = `routes-${Object.keys(draft.files).length}`;
    draft.files[`${name}.json`] = discovered([
      typed('config.route.v3.RouteConfiguration', { ...config, name }),
    ]);
    const source = { path_config_source: { path: `${folder}/${name}.json` } };
    return { rds: { route_config_name: name, config_source: source } };
  }
  if (provider < 18) {
    draft.features.push('scoped routes');
    return {
      scoped_routes: {
        name: 'scopes',
        scope_key_builder: {
          fragments: [
            { header_value_extractor: { name: 'x-cluster', element_separator: ',', index: 0 } },
          ],
        },
        scoped_route_configurations_list: {
          scoped_route_configurations: [
            {
              name: 'all',
              on_demand: false,
              route_configuration: config,
              key: { fragments: [{ string_key: 'app' }] },
            },
          ],
        },
      },
    };
  }
  return { route_config: config };
}

function routeConfig(draft: Draft, match: JsonObject): JsonObject {
  const others = draft.has(30, 'a virtual host of its own')
    ? [{ name: 'other', domains: ['other.test'], ...virtualHost(draft, match) }]
    : [];
  return {
    name: 'routes',
    ...(draft.has(6, 'mirror on the route configuration') ? mirror : {}),
    ...perFilter(draft, 'route configuration'),
    virtual_hosts: [...others, { name: 'all', domains: ['*'], ...virtualHost(draft, match) }],
  };
}

const mirror = { request_mirror_policies: [{ cluster: 'app' }] };

function virtualHost(draft: Draft, match: JsonObject): JsonObject {
  return {
    ...(draft.has(6, 'mirror on the virtual host') ? mirror : {}),
    ...perFilter(draft, 'virtual host'),
    routes: [
      ...(draft.has(6, 'a CONNECT route') ? [connectRoute(draft)] : []),
      ...(draft.has(40, 'a route for /public') ? [routeOf(draft, '/public')] : []),
      ...(draft.has(25, 'a route for /redirect') ? [redirecting(draft)] : []),
      routeOf(draft, '/', match),
    ],
  };
}

function connectRoute(draft: Draft): JsonObject {
  const config = { upgrade_type: 'CONNECT', connect_config: {} };
  return {
    match: { connect_matcher: {} },
    ...perFilter(draft, 'CONNECT route'),
    route: { cluster: 'app', upgrade_configs: [config] },
  };
}

function redirecting(draft: Draft): JsonObject {
  return {
    match: { prefix: '/redirect' },
    ...perFilter(draft, 'redirected route'),
    route: { cluster: 'app', internal_redirect_policy: { max_internal_redirects: 2 } },
  };
}

function routeOf(draft: Draft, prefix: string, match: JsonObject = {}): JsonObject {
  return {
    match: { prefix, ...match },
    ...perFilter(draft, `route ${prefix}`),
    ...draft.one('route', actions(draft)),
  };
}

function actions(draft: Draft): Readonly<Record<string, JsonObject>> {
  const to = (route: JsonObject): JsonObject => ({ route });
  const weighted = [{ name: 'app', weight: 1, ...perFilter(draft, 'weighted cluster') }];
  return {
    plain: to({ cluster: 'app' }),
    'plain again': to({ cluster: 'app', timeout: '5s' }),
    'with retries': to({ cluster: 'app', retry_policy: { retry_on: '5xx', num_retries: 1 } }),
    'with upgrades of its own': to({
      cluster: 'app',
      upgrade_configs: [{ upgrade_type: 'websocket' }],
    }),
    weighted: to({ weighted_clusters: { clusters: weighted } }),
    'by header': to({ cluster_header: 'x-cluster' }),
    mirrored: to({ cluster: 'app', ...mirror }),
    'rewritten to /': to({ cluster: 'app', prefix_rewrite: '/public' }),
    ...(draft.mayLeadBack ? { 'back into the first listener': to({ cluster: 'again' }) } : {}),
  };
}
