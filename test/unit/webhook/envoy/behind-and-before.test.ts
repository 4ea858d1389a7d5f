/** What stands before the connection manager, and what becomes of a request behind our filter's list. */
import { describe, expect, test } from 'vitest';
import type { EnvoyAdditions } from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { inject, validate } from '../../../golden/envoy/cases.ts';

const managerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const http = (type: string, more = ''): string =>
  `{name: f, typed_config: {"@type": x/envoy.extensions.filters.http.${type}${more}}}`;
const lua = http('lua.v3.Lua');
const withLua = http('router.v3.Router', `, upstream_http_filters: [${lua}]`);
const trusted = '{validation_context: {trusted_ca: {filename: /ca.pem}}}';
const skip =
  '{svidecar.jwt-validate: {"@type": x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {context_extensions: {svidecar-skip: "true"}}}}';

interface Parts {
  readonly listener?: string;
  readonly network?: string;
  readonly manager?: string;
  readonly filters?: string;
  readonly route?: string;
  readonly action?: string;
  readonly common?: string;
  readonly cluster?: string;
  readonly secrets?: string;
  readonly bootstrap?: string;
}

function told(parts: Parts, additions: EnvoyAdditions): readonly string[] {
  const cluster = (name: string): string =>
    `  - {name: ${name}, type: STRICT_DNS, ${parts.cluster ?? ''} load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: ${name}.test, port_value: 443}}}}]}]}, transport_socket: {name: tls, typed_config: {"@type": x/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: ${parts.common ?? trusted}}}}`;
  const text = `${parts.bootstrap ?? ''}
static_resources:
  secrets: [${parts.secrets ?? ''}]
  listeners:
  - {name: web, ${parts.listener ?? ''} filter_chains: [{filters: [${parts.network ?? ''} {name: hcm, typed_config: {"@type": x/${managerType}, ${parts.manager ?? ''} http_filters: [${parts.filters ?? http('router.v3.Router')}], route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, ${parts.route ?? ''} route: {${parts.action ?? 'cluster: app'}}}]}]}}}]}]}
  clusters:
${cluster('app')}
${cluster('copy')}
`;
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy(source, additions).warnings.map(({ id }) => id);
}

const saying = (additions: EnvoyAdditions, more: object): EnvoyAdditions => ({
  ...additions,
  filters: additions.filters.map((one) => ({ ...one, ...more })),
});
const exempting = saying(validate, { exemptsPaths: true });
const byHost = saying(inject, { oneAudienceForAllHosts: false });
const options = `typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": x/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, http_filters: [${lua}]}},`;
const skipping = `typed_per_filter_config: ${skip},`;
const mirror = 'cluster: app, request_mirror_policies: [{cluster: copy}]';
const log = (inner: string): string =>
  `access_log: [{name: l, typed_config: {"@type": x/envoy.extensions.access_loggers.file.v3.FileAccessLog, ${inner}}}],`;

const format = (source: string): string => `log_format: {text_format_source: {${source}}}`;
const limited = (header: string): string =>
  `cluster: app, rate_limits: [{actions: [{request_headers: {header_name: ${header}, descriptor_key: t}}]}]`;
const secretA = (more = ''): string => `validation_context_sds_secret_config: {name: a, ${more}}`;
const validator = (name: string): string =>
  `custom_validator_config: {name: v, typed_config: {"@type": x/envoy.extensions.transport_sockets.tls.v3.${name}CertValidatorConfig}}`;

const seen = 'token_seen_by_filter';
const front = (filter: string): string => `${filter}, ${http('router.v3.Router')}`;
const tap = (output = ''): string =>
  http('tap.v3.Tap', `, common_config: {static_config: {output_config: {${output}}}}`);
const composed = (inner: string): string =>
  `{name: f, typed_config: {"@type": x/envoy.extensions.filters.http.composite.v3.Composite, named_filter_chains: {a: {typed_config: [${inner}]}}}}`;
const sockets = 'x/envoy.extensions.transport_sockets';
const tappedSocket = `transport_socket_matches: [{name: a, match: {}, transport_socket: {name: t, typed_config: {"@type": ${sockets}.tap.v3.Tap, transport_socket: {name: tls, typed_config: {"@type": ${sockets}.tls.v3.UpstreamTlsContext, common_tls_context: ${trusted}}}}}}],`;

