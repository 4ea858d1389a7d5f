/** A filter that is to ask the helper is believed only if each request is asked about. */
import { describe, expect, test } from 'vitest';
import type { EnvoyPatch } from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { nativeValidate, validate } from '../../../golden/envoy/cases.ts';

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router =
  '{name: router, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}';
const authzType = 'x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz';
const service =
  'grpc_service: {envoy_grpc: {cluster_name: helper}, initial_metadata: [{key: svidecar-rule, value: jwt-validate}]}';
const sound = `transport_api_version: V3, ${service}`;

const google = (more: string, target = 'dns:///127.0.0.1:9010'): string =>
  `grpc_service: {google_grpc: {target_uri: "${target}", ${more}}, initial_metadata: [{key: svidecar-rule, value: jwt-validate}]}`;

interface Site {
  readonly config?: string;
  readonly filter?: string;
  readonly type?: string;
  readonly name?: string;
  readonly cluster?: string;
  readonly routes?: string;
  /** In place of a route configuration. */
  readonly manager?: string;
}

const endpoint = (address: string, port: number): string =>
  `endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: ${address}, port_value: ${port}}}}}]}]`;

function patch(site: Site, additions = validate): EnvoyPatch {
  const { config = sound, filter = '', type = authzType, name = 'mine', routes = '' } = site;
  const { cluster = `load_assignment: {${endpoint('127.0.0.1', 9010)}}` } = site;
  const text = `static_resources:
  listeners:
  - name: web
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": ${managerType}
          ${site.manager ?? `route_config: {${routes}}`}
          http_filters:
          - {name: ${name}, ${filter}typed_config: {"@type": ${type}, ${config}}}
          - ${router}
  clusters:
  - {name: helper, ${cluster}}
`;
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy(source, additions);
}

const off = `{"@type": x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true}`;

test('routes that cannot be seen could switch a filter off that is wired by hand', () => {
  const text = 'rds: {route_config_name: r, config_source: {ads: {}}}';
  const warnings = patch({ manager: text }).warnings.map(({ message }) => message);
  expect(warnings).toEqual(
    expect.arrayContaining([expect.stringContaining('(typed_per_filter_config, mine)')]),
  );
});

test.each<[string, Site]>([
  ['as it should be', {}],
  ['by the number of the API version', { config: `transport_api_version: 2, ${service}` }],
  [
    'with switches that are off',
    { config: `${sound}, failure_mode_allow: false`, filter: 'disabled: false, ' },
  ],
  [
    'with settings that change no verdict',
    { config: `${sound}, statPrefix: a, clear_route_cache: true` },
  ],
  ['by a client of its own', { config: `transport_api_version: V3, ${google('stat_prefix: a')}` }],
  [
    'by a name service that leads to loopback',
    { cluster: `type: STRICT_DNS, load_assignment: {${endpoint('localhost', 9010)}}` },
  ],
  [
    'in a wrapper',
    {
      type: 'x/xds.type.v3.TypedStruct',
      config: `type_url: ${authzType}, value: {${sound}}`,
    },
  ],
])('wired by hand, %s: left alone, and said', (_name, site) => {
  const { warnings, changes } = patch(site);
  expect(warnings.map(({ id }) => id)).toEqual(['wired_by_hand']);
  expect(changes).toEqual([]);
});

const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const leading = endpoint('127.0.0.1', 9010);
const assigned = `load_assignment: {${leading}}`;
const withOptions = (text: string): string =>
  `${assigned}, typed_extension_protocol_options: {${options}: {"@type": x/${options}, ${text}}}`;
