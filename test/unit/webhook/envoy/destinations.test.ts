/** Each place in which a route can name where a request goes, and each kind of cluster that it can name. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EnvoyAdditions } from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { inject } from '../../../golden/envoy/cases.ts';

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router =
  '{name: router, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}';
const specifiers = 'x/envoy.extensions.router.cluster_specifiers';

interface Parts {
  /** More fields of the route configuration, of the virtual host, of the route. */
  readonly configuration?: string;
  readonly host?: string;
  readonly route?: string;
  /** In place of the routes of the virtual host. */
  readonly routes?: string;
  /** In place of the route configuration. */
  readonly source?: string;
  readonly clusters?: string;
  readonly listeners?: string;
  readonly files?: Readonly<Record<string, string>>;
}

function told(parts: Parts, additions: EnvoyAdditions = inject): readonly string[] {
  const routes =
    parts.routes ?? `routes: [{match: {prefix: /}, ${parts.route ?? 'route: {cluster: safe}'}}]`;
  const inline = `route_config: {${parts.configuration ?? ''} virtual_hosts: [{name: a, domains: ["*"], ${parts.host ?? ''} ${routes}}]}`;
  const text = `static_resources:
  listeners:
  - {name: web, filter_chains: [{filters: [{name: hcm, typed_config: {"@type": ${managerType}, http_filters: [${router}], ${parts.source ?? inline}}}]}]}
${parts.listeners ?? ''}  clusters:
  - {name: safe, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: /app.sock}}}}]}]}}
  - {name: bare, type: STRICT_DNS, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: bare.test, port_value: 80}}}}]}]}}
${parts.clusters ?? ''}`;
  const files = { 'envoy.yaml': text, ...parts.files };
  const source = { name: 'ConfigMap demo/web', files, main: 'envoy.yaml' };
  const named = additions.filters.map((one) => ({ ...one, listeners: ['web'] }));
  return patchEnvoy(source, { ...additions, filters: named }).warnings.map(
    ({ id, message }) => `${id}: ${message}`,
  );
}

const routeIn = (action: string): string =>
  `{name: r, typed_config: {"@type": x/envoy.config.route.v3.Route, match: {prefix: /}, route: ${action}}}`;
const tree = (action: string): string =>
  `{matcher_list: {matchers: [{predicate: {}, on_match: {matcher: {matcher_tree: {exact_match_map: {map: {k: {action: ${action}}}}}}}}]}}`;

/** By place: what is written there for a cluster of some name. */
const places: Readonly<Record<string, (name: string) => Parts>> = {
  cluster: (name) => ({ route: `route: {cluster: ${name}}` }),
  'a weighted cluster': (name) => ({
    route: `route: {weighted_clusters: {clusters: [{name: safe, weight: 1}, {name: ${name}, weight: 1}]}}`,
  }),
  'a mirror of the route': (name) => ({
    route: `route: {cluster: safe, request_mirror_policies: [{cluster: ${name}}]}`,
  }),
  'a mirror of the virtual host': (name) => ({
    host: `request_mirror_policies: [{cluster: ${name}}],`,
  }),
  'a mirror of the route configuration': (name) => ({
    configuration: `request_mirror_policies: [{cluster: ${name}}],`,
  }),
  'a tree of matchers': (name) => ({ routes: `matcher: ${tree(routeIn(`{cluster: ${name}}`))}` }),
  'a list of routes in a tree': (name) => ({
    routes: `matcher: ${tree(`{name: r, typed_config: {"@type": x/envoy.config.route.v3.RouteList, routes: [{match: {prefix: /}, route: {cluster: ${name}}}]}}`)}`,
  }),
  'a plug-in with a tree': (name) => ({
    route: `route: {inline_cluster_specifier_plugin: {extension: {name: p, typed_config: {"@type": ${specifiers}.matcher.v3.MatcherClusterSpecifier, cluster_matcher: ${tree(`{name: c, typed_config: {"@type": ${specifiers}.matcher.v3.ClusterAction, cluster: ${name}}}`)}}}}}`,
  }),
  'a plug-in with groups': (name) => ({
    configuration: `cluster_specifier_plugins: [{extension: {name: p, typed_config: {"@type": ${specifiers}.priority_group.v3.PriorityGroupClusterSpecifier, priority_groups: [{name: g, clusters: [{cluster_name: ${name}}]}]}}}],`,
    route: 'route: {cluster_specifier_plugin: p}',
  }),
  'a scope': (name) => ({
    source: `scoped_routes: {name: s, scoped_route_configurations_list: {scoped_route_configurations: [{name: a, route_configuration: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${name}}}]}]}}]}}`,
  }),
  'a file of routes': (name) => ({
    source:
      'rds: {route_config_name: r, config_source: {path_config_source: {path: /etc/envoy/rds.yaml}}}',
    files: {
      'rds.yaml': `resources:\n- "@type": x/envoy.config.route.v3.RouteConfiguration\n  name: r\n  virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${name}}}]}]\n`,
    },
  }),
};