describe('a path that needs no token, and could become another one', () => {
  test.each<[string, Parts, EnvoyAdditions, boolean]>([
    ['by a filter of the router', { filters: withLua }, exempting, true],
    ['by a filter of the cluster', { cluster: options }, exempting, true],
    ['by no filter', {}, exempting, false],
    ['where nothing is exempted', { filters: withLua, cluster: options }, validate, false],
    [
      'behind a route that skips',
      { filters: `${lua}, ${http('router.v3.Router')}`, route: skipping },
      saying(validate, { before: ['f'] }),
      true,
    ],
    ['by a prefix', { action: 'cluster: app, prefix_rewrite: /x' }, exempting, true],
    ['by a pattern', { action: 'cluster: app, regex_rewrite: {}' }, exempting, true],
    ['by a format', { action: 'cluster: app, path_rewrite: "/%A%"' }, exempting, true],
    ['by a policy', { action: 'cluster: app, path_rewrite_policy: {}' }, exempting, true],
    [
      'by the route that skips',
      { action: 'cluster: app, prefix_rewrite: /x', route: skipping },
      validate,
      true,
    ],
    [
      'by a route, nothing exempted',
      { action: 'cluster: app, prefix_rewrite: /x' },
      validate,
      false,
    ],
  ])('%s', (...[, parts, additions, isTold]) => {
    expect(told(parts, additions).includes('path_changed_behind')).toBe(isTold);
  });
});

describe('what is plugged into Envoy as a whole', () => {
  const bootstrap = (text: string): readonly string[] => told({ bootstrap: text }, validate);
  const extension = (type: string): string =>
    `bootstrap_extensions: [{name: e, typed_config: {"@type": x/envoy.extensions.${type}}}]`;
  test.each<[string, string, boolean]>([
    ['code', extension('wasm.v3.WasmService'), true],
    ['an extension of an unknown type', extension('own.v3.Own'), true],
    ['internal listeners', extension('bootstrap.internal_listener.v3.InternalListener'), false],
    ['sockets of its own', 'defaultSocketInterface: own', true],
    [
      'the usual sockets',
      'default_socket_interface: envoy.extensions.network.socket_interface.default_socket_interface',
      false,
    ],
    ['what manages listeners', 'listener_manager: {name: m, typed_config: {"@type": x/own}}', true],
    [
      'what usually manages listeners',
      'listener_manager: {name: m, typed_config: {"@type": x/envoy.config.listener.v3.ListenerManager}}',
      false,
    ],
  ])('%s', (_name, text, isTold) => {
    expect(bootstrap(text).includes('extension_not_judged')).toBe(isTold);
  });
});

