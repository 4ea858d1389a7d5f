/** Where our filter goes among others, what is told of them, and when a filter would meet its own work. */
import { describe, expect, test } from 'vitest';
import type {
  EnvoyAdditions,
  EnvoyPatch,
  FilterAddition,
} from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { inject, nativeAdditions, validate } from '../../../golden/envoy/cases.ts';

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const prefix = 'envoy.extensions.filters.http.';

/** A filter whose name is the first word of its type. */
function filter(type: string, more = ''): string {
  const [name = ''] = type.split('.');
  return `{name: ${name}, typed_config: {"@type": x/${prefix}${type}${more}}}`;
}
const router = filter('router.v3.Router');
const cache = filter('cache.v3.CacheConfig');
const cors = filter('cors.v3.Cors');
const lua = filter('lua.v3.Lua');
const asksHttp = filter('ext_authz.v3.ExtAuthz', ', http_service: {server_uri: {uri: x}}');
const asksGrpc = filter('ext_authz.v3.ExtAuthz', ', grpc_service: {envoy_grpc: {}}');
const matcher = (inner: string): string =>
  `{name: match, typed_config: {"@type": x/envoy.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: ${inner}}}`;
const executing = (inner: string): string =>
  `{name: match, typed_config: {"@type": x/envoy.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: ${filter('composite.v3.Composite')}, xds_matcher: {matcher_list: {matchers: [{predicate: {}, on_match: {action: {name: a, typed_config: {"@type": x/${prefix}composite.v3.ExecuteFilterAction, ${inner}}}}}]}}}}`;

const chain = (field: string): string =>
  `{name: chains, typed_config: {"@type": x/${prefix}filter_chain.v3.FilterChainConfig, ${field}}}`;

/** Each way in which one filter runs others, around some filter. */
const wrappers: Readonly<Record<string, (inner: string) => string>> = {
  'a matcher': matcher,
  'a default chain': (inner) => chain(`default_filter_chain: {filters: [${cors}, ${inner}]}`),
  'a named chain': (inner) => chain(`filter_chains: {a: {filters: [${inner}]}}`),
  'a composite filter': (inner) => executing(`typed_config: ${inner}`),
  'a chain of a composite filter': (inner) =>
    executing(`filter_chain: {typed_config: [${cors}, ${inner}]}`),
  'a named chain of a composite filter': (inner) =>
    `{name: named, typed_config: {"@type": x/${prefix}composite.v3.Composite, named_filter_chains: {a: {typed_config: [${inner}]}}}}`,
  'a matcher in a default chain': (inner) =>
    chain(`default_filter_chain: {filters: [${matcher(inner)}]}`),
};
const terminals: Readonly<Record<string, string>> = {
  router,
  'file server': filter('file_server.v3.FileServerConfig'),
  'MCP router': filter('mcp_router.v3.McpRouter'),
  codec: filter('upstream_codec.v3.UpstreamCodec'),
  module: filter('dynamic_modules.v3.DynamicModuleFilter', ', terminal_filter: true'),
};

function textOf(filters: readonly string[], routes = ''): string {
  return `static_resources:
  listeners:
  - {name: web, address: {socket_address: {address: 0.0.0.0, port_value: 7000}}, filter_chains: [{filters: [{name: hcm, typed_config: {"@type": ${managerType}, http_filters: [${filters.join(', ')}]${routes}}}]}]}
  clusters: []
`;
}

function patch(text: string, additions: EnvoyAdditions): EnvoyPatch {
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy(source, additions);
}

/** The same additions with more said about each filter. */
function saying(additions: EnvoyAdditions, more: Partial<FilterAddition>): EnvoyAdditions {
  return { ...additions, filters: additions.filters.map((one) => ({ ...one, ...more })) };
}

/** The filter before which ours was added. */
function before(filters: readonly string[], additions: EnvoyAdditions): string {
  const { changes } = patch(textOf(filters), additions);
  return /before (\S+) in listener/.exec(changes[0]?.message ?? '')?.[1] ?? '';
}