/** By kind: a cluster that leads to "bare" in the end. */
const ways: Readonly<Record<string, (name: string) => Pick<Parts, 'clusters' | 'listeners'>>> = {
  'an aggregate cluster': (name) => ({
    clusters: `  - {name: ${name}, cluster_type: {name: a, typed_config: {"@type": x/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [safe, bare]}}}\n`,
  }),
  'a composite cluster': (name) => ({
    clusters: `  - {name: ${name}, cluster_type: {name: a, typed_config: {"@type": x/envoy.extensions.clusters.composite.v3.ClusterConfig, clusters: [{name: bare}]}}}\n`,
  }),
  'a listener on loopback': (name) => ({
    clusters: `  - {name: ${name}, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 7001}}}}]}]}}\n`,
    listeners:
      '  - {name: tcp, address: {socket_address: {address: 0.0.0.0, port_value: 7001}}, filter_chains: [{filters: [{name: t, typed_config: {"@type": x/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, cluster: bare}}]}]}\n',
  }),
  'an internal listener': (name) => ({
    clusters: `  - {name: ${name}, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {envoy_internal_address: {server_listener_name: tcp}}}}]}]}}\n`,
    listeners:
      '  - {name: tcp, internal_listener: {}, filter_chains: [{filters: [{name: t, typed_config: {"@type": x/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, weighted_clusters: {clusters: [{name: bare, weight: 1}]}}}]}]}\n',
  }),
};

describe('a cluster without TLS is found', () => {
  test.each(Object.entries(places))('in %s', (_name, place) => {
    expect(told(place('bare')).join('\n')).toMatch(/^token_without_tls: .*"bare"/m);
    expect(told(place('safe')).join('\n')).not.toContain('token_without_tls');
  });

  test('from every place, by every kind of cluster', () => {
    const both = fc.record({
      place: fc.constantFrom(...Object.values(places)),
      way: fc.constantFrom(...Object.values(ways)),
    });
    fc.assert(
      fc.property(both, ({ place, way }) => {
        const text = told({ ...place('led'), ...way('led') }).join('\n');
        expect(text).toMatch(/^token_without_tls: .*"bare"/m);
      }),
    );
  });

  test('a cluster that is made of itself ends', () => {
    const clusters =
      '  - {name: led, cluster_type: {name: a, typed_config: {"@type": x/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [led, bare]}}}\n';
    expect(told({ route: 'route: {cluster: led}', clusters }).join('\n')).toContain('"bare"');
  });
});

const tls =
  '{name: tls, typed_config: {"@type": x/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {validation_context: {trusted_ca: {filename: /ca.pem}}}}}';
const plain =
  '{name: raw, typed_config: {"@type": x/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}';

