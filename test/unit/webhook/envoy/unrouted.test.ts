/** Requests without a route are not asked about by ext_authz: what could send them on behind it is told of. */
import { describe, expect, test } from 'vitest';
import { changeRouteIfTold, keepRoute } from '../../../../webhook/envoy/check-unrouted.ts';
import type {
  EnvoyAdditions,
  EnvoyPatch,
  EnvoyWarning,
} from '../../../../webhook/envoy/patch-contract.ts';
import { filterEffects } from '../../../../webhook/envoy/http-filters.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { inject, nativeValidate, validate } from '../../../golden/envoy/cases.ts';

const managerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const filter = (type: string, more = ''): string =>
  `{name: ${type.split('.')[0] ?? ''}, typed_config: {"@type": x/envoy.extensions.filters.http.${type}${more}}}`;
const router = filter('router.v3.Router');
const signs = filter('credential_injector.v3.CredentialInjector');
const lua = filter('lua.v3.Lua');
const forAll = '{match: {prefix: /}, route: {cluster: app}}';
const host = (routes: string, more = ''): string =>
  `virtual_hosts: [{name: a, domains: ["*"], ${more} routes: [${routes}]}]`;

interface Parts {
  /** Fields of the route configuration. */
  readonly routes?: string;
  /** Fields of the connection manager, in place of a route configuration. */
  readonly instead?: string;
  readonly manager?: string;
  readonly filters?: readonly string[];
}

function patch(parts: Parts, additions: EnvoyAdditions = validate): EnvoyPatch {
  const { routes = host(''), manager = '', filters = [signs, lua, router] } = parts;
  const { instead = `route_config: {${routes}}` } = parts;
  const text = `static_resources:
  listeners:
  - {name: web, filter_chains: [{filters: [{name: hcm, typed_config: {"@type": x/${managerType}, ${manager} http_filters: [${filters.join(', ')}], ${instead}}}]}]}
  clusters: []
`;
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy(source, additions);
}

function told(parts: Parts, additions?: EnvoyAdditions): readonly EnvoyWarning[] {
  return patch(parts, additions).warnings.filter(({ id }) => id === 'route_chosen_behind');
}

const connect = '{match: {connect_matcher: {}}, route: {cluster: app}}';
const tunnels = 'upgrade_configs: [{upgrade_type: connect}],';

describe('routes', () => {
  test.each<[string, Parts]>([
    ['one for all paths', { routes: host(forAll) }],
    [
      'one for all paths, in other words',
      { routes: host('{match: {prefix: ""}, route: {cluster: app}}') },
    ],
    [
      'others before it',
      { routes: host(`{match: {path: /a}, route: {cluster_header: x}}, ${forAll}`) },
    ],
    [
      'weights',
      { routes: host('{match: {prefix: /}, route: {weighted_clusters: {clusters: []}}}') },
    ],
    ['what stands behind it', { routes: host(`${forAll}, {match: {prefix: /b}, redirect: {}}`) }],
    ['no demand of TLS', { routes: host(forAll, 'require_tls: NONE,') }],
    ['tunnels with a route', { routes: host(`${connect}, ${forAll}`), manager: tunnels }],
    [
      'a virtual host beside the one for all',
      {
        routes: `virtual_hosts: [{domains: [b], routes: [${forAll}]}, {domains: ["*"], routes: [${forAll}]}]`,
      },
    ],
  ])('that forward every request: %s', (_name, parts) => {
    expect(told(parts)).toEqual([]);
  });

  test.each<[string, Parts, RegExp]>([
    ['none', { instead: 'stat_prefix: a' }, /there are no routes/],
    [
      'of one path',
      { routes: host('{match: {prefix: /a}, route: {cluster: app}}') },
      /no route for all paths/,
    ],
    [
      'of a header',
      { routes: host('{match: {prefix: /, headers: [{name: a}]}, route: {cluster: app}}') },
      /no route for all paths/,
    ],
    [
      'of what a filter has said',
      { routes: host('{match: {prefix: /, filterState: [{key: a}]}, route: {cluster: app}}') },
      /no route for all paths/,
    ],
    [
      'of a part',
      { routes: host('{match: {prefix: /, runtime_fraction: {}}, route: {cluster: app}}') },
      /no route for all paths/,
    ],
    [
      'answers before',
      { routes: host(`{match: {path: /a}, direct_response: {status: 200}}, ${forAll}`) },
      /forwards no request/,
    ],
    [
      'redirects before',
      { routes: host(`{match: {path: /a}, redirect: {}}, ${forAll}`) },
      /forwards no request/,
    ],
    [
      'no cluster',
      { routes: host('{match: {prefix: /}, route: {cluster: ""}}') },
      /forwards no request/,
    ],
    [
      'a plug-in that chooses',
      { routes: host('{match: {prefix: /}, route: {cluster_specifier_plugin: a}}') },
      /forwards no request/,
    ],
    [
      'a plug-in of the route',
      { routes: host('{match: {prefix: /}, route: {cluster: app}, route_specifiers: [{}]}') },
      /forwards no request/,
    ],
    [
      'a plug-in of the virtual host',
      { routes: host(forAll, 'route_specifiers: [{name: p}],') },
      /route_specifiers/,
    ],
    ['a demand of TLS', { routes: host(forAll, 'require_tls: ALL,') }, /require_tls/],
    ['a matcher', { routes: host(forAll, 'matcher: {},') }, /matcher/],
    [
      'one domain',
      { routes: `virtual_hosts: [{domains: [b], routes: [${forAll}]}]` },
      /domain "\*"/,
    ],
    ['another header for the host', { routes: `vhost_header: x, ${host(forAll)}` }, /vhost_header/],
    [
      'one of two virtual hosts',
      { routes: `virtual_hosts: [{domains: [b]}, {domains: ["*"], routes: [${forAll}]}]` },
      /no route for all paths/,
    ],
    ['scopes', { instead: 'scoped_routes: {scoped_route_configurations_list: {}}' }, /scope/],
    [
      'elsewhere',
      { instead: 'rds: {route_config_name: r, config_source: {ads: {}}}' },
      /a control plane/,
    ],
    ['tunnels', { routes: host(forAll), manager: tunnels }, /CONNECT/],
    [
      'tunnels of one kind',
      {
        routes: host(
          `{match: {connect_matcher: {}, headers: [{name: a}]}, route: {cluster: app}}, ${forAll}`,
        ),
        manager: tunnels,
      },
      /CONNECT/,
    ],
  ])('that leave requests out: %s', (_name, parts, why) => {
    const found = told(parts);
    expect(found.map(({ message }) => message)).toEqual([expect.stringMatching(why)]);
    expect(told(parts, nativeValidate)).toEqual([]);
  });
});

