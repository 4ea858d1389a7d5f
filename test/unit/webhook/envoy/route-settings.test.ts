/** What routes set for a filter by its name reaches ours only where it leaves the check in place. */
import { describe, expect, test } from 'vitest';
import type { EnvoyPatch, EnvoyWarning } from '../../../../webhook/envoy/patch-contract.ts';
import type { EnvoyVersion } from '../../../../webhook/envoy/envoy-version.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { nativeValidate, validate } from '../../../golden/envoy/cases.ts';

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router =
  '{name: router, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}';
const authz = 'envoy.filters.http.ext_authz';
const policy = `{name: ${authz}, typed_config: {"@type": x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: opa}}}}`;
const perRoute = 'x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute';
const off = `{"@type": ${perRoute}, disabled: true}`;
const generic = '{"@type": x/envoy.config.route.v3.FilterConfig, disabled: true}';
const skip = `{"@type": ${perRoute}, check_settings: {context_extensions: {svidecar-skip: "true"}}}`;
const theirs = `{"@type": ${perRoute}, check_settings: {context_extensions: {tenant: a}}}`;
const newest: EnvoyVersion = { major: 1, minor: 40 };

interface Site {
  readonly filters?: string;
  readonly routes: string;
  readonly version?: EnvoyVersion;
  readonly additions?: typeof validate;
  readonly files?: Readonly<Record<string, string>>;
}

function patch({
  filters = router,
  routes,
  version,
  additions = validate,
  files = {},
}: Site): EnvoyPatch {
  const text = `static_resources:\n  listeners:\n  - name: web\n    filter_chains:\n    - filters:\n      - name: hcm\n        typed_config:\n          "@type": ${managerType}\n          http_filters: [${filters}]\n          ${routes}\n`;
  return patchEnvoy(
    {
      name: 'ConfigMap demo/web',
      files: { 'envoy.yaml': text, ...files },
      main: 'envoy.yaml',
      ...(version === undefined ? {} : { version }),
    },
    additions,
  );
}

const settings = (name: string, value: string): string =>
  `typed_per_filter_config: {${name}: ${value}}`;
const onRoute = (name: string, value: string): string =>
  `route_config: {virtual_hosts: [{routes: [{${settings(name, value)}}]}]}`;