describe('our filter goes', () => {
  test.each<[string, readonly string[], EnvoyAdditions, string]>([
    ['before the terminal one', [cors, router], validate, 'router'],
    ['before a cache', [cors, cache, router], validate, 'cache'],
    ['before a cache that is asked for tokens', [cors, cache, router], inject, 'cache'],
    [
      'before the first of several',
      [cors, filter('file_server.v3.FileServerConfig'), lua, cache, router],
      validate,
      'file_server',
    ],
    ['before a cache in a matcher', [matcher(cache), router], validate, 'match'],
    [
      'before a cache that a matcher runs',
      [executing(`typed_config: ${cache}`), router],
      validate,
      'match',
    ],
    [
      'before a cache in a TypedStruct',
      [
        `{name: ts, typed_config: {"@type": x/xds.type.v3.TypedStruct, type_url: x/${prefix}cache_v2.v3.CacheV2Config, value: {}}}`,
        router,
      ],
      validate,
      'ts',
    ],
    [
      'before what signs, where requests come in',
      [filter('aws_request_signing.v3.AwsRequestSigning'), router],
      validate,
      'aws_request_signing',
    ],
    [
      'behind what signs, where they go out',
      [filter('aws_request_signing.v3.AwsRequestSigning'), router],
      inject,
      'router',
    ],
    ['before one that asks an HTTP server', [cors, asksHttp, router], validate, 'ext_authz'],
    ['before one that asks it in a matcher', [matcher(asksHttp), router], validate, 'match'],
    ['behind one that asks it, where they go out', [asksHttp, router], inject, 'router'],
    ['behind one that asks by gRPC', [asksGrpc, router], validate, 'router'],
    ['behind what cannot be judged', [lua, router], validate, 'router'],
    [
      'before what the annotation names',
      [cors, lua, router],
      saying(validate, { before: ['lua'] }),
      'lua',
    ],
    [
      'before a terminal one that answers itself',
      [cors, filter('mcp_router.v3.McpRouter')],
      validate,
      'mcp_router',
    ],
  ])('%s', (...[, filters, additions, expected]) => {
    expect(before(filters, additions)).toBe(expected);
  });

  const wrapped = Object.entries(wrappers).flatMap(([wrapper, wrap]) =>
    Object.entries(terminals).map(([terminal, inner]) => [wrapper, terminal, wrap(inner)] as const),
  );
  test.each(wrapped)('before %s with a terminal filter in it: %s', (_wrapper, _terminal, text) => {
    const name = /^.name: (\w+)/.exec(text)?.[1];
    expect(before([cors, text, router], validate)).toBe(name);
    expect(before([cors, text, router], inject)).toBe(name);
    const native = nativeAdditions({ 'inject.svidecar.dev/templates': 'jwt-validate' });
    expect(before([cors, text, router], native)).toBe(name);
  });

  test.each(Object.entries(wrappers))('behind %s with a harmless filter in it', (_name, wrap) => {
    expect(before([wrap(cors), router], validate)).toBe('router');
  });

  test('before a wrapper that a single route gives a terminal filter', () => {
    const routes = `, route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: c}, typed_per_filter_config: {chains: {"@type": x/${prefix}filter_chain.v3.FilterChainConfigPerRoute, filter_chain: {filters: [${router}]}}}}]}]}`;
    const { changes } = patch(textOf([chain(''), router], routes), validate);
    expect(changes[0]?.message).toContain('before chains in');
  });

  test('before a wrapper, and code in it that sees the token is told', () => {
    const text = chain(`default_filter_chain: {filters: [${lua}, ${router}]}`);
    const { changes, warnings } = patch(textOf([text, router]), inject);
    expect(changes[0]?.message).toContain('before chains in');
    expect(warnings.map(({ id }) => id)).toContain('token_seen_by_filter');
  });

  test('to the same place a second time: nothing changes', () => {
    const first = patch(textOf([cors, cache, lua, router]), validate).files['envoy.yaml'] ?? '';
    expect(patch(first, validate).files['envoy.yaml']).toBe(first);
  });

  test('in the order of the template, both of them before a cache', () => {
    const native = nativeAdditions({
      'inject.svidecar.dev/templates': 'jwt-validate',
      'svidecar.dev/caller-header': 'x-caller',
    });
    const text = patch(textOf([cache, router]), native).files['envoy.yaml'] ?? '';
    const at = ['svidecar.jwt-validate.caller-header', 'svidecar.jwt-validate,', 'name: cache'];
    const places = at.map((name) => text.indexOf(name));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });
});

function warned(
  filters: readonly string[],
  additions: EnvoyAdditions,
  routes?: string,
): readonly string[] {
  return patch(textOf(filters, routes), additions).warnings.map(({ id }) => id);
}