const inEndpoint = (text: string): string =>
  `load_assignment: {${leading.replace('endpoint: {', `endpoint: {${text}, `)}}`;
const inSocket = (text: string): string =>
  `load_assignment: {${leading.replace('socket_address: {', `socket_address: {${text}, `)}}`;
const socketOf = (type: string): string =>
  `${assigned}, transport_socket: {name: t, typed_config: {"@type": x/envoy.extensions.transport_sockets.${type}}}`;

test.each<[string, string]>([
  [
    'of usual settings',
    `${assigned}, connect_timeout: 1s, lbPolicy: ROUND_ROBIN, track_cluster_stats: {}`,
  ],
  ['of HTTP/2', withOptions('explicit_http_config: {http2_protocol_options: {}}')],
  ['with a plain socket', socketOf('raw_buffer.v3.RawBuffer')],
  ['with empty lists', `${assigned}, filters: [], transport_socket: null`],
])('a cluster %s leads to the helper', (_name, cluster) => {
  expect(patch({ cluster }).warnings.map(({ id }) => id)).toEqual(['wired_by_hand']);
});

test.each<[string, string]>([
  ['additional_addresses', inEndpoint('additional_addresses: [{address: {pipe: {path: /x}}}]')],
  ['additionalAddresses', inEndpoint('additionalAddresses: [{address: {pipe: {path: /x}}}]')],
  ['network_namespace_filepath', inSocket('network_namespace_filepath: /x')],
  ['resolver_name', inSocket('resolver_name: x')],
  ['transport_socket', socketOf('http_11_proxy.v3.Http11ProxyUpstreamTransport')],
  ['transport_socket', socketOf('proxy_protocol.v3.ProxyProtocolUpstreamTransport')],
  ['transport_socket', socketOf('tls.v3.UpstreamTlsContext')],
  ['transport_socket', `${assigned}, transport_socket: {name: envoy.transport_sockets.raw_buffer}`],
  ['transport_socket_matches', `${assigned}, transport_socket_matches: [{name: a}]`],
  ['http_filters', withOptions('http_filters: [{name: a}]')],
  ['request_mirror_policies', withOptions('request_mirror_policies: [{cluster: a}]')],
  ['other', `${assigned}, typed_extension_protocol_options: {other: {"@type": x/a.B}}`],
  ['filters', `${assigned}, filters: [{name: a}]`],
  ['upstream_bind_config', `${assigned}, upstream_bind_config: {source_address: {}}`],
  ['load_balancing_policy', `${assigned}, load_balancing_policy: {policies: []}`],
  ['dns_resolvers', `${assigned}, type: STRICT_DNS, dns_resolvers: [{}]`],
  ['field_of_tomorrow', `${assigned}, field_of_tomorrow: 1`],
  [
    'leds_cluster_locality_config',
    `load_assignment: {${leading.replace('[{', '[{leds_cluster_locality_config: {}, ')}}`,
  ],
  ['named_endpoints', `load_assignment: {named_endpoints: {a: {}}, ${leading}}`],
])('a cluster with %s can lead elsewhere: refused, with the line', (field, cluster) => {
  expect(() => patch({ cluster })).toThrow(
    `does not lead to the helper alone (127.0.0.1:9010) because of ${field} (ConfigMap demo/web envoy.yaml:14)`,
  );
});

describe('wired by hand, with a hole: refused, with the line and the field', () => {
  test.each<[string, Site, RegExp]>([
    [
      'open on failure',
      { config: `${sound}, failure_mode_allow: true` },
      /failure_mode_allow lets all requests pass/,
    ],
    [
      'open on failure, in YAML’s other word',
      { config: `${sound}, failureModeAllow: yes` },
      /failure_mode_allow lets/,
    ],
    [
      'only watching',
      { config: `${sound}, shadow_mode: true` },
      /shadow_mode lets refused requests pass/,
    ],
    [
      'by a client with arguments of the channel',
      {
        config: `transport_api_version: V3, ${google('channel_args: {args: {grpc.http_proxy: {string_value: "10.0.0.1:1"}}}')}`,
      },
      /google_grpc has channel_args, by which calls can go elsewhere/,
    ],
    [
      'by a client with a plug-in',
      { config: `transport_api_version: V3, ${google('credentialsFactoryName: a')}` },
      /google_grpc has credentialsFactoryName/,
    ],
    [
      'by a client that asks a control plane',
      { config: `transport_api_version: V3, ${google('stat_prefix: a', 'xds:///127.0.0.1:9010')}` },
      /no grpc_service that leads to the helper/,
    ],
    [
      'at a socket file that looks like an address',
      { config: `transport_api_version: V3, ${google('stat_prefix: a', 'unix:127.0.0.1:9010')}` },
      /no grpc_service that leads to the helper/,
    ],
    ['switched off', { filter: 'disabled: true, ' }, /it is disabled/],
    ['optional', { filter: 'is_optional: true, ' }, /is_optional lets Envoy leave it out/],
    [
      'for a fraction of requests',
      { config: `${sound}, filter_enabled: {default_value: {numerator: 1}}` },
      /filter_enabled can keep requests from being checked/,
    ],
    [
      'by metadata',
      { config: `${sound}, filterEnabledMetadata: {filter: a}` },
      /filterEnabledMetadata can keep/,
    ],
    [
      'with a field that is not known',
      { config: `${sound}, later_field: 1` },
      /later_field can keep requests/,
    ],
    [
      'with mutations held back',
      { config: `${sound}, decoder_header_mutation_rules: {}` },
      /decoder_header_mutation_rules can/,
    ],
    [
      'of another API version',
      { config: `transport_api_version: V2, ${service}` },
      /transport_api_version is not V3/,
    ],
    ['of no API version', { config: service }, /transport_api_version is not V3/],
    [
      'to a cluster that is not there',
      { config: sound.replace('cluster_name: helper', 'cluster_name: x') },
      /nobody can tell where its cluster "x" leads/,
    ],
    [
      'to another port',
      { cluster: `load_assignment: {${endpoint('127.0.0.1', 9011)}}` },
      /its cluster "helper" does not lead to the helper alone/,
    ],
    [
      'to another host',
      { cluster: `load_assignment: {${endpoint('10.0.0.1', 9010)}}` },
      /does not lead to the helper alone/,
    ],
    [
      'to endpoints by discovery',
      { cluster: `type: EDS, load_assignment: {${endpoint('127.0.0.1', 9010)}}` },
      /does not lead to the helper alone/,
    ],
    [
      'to a socket',
      {
        cluster:
          'load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: /s}}}}]}]}',
      },
      /does not lead/,
    ],
    [
      'off on a route',
      { routes: `typed_per_filter_config: {mine: ${off}}` },
      /a route sets something for it \(.*\/mine\) that lets requests pass/,
    ],
    [
      'of another type, by our name',
      { name: 'svidecar.jwt-validate', type: 'x/a.b.C', config: '' },
      /it is of type a\.b\.C, which asks nobody/,
    ],
  ])('%s', (_name, site, why) => {
    expect(() => patch(site)).toThrow(
      expect.objectContaining({
        code: 'ENVOY_CONFIG_INVALID',
        message: expect.stringMatching(
          new RegExp(
            `envoy\\.yaml:11:\\d+: filter [a-z.-]+ is to ask the helper for jwt-validate, but .*${why.source}.*let svidecar do the wiring$`,
          ),
        ) as string,
      }),
    );
  });

  test('by our name, configured from elsewhere', () => {
    const text = patch({ name: 'svidecar.jwt-validate' }).files['envoy.yaml'] ?? '';
    const found = text.replace(
      /typed_config: \{"@type": x\/envoy[^\n]*ExtAuthz[^\n]*\n/,
      'config_discovery: {}}\n',
    );
    const source = {
      name: 'ConfigMap demo/web',
      files: { 'envoy.yaml': found },
      main: 'envoy.yaml',
    };
    expect(() => patchEnvoy(source, validate)).toThrow(/comes from elsewhere and cannot be seen/);
  });
});

test('a filter that asks somebody else is no wiring: ours goes beside it', () => {
  const config = 'transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: opa}}';
  expect(patch({ config }).warnings).toEqual([]);
});

test('in the native data path, a name of ours that holds something else is refused', () => {
  const site = { name: 'svidecar.jwt-validate', type: 'x/a.b.C', config: '' };
  expect(() => patch(site, nativeValidate)).toThrow(
    /filter svidecar\.jwt-validate has a name that is svidecar's, but is not what svidecar writes for jwt-validate here/,
  );
});