describe('TLS counts where each endpoint has it', () => {
  test.each([
    ['a socket', `transport_socket: ${tls}`, true],
    ['a plain socket', `transport_socket: ${plain}`, false],
    [
      'STARTTLS, which begins plain',
      `transport_socket: {name: s, typed_config: {"@type": x/envoy.extensions.transport_sockets.starttls.v3.UpstreamStartTlsConfig, tls_socket_config: {}}}`,
      false,
    ],
    [
      'a socket in a socket',
      `transport_socket: {name: p, typed_config: {"@type": x/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport, transport_socket: ${tls}}}`,
      true,
    ],
    [
      'a plain one in a socket',
      `transport_socket: {name: p, typed_config: {"@type": x/envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport, transport_socket: ${plain}}}`,
      false,
    ],
    [
      'a match for all endpoints',
      `transport_socket_matches: [{name: m, match: {}, transport_socket: ${tls}}]`,
      true,
    ],
    [
      'a match for some, and nothing else',
      `transport_socket_matches: [{name: m, match: {a: b}, transport_socket: ${tls}}]`,
      false,
    ],
    [
      'a match for some, and a socket',
      `transport_socket: ${tls}, transport_socket_matches: [{name: m, match: {a: b}, transport_socket: ${tls}}]`,
      true,
    ],
    [
      'a plain match for some',
      `transport_socket: ${tls}, transport_socket_matches: [{name: m, match: {a: b}, transport_socket: ${plain}}]`,
      false,
    ],
    [
      'a plain match behind one for all',
      `transport_socket_matches: [{name: m, transport_socket: ${tls}}, {name: n, transport_socket: ${plain}}]`,
      true,
    ],
  ])('%s', (_name, fields, isProtected) => {
    const clusters = `  - {name: far, type: STRICT_DNS, ${fields}}\n`;
    const text = told({ route: 'route: {cluster: far}', clusters }).join('\n');
    expect(text.includes('token_without_tls')).toBe(!isProtected);
  });
});

describe('what cannot be judged is told of', () => {
  test.each<[string, Parts, string]>([
    ['a header', { route: 'route: {cluster_header: x-to}' }, 'the header "x-to"'],
    [
      'a header of a weighted cluster',
      { route: 'route: {weighted_clusters: {clusters: [{cluster_header: x-to, weight: 1}]}}' },
      'the header "x-to"',
    ],
    [
      'a header of a mirror',
      { host: 'request_mirror_policies: [{cluster_header: x-to}],' },
      'the header "x-to"',
    ],
    [
      'a plug-in',
      {
        configuration: `cluster_specifier_plugins: [{extension: {name: p, typed_config: {"@type": ${specifiers}.lua.v3.LuaConfig}}}],`,
        route: 'route: {cluster_specifier_plugin: p}',
      },
      'the plug-in "p"',
    ],
    [
      'a plug-in that is not there',
      { route: 'route: {cluster_specifier_plugin: p}' },
      'the plug-in "p"',
    ],
    [
      'a plug-in in the route',
      {
        route:
          'route: {inline_cluster_specifier_plugin: {extension: {name: p, typed_config: {"@type": x/a.B}}}}',
      },
      'the plug-in "p"',
    ],
    [
      'a plug-in that makes routes',
      { host: 'route_specifiers: [{name: p, typed_config: {"@type": x/a.B}}],' },
      'the plug-in "p"',
    ],
    [
      'an action of a tree',
      { routes: `matcher: ${tree('{name: x, typed_config: {"@type": x/a.B}}')}` },
      'an action that svidecar does not know',
    ],
    [
      'virtual hosts by discovery',
      { configuration: 'vhds: {config_source: {ads: {}}},' },
      'routes that cannot be seen here',
    ],
    [
      'routes by discovery',
      { source: 'rds: {route_config_name: r, config_source: {ads: {}}}' },
      'routes that cannot be seen here',
    ],
    [
      'a cluster that is not there',
      { route: 'route: {cluster: gone}' },
      'cluster "gone", which is not in these files',
    ],
    [
      'a forward proxy',
      {
        route: 'route: {cluster: dfp}',
        clusters:
          '  - {name: dfp, cluster_type: {name: d, typed_config: {"@type": x/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig}}}\n',
      },
      'the host of each request, or what a filter sets in its place',
    ],
    [
      'the original address',
      { route: 'route: {cluster: od}', clusters: '  - {name: od, type: ORIGINAL_DST}\n' },
      'the address that the client connected to',
    ],
    [
      'the original address, or a header',
      {
        route: 'route: {cluster: od}',
        clusters:
          '  - {name: od, type: ORIGINAL_DST, original_dst_lb_config: {use_http_header: true, http_header_name: x-to}}\n',
      },
      'the header "x-to" of each request (use_http_header), or the address',
    ],
  ])('%s', (_name, parts, chooser) => {
    expect(told(parts).join('\n')).toMatch(
      new RegExp(
        `^destination_not_judged: ConfigMap demo/web \\S+:\\d+: .* is chosen by ${chooser.replaceAll(/[()]/g, String.raw`\$&`)}`,
        'm',
      ),
    );
  });

  test('a tunnel', () => {
    const route =
      'route: {cluster: safe, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}';
    expect(told({ route }).join('\n')).toMatch(/^tunnel_seen_once: /m);
  });
});