describe('a neighbour is told of', () => {
  const skipping = saying(validate, { exemptsPaths: true });
  const discovered = '{name: found, config_discovery: {config_source: {ads: {}}}}';
  test.each<[string, readonly string[], EnvoyAdditions, readonly string[]]>([
    ['code in front of a check', [lua, router], validate, ['filter_in_front']],
    ['one by discovery', [discovered, router], validate, ['filter_in_front']],
    [
      'one of an unknown type',
      ['{name: own, typed_config: {"@type": x/a.B}}', router],
      validate,
      ['filter_in_front'],
    ],
    [
      'one of an unknown type under a name of ours',
      ['{name: svidecar.own, typed_config: {"@type": x/a.B}}', router],
      validate,
      ['filter_in_front'],
    ],
    ['code in a matcher', [matcher(lua), router], validate, ['filter_in_front']],
    [
      'a filter that a matcher gets from elsewhere',
      [executing('dynamic_config: {name: d}'), router],
      validate,
      ['filter_in_front'],
    ],
    [
      'code that may change the path behind',
      [cache, lua, router],
      skipping,
      ['path_changed_behind', 'route_chosen_behind'],
    ],
    ['the same without paths that pass', [cache, lua, router], validate, ['route_chosen_behind']],
    [
      'what limits and authenticates',
      [
        cors,
        filter('jwt_authn.v3.JwtAuthentication'),
        filter('local_ratelimit.v3.LocalRateLimit'),
        matcher(filter('rbac.v3.RBAC')),
        router,
      ],
      skipping,
      [],
    ],
    ['code in front of an injection', [lua, router], inject, []],
    [
      'what signs beside an injection',
      [filter('gcp_authn.v3.GcpAuthnFilterConfig'), router],
      inject,
      ['authorization_taken'],
    ],
    [
      'code that sees the token',
      [lua, router],
      saying(inject, { place: 'first' }),
      ['token_seen_by_filter', 'route_chosen_behind'],
    ],
    [
      'an end that is no router',
      [filter('mcp_router.v3.McpRouter')],
      inject,
      ['destination_not_judged', 'route_chosen_behind'],
    ],
  ])('%s', (...[, filters, additions, expected]) => {
    expect(warned(filters, additions)).toEqual(expected);
  });

  test('a filter that runs others, as routes say', () => {
    const setting = `typed_per_filter_config: {match: {"@type": x/envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute}}`;
    const routes = `, route_config: {virtual_hosts: [{name: a, domains: ["*"], ${setting}, routes: []}]}`;
    const filters = [matcher(filter('rbac.v3.RBAC')), router];
    expect(warned(filters, validate)).toEqual([]);
    expect(warned(filters, validate, routes)).toEqual(['filter_in_front']);
  });

  test('a name in validate-before that no filter has is refused', () => {
    const misspelt = saying(validate, { before: ['luar'] });
    expect(() => patch(textOf([lua, router]), misspelt)).toThrow(
      /envoy\.yaml:2:\d+: jwt-validate is to stand before the filter "luar" \(svidecar\.dev\/validate-before\), which none of its listeners has; they have: lua, router/,
    );
  });
});

const hosts = (domains: string, action: string): string =>
  `, route_config: {virtual_hosts: [{name: a, domains: [${domains}], routes: [{match: {prefix: /}, route: ${action}}]}]}`;