describe('a token that others get', () => {
  test.each<[string, Parts, EnvoyAdditions, string]>([
    ['a filter of the router', { filters: withLua }, byHost, 'token_seen_by_filter'],
    ['a filter of the cluster', { cluster: options }, byHost, 'token_seen_by_filter'],
    [
      'a tap',
      { filters: `${http('tap.v3.Tap')}, ${http('router.v3.Router')}`, manager: '' },
      saying(byHost, { before: ['f'] }),
      'token_seen_by_filter',
    ],
    ['a mirror', { action: mirror }, byHost, 'one_audience_for_several_clusters'],
    [
      'weighted clusters',
      {
        action: 'weighted_clusters: {clusters: [{name: app, weight: 1}, {name: copy, weight: 1}]}',
      },
      byHost,
      'one_audience_for_several_clusters',
    ],
    [
      'a log',
      { manager: log('log_format: {text_format_source: {inline_string: "%REQ(Authorization)%"}}') },
      byHost,
      'token_logged',
    ],
    [
      'a log of the listener',
      { listener: log('log_format: {json_format: {a: ["%REQ(x?authorization)%"]}}') },
      byHost,
      'token_logged',
    ],
    [
      'a log that is sent',
      { manager: log('additional_request_headers_to_log: [x, authorization]') },
      byHost,
      'token_logged',
    ],
    [
      'a trace',
      { manager: 'tracing: {custom_tags: [{tag: a, request_header: {name: authorization}}]},' },
      byHost,
      'token_logged',
    ],
    ['a tap in front, which writes when all is over', { filters: front(tap()) }, byHost, seen],
    [
      'a tap in front that is set up later',
      { filters: front(http('tap.v3.Tap', ', common_config: {admin_config: {config_id: a}}')) },
      byHost,
      seen,
    ],
    ['a tap inside another filter', { filters: front(composed(tap())) }, byHost, seen],
    ['code in front', { filters: front(http('wasm.v3.Wasm')) }, byHost, seen],
    ['a program in front', { filters: front(http('ext_proc.v3.ExternalProcessor')) }, byHost, seen],
    ['a tap of the connection', { cluster: tappedSocket }, byHost, 'token_logged'],
    ['TLS without a context', { common: '{}' }, byHost, 'token_without_tls'],
    [
      'TLS that accepts anybody',
      {
        common:
          '{validation_context: {trusted_ca: {filename: /ca}, trust_chain_verification: ACCEPT_UNTRUSTED}}',
      },
      byHost,
      'token_without_tls',
    ],
    [
      'TLS by a secret that accepts anybody',
      {
        common: `{${secretA()}}`,
        secrets:
          '{name: a, validation_context: {trusted_ca: {filename: /ca}, trust_chain_verification: ACCEPT_UNTRUSTED}}',
      },
      byHost,
      'token_without_tls',
    ],
    [
      'TLS by a secret that is not there',
      { common: `{${secretA()}}` },
      byHost,
      'token_without_tls',
    ],
    [
      'TLS by an empty list',
      { common: '{validation_context: {verify_certificate_hash: []}}' },
      byHost,
      'token_without_tls',
    ],
    [
      'TLS by a validator that nobody knows',
      { common: `{validation_context: {${validator('Own')}}}` },
      byHost,
      'token_without_tls',
    ],
    ['a format in a file', { manager: log(format('filename: /f')) }, byHost, 'token_logged'],
    [
      'a format in a variable',
      { listener: log(format('environment_variable: F')) },
      byHost,
      'token_logged',
    ],
    ['a rate limit', { action: limited('Authorization') }, byHost, 'token_logged'],
    [
      'a trace of the route',
      { route: 'tracing: {custom_tags: [{tag: a, request_header: {name: authorization}}]},' },
      byHost,
      'token_logged',
    ],
    [
      'a header of the answer',
      { route: 'response_headers_to_add: [{header: {key: x, value: "%REQ(authorization)%"}}],' },
      byHost,
      'token_logged',
    ],
    [
      'a filter that takes it into metadata',
      {
        filters: front(
          http('header_to_metadata.v3.Config', ', request_rules: [{header: authorization}]'),
        ),
      },
      saying(byHost, { before: ['f'] }),
      seen,
    ],
    [
      'a policy service behind',
      {
        filters: front(
          http('ext_authz.v3.ExtAuthz', ', grpc_service: {envoy_grpc: {cluster_name: app}}'),
        ),
      },
      saying(byHost, { before: ['f'] }),
      seen,
    ],
  ])('%s', (...[, parts, additions, id]) => {
    expect(told(parts, additions)).toContain(id);
  });

  test.each<[string, Parts]>([
    ['nothing', {}],
    ['a tap in front that writes what it sees', { filters: front(tap('streaming: true')) }],
    ['a script in front', { filters: front(lua) }],
    ['another header in a log', { manager: log('additional_request_headers_to_log: [x]') }],
    ['a context by SDS', { common: `{${secretA('sds_config: {ads: {}}')}}` }],
    [
      'a combined context',
      { common: `{combined_validation_context: {${secretA('sds_config: {ads: {}}')}}}` },
    ],
    [
      'a context that stands among the secrets',
      {
        common: `{${secretA()}}`,
        secrets: '{name: a, validation_context: {trusted_ca: {filename: /ca}}}',
      },
    ],
    ["SPIFFE's own validator", { common: `{validation_context: {${validator('SPIFFE')}}}` }],
    ['a format that stands here', { manager: log(format('inline_string: "%REQ(x)% 100%"')) }],
    ['a rate limit by another header', { action: limited('x') }],
    ['a filter behind that passes', { filters: front(http('cors.v3.Cors')) }],
    ['a weighted cluster', { action: 'weighted_clusters: {clusters: [{name: app, weight: 1}]}' }],
  ])('is told of for no reason: %s', (_name, parts) => {
    expect(told(parts, byHost)).toEqual([]);
  });
});

describe('what stands before the connection manager', () => {
  const network = (type: string): Parts => ({
    network: `{name: n, typed_config: {"@type": x/envoy.extensions.filters.network.${type}}},`,
  });
  const listener = (type: string): Parts => ({
    listener: `listener_filters: [{name: n, typed_config: {"@type": x/envoy.extensions.filters.listener.${type}}}],`,
  });
  test.each<[string, Parts, boolean]>([
    ['wasm', network('wasm.v3.Wasm'), true],
    ['golang', network('golang.v3alpha.Config'), true],
    ['a module', network('dynamic_modules.v3.DynamicModuleNetworkFilter'), true],
    ['another program', network('ext_proc.v3.NetworkExternalProcessor'), true],
    ['discovery', { network: '{name: n, config_discovery: {}},' }, true],
    ['rbac', network('rbac.v3.RBAC'), false],
    ['ext_authz', network('ext_authz.v3.ExtAuthz'), false],
    ['a module for listeners', listener('dynamic_modules.v3.DynamicModuleListenerFilter'), true],
    ['tls_inspector', listener('tls_inspector.v3.TlsInspector'), false],
    [
      'tls_inspector by its name',
      { listener: 'listener_filters: [{name: envoy.filters.listener.tls_inspector}],' },
      false,
    ],
  ])('%s', (_name, parts, isTold) => {
    expect(told(parts, validate).includes('filter_in_front')).toBe(isTold);
  });
});