describe('a cluster at loopback is safe only if it stays there', () => {
  const local = (endpoint: string, address = '', more = ''): Parts => ({
    route: 'route: {cluster: here}',
    clusters: `  - {name: here, type: STATIC, ${more} load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 7001, ${address}}}, ${endpoint}}}]}]}}\n`,
  });
  const typed = (type: string): Parts => ({
    route: 'route: {cluster: here}',
    clusters: local('').clusters?.replace('type: STATIC', `type: ${type}`) ?? '',
  });
  const other = (ip: string): string =>
    `additional_addresses: [{address: {socket_address: {address: ${ip}, port_value: 1}}}]`;
  const proxy = `transport_socket: {name: p, typed_config: {"@type": x/envoy.extensions.transport_sockets.http_11_proxy.v3.Http11ProxyUpstreamTransport, transport_socket: {name: r, typed_config: {"@type": x/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}}},`;
  test.each<[string, Parts, boolean]>([
    ['alone', local(''), false],
    ['with another address at loopback', local(other('127.0.0.2')), false],
    ['with another address', local(other('10.0.0.1')), true],
    ['with a resolver of its own', local('', 'resolver_name: x'), true],
    ['in another network', local('', 'network_namespace_filepath: /run/netns/x'), true],
    ['through a proxy', local('', '', proxy), true],
    ['where the endpoints come from elsewhere', typed('EDS'), true],
    ['where their names are resolved', typed('STRICT_DNS'), false],
  ])('%s', (_name, parts, isTold) => {
    expect(told(parts).some((one) => one.startsWith('token_without_tls'))).toBe(isTold);
  });
});

describe('one route to two clusters, with audiences by host', () => {
  const byHost = {
    ...inject,
    filters: inject.filters.map((one) => ({ ...one, oneAudienceForAllHosts: false })),
  };
  const named = (name: string, host: string, more = ''): string =>
    `  - {name: ${name}, type: STRICT_DNS, ${more} load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: ${host}, port_value: 443}}}}]}]}}\n`;
  const forked = (clusters: string): Parts => ({
    route:
      'route: {weighted_clusters: {clusters: [{name: one, weight: 9}, {name: two, weight: 1}]}}',
    clusters,
  });
  test.each<[string, Parts, boolean]>([
    ['to different hosts', forked(named('one', 'a.test') + named('two', 'b.test')), true],
    [
      'to the same host, divided by something else',
      forked(named('one', 'a.test') + named('two', 'a.test', 'lb_subset_config: {},')),
      false,
    ],
    [
      'to the same gateway, with another name in TLS',
      forked(
        named('one', 'a.test') + named('two', 'a.test', 'transport_socket: {name: tls, sni: b},'),
      ),
      true,
    ],
    ['one of which is not known', forked(named('one', 'a.test')), true],
  ])('%s', (_name, parts, isTold) => {
    const warnings = told(parts, byHost);
    expect(warnings.some((one) => one.startsWith('one_audience_for'))).toBe(isTold);
  });
});