describe('a host that is rewritten behind the rule is told of', () => {
  test.each<[string, string, string, boolean]>([
    ['to a named host', '"*"', '{cluster_header: x, host_rewrite_literal: b.test}', true],
    [
      'to a host under a named suffix',
      '"*"',
      '{cluster_header: x, host_rewrite_literal: eu.pay.test}',
      true,
    ],
    [
      'of a weighted cluster',
      '"*"',
      '{weighted_clusters: {clusters: [{name: a, weight: 1, host_rewrite_literal: b.test}]}}',
      true,
    ],
    ['by a format without variables', '"*"', '{cluster_header: x, host_rewrite: b.test}', true],
    ['by a format', '"*"', '{cluster_header: x, host_rewrite: "%REQ(x-host)%"}', true],
    ['by a header', '"*"', '{cluster_header: x, host_rewrite_header: x-host}', true],
    [
      'by the path',
      '"*"',
      '{cluster_header: x, host_rewrite_path_regex: {pattern: {regex: a}, substitution: b}}',
      true,
    ],
    ['to the name of an endpoint', '"*"', '{cluster: far, auto_host_rewrite: true}', true],
    [
      'to a host that nobody named, with the token of one that is named',
      '"*"',
      '{cluster_header: x, host_rewrite_literal: other.test}',
      true,
    ],
    [
      'to a host that nobody named, of any under a domain',
      '"*.test"',
      '{cluster_header: x, host_rewrite_literal: other.test}',
      true,
    ],
    [
      'to a host that nobody named, of one under a named suffix',
      'eu.pay.test',
      '{cluster_header: x, host_rewrite_literal: other.test}',
      true,
    ],
    [
      'to a host that nobody named, of one that gets no token',
      '"elsewhere.test", "*.example"',
      '{cluster_header: x, host_rewrite_literal: other.test}',
      false,
    ],
    [
      'to a host that the app sends as well',
      '"b.test:8443", local',
      '{cluster_header: x, host_rewrite_literal: b.test}',
      false,
    ],
    ['nowhere', '"*"', '{cluster_header: x}', false],
  ])('%s', (...[, domains, action, isTold]) => {
    const far =
      '  clusters: [{name: far, type: STRICT_DNS, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: b.test, port_value: 443}}}}]}]}}]';
    const text = textOf([router], hosts(domains, action)).replace('  clusters: []', far);
    const named = saying(inject, { hosts: ['b.test', '*.pay.test'] });
    expect(patch(text, named).warnings.some(({ id }) => id === 'host_rewritten')).toBe(isTold);
    expect(patch(text, inject).warnings.some(({ id }) => id === 'host_rewritten')).toBe(false);
  });
});

describe('a filter that must be passed once', () => {
  const once = saying(validate, { onceOnly: true });
  test.each([
    ['a policy', '{cluster: a, internal_redirect_policy: {}}'],
    ['the older action', '{cluster: a, internal_redirect_action: HANDLE_INTERNAL_REDIRECT}'],
  ])('is refused with redirects within Envoy: %s', (_name, action) => {
    const text = textOf([router], hosts('"*"', action));
    expect(() => patch(text, once)).toThrow(
      /envoy\.yaml:3:\d+: this route follows redirects itself/,
    );
    expect(patch(text, validate).changes).not.toEqual([]);
  });

  test('is refused with a custom response that redirects', () => {
    const policy =
      ', custom: {typed_config: {"@type": x/envoy.extensions.http.custom_response.redirect_policy.v3.RedirectPolicy}}';
    const text = textOf([filter('custom_response.v3.CustomResponse', policy), router]);
    expect(() => patch(text, once)).toThrow(/custom_response redirects requests within Envoy/);
  });

  test('passes with a policy of no redirects', () => {
    const action = '{cluster: a, internal_redirect_policy: {max_internal_redirects: 0}}';
    expect(patch(textOf([router], hosts('"*"', action)), once).changes).not.toEqual([]);
  });

  test.each([
    ['its port', 'socket_address: {address: 127.0.0.1, port_value: 7000}'],
    ['its name', 'envoy_internal_address: {server_listener_name: web}'],
  ])('is refused where a cluster leads to a chosen listener by %s', (_name, address) => {
    const text = textOf([router], hosts('"*"', '{cluster: back}')).replace(
      '  clusters: []',
      `  clusters: [{name: back, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {${address}}}}]}]}}]`,
    );
    expect(() => patch(text, once)).toThrow(
      /:4:\d+: by cluster "back" requests of listener "web" .* come to listener "web" of the same Envoy/,
    );
  });

  test.each([
    ['deny', {}, true],
    ['overwrite', { 'svidecar.dev/authorization': 'overwrite' }, false],
    [
      'overwrite by host',
      { 'svidecar.dev/authorization': 'overwrite', 'svidecar.dev/audience-by-host': 'b=c' },
      true,
    ],
  ])('is what native writes for %s: %s', (_name, annotations, isRefused) => {
    const native = nativeAdditions({
      'inject.svidecar.dev/templates': 'jwt-inject',
      'svidecar.dev/audience': 'a',
      ...annotations,
    });
    expect(native.filters.some(({ onceOnly }) => onceOnly === true)).toBe(isRefused);
  });
});