const nameOf = ({ files }: EnvoyPatch): string | undefined =>
  /\{name: ([a-z._-]+), typed_config: \{"@type": type\.googleapis\.com\/envoy\.extensions\.filters\.http\.ext_authz/.exec(
    files['envoy.yaml'] ?? '',
  )?.[1];

const levels: readonly (readonly [string, (name: string, value: string) => string])[] = [
  ['a route', onRoute],
  ['a virtual host', (...set) => `route_config: {virtual_hosts: [{${settings(...set)}}]}`],
  ['a route configuration', (...set) => `route_config: {${settings(...set)}}`],
  [
    'a weighted cluster',
    (...set) =>
      `route_config: {virtual_hosts: [{routes: [{route: {weighted_clusters: {clusters: [{name: a, ${settings(...set)}}]}}}]}]}`,
  ],
  [
    'a scope',
    (...set) =>
      `scoped_routes: {scoped_route_configurations_list: {scoped_route_configurations: [{route_configuration: {${settings(...set)}}}]}}`,
  ],
  [
    'camel case',
    (name, value) => `routeConfig: {virtualHosts: [{typedPerFilterConfig: {${name}: ${value}}}]}`,
  ],
];

describe('switched off under our own name, which is refused', () => {
  test.each(levels)('on %s', (_name, routes) => {
    expect(() => patch({ routes: routes('svidecar.jwt-validate', off) })).toThrow(
      /envoy\.yaml:10:\d+: a route sets something for svidecar\.jwt-validate that lets requests pass without jwt-validate; .*svidecar-skip.*skip-paths/,
    );
  });

  test('in a file of routes of the same ConfigMap', () => {
    const routes =
      'rds: {route_config_name: r, config_source: {path_config_source: {path: /etc/envoy/rds.yaml}}}';
    const rds = `resources:\n- "@type": x/envoy.config.route.v3.RouteConfiguration\n  name: r\n  ${settings('svidecar.jwt-validate', off)}\n`;
    expect(() => patch({ routes, files: { 'rds.yaml': rds } })).toThrow(
      /rds\.yaml:4:\d+: a route sets something for svidecar\.jwt-validate/,
    );
  });

  test.each([
    ['by a generic setting', generic],
    ['by YAML’s other word for true', off.replace('true', 'yes')],
    ['inside a generic setting', `{"@type": x/envoy.config.route.v3.FilterConfig, config: ${off}}`],
    [
      'in a wrapper',
      `{"@type": x/xds.type.v3.TypedStruct, type_url: ${perRoute}, value: {disabled: true}}`,
    ],
    [
      'by asking another service',
      `{"@type": ${perRoute}, check_settings: {grpc_service: {envoy_grpc: {cluster_name: a}}}}`,
    ],
    ['by a type that cannot be judged', '{"@type": x/a.b.C}'],
  ])('%s', (_name, value) => {
    expect(() => patch({ routes: onRoute('svidecar.jwt-validate', value) })).toThrow(
      /lets requests pass without jwt-validate/,
    );
  });

  test('any setting for a filter of the native data path', () => {
    const routes = onRoute('svidecar.jwt-validate', '{"@type": x/a.b.C}');
    expect(() => patch({ routes, additions: nativeValidate })).toThrow(
      /which jwt-validate adds for all routes alike; take it out, or choose the data path ext-authz$/,
    );
  });

  test('a name of ours that is misspelt', () => {
    expect(() => patch({ routes: onRoute('svidecar.jwt-validat', skip) })).toThrow(
      /svidecar\.jwt-validat, and there is no such filter; those of svidecar here are: svidecar\.jwt-validate$/,
    );
  });
});

describe('settings that reach our filter', () => {
  test('stand under its own name', () => {
    const done = patch({ routes: onRoute('svidecar.jwt-validate', skip) });
    expect(nameOf(done)).toBe('svidecar.jwt-validate');
    expect(done.warnings).toEqual([]);
  });

  test('or under the usual one, where that is free and holds nothing else: our filter takes it', () => {
    expect(nameOf(patch({ routes: onRoute(authz, skip) }))).toBe(authz);
  });

  test('but not under both', () => {
    const routes = `route_config: {${settings('svidecar.jwt-validate', skip)}, virtual_hosts: [{${settings(authz, skip)}}]}`;
    expect(() => patch({ routes })).toThrow(/one filter cannot have both names/);
  });

  test('a configuration with the usual name is left as it is the second time', () => {
    const once = patch({ routes: onRoute(authz, skip) });
    const source = { name: 'ConfigMap demo/web', files: once.files, main: 'envoy.yaml' };
    expect(patchEnvoy(source, validate).files).toEqual(once.files);
  });
});

describe('settings for another filter', () => {
  const own = `${policy}, ${router}`;

  test.each([
    ['switch it off', off],
    ['switch it off by a generic setting', generic],
  ])('%s and not ours: it has another name', (_name, value) => {
    const done = patch({ filters: own, routes: onRoute(authz, value), version: newest });
    expect(done.files['envoy.yaml']).toContain('{name: svidecar.jwt-validate, ');
    expect(done.warnings).toEqual([]);
  });

  test.each([
    ['nobody knows', undefined],
    ['is older than 1.29', { major: 1, minor: 28 }],
  ])('reach ours as well in an Envoy whose version %s: a warning', (_name, version) => {
    const { warnings } = patch({
      filters: own,
      routes: onRoute(authz, off),
      ...(version === undefined ? {} : { version }),
    });
    expect(warnings).toEqual([
      {
        id: 'setting_reaches_older_envoy',
        place: { file: expect.stringMatching(/envoy\.yaml$/) as string, line: 10 },
        message: expect.stringMatching(/envoy\.yaml:10: an Envoy before 1\.29 uses/) as string,
      },
    ]);
  });

  test('also those of Envoy’s own filters in the native data path', () => {
    const routes = onRoute('envoy.filters.http.jwt_authn', '{"@type": x/a.b.C}');
    const warned = patch({ routes, additions: nativeValidate }).warnings.map(({ id }) => id);
    expect(warned).toEqual(['setting_reaches_older_envoy']);
    expect(patch({ routes, additions: nativeValidate, version: newest }).warnings).toEqual([]);
  });

  test('that were meant for ours are refused', () => {
    expect(() => patch({ filters: own, routes: onRoute(authz, skip) })).toThrow(
      /would not reach jwt-validate; write them under svidecar\.jwt-validate$/,
    );
  });

  test.each([
    ['off', off],
    ['off by a generic setting', generic],
  ])('that is not there, %s: refused', (_name, value) => {
    expect(() => patch({ routes: onRoute(authz, value) })).toThrow(
      /envoy\.yaml:10:\d+: a route sets something for envoy\.filters\.http\.ext_authz .*and no filter has this name/,
    );
  });

  test('that say nothing to ours leave its name alone', () => {
    expect(nameOf(patch({ routes: onRoute(authz, theirs) }))).toBe('svidecar.jwt-validate');
  });
});

describe('routes that cannot be seen', () => {
  test.each([
    ['routes by discovery', 'rds: {route_config_name: r, config_source: {ads: {}}}'],
    ['routes in a file elsewhere', 'rds: {config_source: {path: /var/r.yaml}}'],
    ['virtual hosts by discovery', 'route_config: {vhds: {config_source: {ads: {}}}}'],
    ['scopes by discovery', 'scoped_routes: {scoped_rds: {scoped_rds_config_source: {ads: {}}}}'],
  ])('%s are told of, by the name that they could switch off', (_name, routes) => {
    const told = (version?: typeof newest): readonly EnvoyWarning[] =>
      patch({ routes, ...(version === undefined ? {} : { version }) }).warnings;
    for (const version of [undefined, newest]) {
      expect(told(version).map(({ id }) => id)).toEqual(['routes_not_seen']);
      expect(told(version)[0]?.message).toContain(
        '(typed_per_filter_config, svidecar.jwt-validate)',
      );
    }
    expect(told()[0]?.message).toContain('before 1.29');
    expect(told(newest)[0]?.message).not.toContain('before 1.29');
  });
});