describe('behind ours', () => {
  const open = host('{match: {prefix: /a}, route: {cluster: app}}');
  const state = (field: string): string => filter('set_filter_state.v3.Config', `, ${field}`);
  test.each<[string, readonly string[], boolean]>([
    ['the router alone', [lua, router], false],
    ['what signs', [signs, router], false],
    ['what keeps the route', [signs, filter('rbac.v3.RBAC'), router], false],
    ['code', [signs, lua, router], true],
    ['a filter that may', [signs, filter('ip_tagging.v3.IPTagging'), router], true],
    [
      'a filter that is not known',
      [signs, '{name: n, typed_config: {"@type": x/a.B}}', router],
      true,
    ],
    ['one by discovery', [signs, '{name: n, config_discovery: {}}', router], true],
    ['one that is told to', [signs, state('clear_route_cache: true'), router], true],
    ['one that is told to, in other words', [signs, state('clearRouteCache: "yes"'), router], true],
    ['one that is told not to', [signs, state('clear_route_cache: false'), router], false],
    [
      'a provider that is told to',
      [
        signs,
        filter('jwt_authn.v3.JwtAuthentication', ', providers: {a: {clear_route_cache: true}}'),
        router,
      ],
      true,
    ],
    [
      'one in a matcher',
      [
        signs,
        `{name: m, typed_config: {"@type": x/envoy.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: ${state('clear_route_cache: true')}}}`,
        router,
      ],
      true,
    ],
    ['what answers by itself', [filter('cache.v3.CacheConfig'), router], true],
    ['an end that answers by itself', [filter('file_server.v3.FileServerConfig')], true],
  ])('%s', (_name, filters, isTold) => {
    expect(told({ routes: open, filters }).length > 0).toBe(isTold);
    expect(told({ routes: host(forAll), filters })).toEqual([]);
  });

  test('what requests miss is said', () => {
    expect(told({ routes: open })[0]?.message).toContain('can go on unchecked');
    const first = {
      ...inject,
      filters: inject.filters.map((one) => ({ ...one, place: 'first' as const })),
    };
    expect(told({ routes: open }, first)[0]?.message).toContain('can go on without a token');
  });

  test('a request can leave the route that says what it was checked for', () => {
    const settings =
      '{svidecar.jwt-validate: {"@type": x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {context_extensions: {svidecar-skip: "true"}}}}';
    const routes = host(
      `{match: {prefix: /, headers: [{name: a}]}, route: {cluster: app}, typed_per_filter_config: ${settings}}, ${forAll}`,
    );
    const filters = [signs, state('clear_route_cache: true'), router];
    expect(told({ routes, filters })[0]?.message).toContain('this route needs no token');
    expect(told({ routes, filters: [signs, router] })).toEqual([]);
  });
});

test('an ext_authz that asks an HTTP server for a single route comes behind ours', () => {
  const asking = `{"@type": x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {http_service: {}}}`;
  const routes = host(
    `{match: {prefix: /}, route: {cluster: app}, typed_per_filter_config: {ext_authz: ${asking}}}`,
  );
  const filters = [filter('ext_authz.v3.ExtAuthz'), router];
  const { changes } = patch({ routes, filters });
  expect(changes[0]?.message).toContain('before ext_authz in');
});

test('the lists name filters that Envoy has', () => {
  const names = [...keepRoute, ...changeRouteIfTold];
  expect(names.filter((name) => !filterEffects.has(name))).toEqual([]);
});
