import { describe, expect, test } from 'vitest';
import type { EnvoyAdditions } from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import {
  both,
  inject,
  injectFilter,
  validate,
  validateFilter,
} from '../../../golden/envoy/cases.ts';
import {
  bootstrap,
  listener,
  manager,
  managerType,
  patched,
  plain,
  router,
  sourceOf,
} from '../../../fakes/short-envoys.ts';

describe('a configuration is refused with file, line and column', () => {
  test.each<[string, string, RegExp]>([
    ['unparsable YAML', 'a: [\n', /^ConfigMap demo\/web envoy\.yaml:\d+:\d+: /],
    ['unparsable JSON', '{"a": }}', /^ConfigMap demo\/web envoy\.yaml:1:\d+: /],
    ['a list', '- a\n', /:1:1: an Envoy configuration must be a map$/],
    ['no listener', 'admin: {}\n', /:1:1: there is no HTTP connection manager here/],
    [
      'only TCP',
      bootstrap(listener('t', '{name: tcp, typed_config: {"@type": x/y}}')),
      /:2:3: there is no HTTP connection manager here/,
    ],
    [
      'the v2 name',
      bootstrap(listener('v', '{name: envoy.http_connection_manager}')),
      /:3:\d+: filter envoy\.http_connection_manager has no typed_config: this is the v2 API/,
    ],
    [
      'the v2 config',
      bootstrap(listener('v', '{name: hcm, config: {}}')),
      /:3:\d+: filter hcm has "config": this is the v2 API/,
    ],
    [
      'the v2 type',
      bootstrap(
        listener(
          'v',
          '{name: hcm, typed_config: {"@type": x/envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager}}',
        ),
      ),
      /:3:\d+: filter hcm is of type envoy\.config\.filter\..* this is the v2 API/,
    ],
    [
      'a typed_config without a type',
      bootstrap(listener('v', '{name: hcm, typed_config: {}}')),
      /:3:\d+: typed_config of filter hcm has no "@type"/,
    ],
    [
      'an HTTP filter of the v2 API',
      bootstrap(listener('v', manager('[{name: r, config: {}}]'))),
      /:3:\d+: filter r has "config"/,
    ],
    [
      'no HTTP filters',
      bootstrap(listener('v', manager('[]'))),
      /:3:\d+: this connection manager has no http_filters/,
    ],
    [
      'only the other direction',
      bootstrap(listener('o', manager(`[${router}]`), 'OUTBOUND')),
      /:2:3: no listener with a connection manager is left for jwt-validate/,
    ],
  ])('%s', (_name, text, message) => {
    expect(() => patched(text, validate)).toThrow(
      expect.objectContaining({
        code: 'ENVOY_CONFIG_INVALID',
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  test('a main file that is not there, with the keys that are', () => {
    expect(() => patchEnvoy(sourceOf(plain, { main: 'other.yaml' }), validate)).toThrow(
      /ConfigMap demo\/web has no key other\.yaml.*it has: envoy\.yaml/,
    );
  });

  test('filters shared with a listener that is not chosen, by advice to write them out', () => {
    const text = bootstrap(
      listener('in', manager(`&f [${router}]`), 'INBOUND'),
      listener('out', manager('*f'), 'OUTBOUND'),
    );
    expect(() => patched(text, validate)).toThrow(
      /envoy\.yaml:3:\d+: .*also counts on line 4.*write it out/,
    );
  });
});

describe('listeners are chosen', () => {
  const two = (one: string, other: string): string =>
    bootstrap(
      listener('a', manager(`[${router}]`), one),
      listener('b', manager(`[${router}]`), other),
    );
  const rulesOf = (text: string, additions: EnvoyAdditions): readonly (string | undefined)[] =>
    patched(text, additions)
      .split('\n')
      .filter((line) => line.startsWith('  - {name: '))
      .map((line) => /svidecar-rule, value: ([a-z-]+)/.exec(line)?.[1]);

  test.each<[string, string, EnvoyAdditions, (string | undefined)[]]>([
    ['all for one rule', two('UNSPECIFIED', 'UNSPECIFIED'), inject, ['jwt-inject', 'jwt-inject']],
    [
      'all but the opposite direction for one rule',
      two('INBOUND', 'UNSPECIFIED'),
      inject,
      [undefined, 'jwt-inject'],
    ],
    [
      'by direction for two rules',
      two('INBOUND', 'OUTBOUND'),
      both,
      ['jwt-validate', 'jwt-inject'],
    ],
    [
      'by name, whatever the direction',
      two('INBOUND', 'INBOUND'),
      { ...inject, filters: [{ ...injectFilter, listeners: ['b'] }] },
      [undefined, 'jwt-inject'],
    ],
    [
      'all by a star',
      two('INBOUND', 'OUTBOUND'),
      { ...inject, filters: [{ ...injectFilter, listeners: ['*'] }] },
      ['jwt-inject', 'jwt-inject'],
    ],
    [
      'by name for one rule and by direction for the other',
      two('UNSPECIFIED', 'OUTBOUND'),
      { ...both, filters: [injectFilter, { ...validateFilter, listeners: ['a'] }] },
      ['jwt-validate', 'jwt-inject'],
    ],
  ])('%s', (...[, text, additions, expected]) => {
    expect(rulesOf(text, additions)).toEqual(expected);
  });

  test('two rules and a listener that says nothing are refused, saying how to choose', () => {
    expect(() => patched(two('INBOUND', 'UNSPECIFIED'), both)).toThrow(
      expect.objectContaining({
        code: 'LISTENERS_AMBIGUOUS',
        message: expect.stringMatching(
          /envoy\.yaml:4: .*listener "b".*svidecar\.dev\/inject-listeners and svidecar\.dev\/validate-listeners/,
        ) as string,
      }),
    );
  });

  test('an unknown name is refused with the names there are', () => {
    const additions = { ...inject, filters: [{ ...injectFilter, listeners: ['x'] }] };
    expect(() => patched(plain, additions)).toThrow(
      /"x", which does not exist; the listeners are: web/,
    );
  });

  test('a named listener without HTTP is refused', () => {
    const text = bootstrap(
      listener('web', manager(`[${router}]`)),
      listener('tcp', '{name: tcp, typed_config: {"@type": x/y}}'),
    );
    const additions = { ...inject, filters: [{ ...injectFilter, listeners: ['tcp'] }] };
    expect(() => patched(text, additions)).toThrow(/"tcp", which has no HTTP connection manager/);
  });
});

describe('connection managers are found', () => {
  test.each([
    [
      'in a default filter chain',
      `static_resources: {listeners: [{name: a, default_filter_chain: {filters: [${manager(`[${router}]`)}]}}]}`,
    ],
    [
      'in an API listener',
      `static_resources: {listeners: [{name: a, api_listener: {api_listener: {"@type": ${managerType}, http_filters: [${router}]}}}]}`,
    ],
    [
      'in camel case',
      `{"staticResources": {"listeners": [{"filterChains": [{"filters": [{"typedConfig": {"@type": "${managerType}", "httpFilters": [{"name": "r"}]}}]}]}]}}`,
    ],
  ])('%s', (_name, text) => {
    const result = patched(text, validate);
    expect(result.match(/ExtAuthz/g)).toHaveLength(1);
    expect(result.indexOf('ExtAuthz')).toBeLessThan(result.search(/router|"r"/));
  });

  test.each([
    ['path_config_source', '{path_config_source: {path: /etc/envoy/lds.yaml}}', '/etc/envoy'],
    ['the old path', '{path: /etc/envoy/./lds.yaml}', '/etc/envoy/'],
    ['the last segment when the mount is not known', '{path: /elsewhere/lds.yaml}', undefined],
  ])('in a listener file named by %s', (_name, config, directory) => {
    const lds = `resources:\n- {"@type": x/envoy.config.listener.v3.Listener, name: a, filter_chains: [{filters: [${manager(`[${router}]`)}]}]}\n`;
    const files = { 'envoy.yaml': `dynamic_resources: {lds_config: ${config}}\n`, 'lds.yaml': lds };
    const patch = patchEnvoy(
      sourceOf('', { files, ...(directory === undefined ? {} : { directory }) }),
      validate,
    );
    expect(patch.files['lds.yaml']).toContain('ExtAuthz');
    expect(patch.files['envoy.yaml']).toContain('static_resources:\n  clusters:\n');
    expect(patch.changes.map(({ file }) => file)).toEqual(['lds.yaml', 'envoy.yaml']);
  });

  test('a listener file outside the ConfigMap is warned about', () => {
    const text = `${plain}dynamic_resources:\n  lds_config: {path: /var/lds.yaml}\n`;
    const { warnings } = patchEnvoy(sourceOf(text), validate);
    expect(warnings).toEqual([
      {
        id: 'discovery_file_not_found',
        place: { file: expect.stringMatching(/envoy\.yaml$/) as string, line: 6 },
        message: expect.stringContaining('envoy.yaml:6: lds_config names /var/lds.yaml') as string,
      },
    ]);
  });
});

describe('wiring by hand is left alone', () => {
  const wired = (service: string): string =>
    manager(
      `[{name: mine, typed_config: {"@type": x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, transport_api_version: V3, grpc_service: ${service}}}, ${router}]`,
    );
  const cluster = (address: string): string =>
    `    - {name: helper, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: ${address}, port_value: 9010}}}}]}]}}\n`;

  test.each([
    ['a cluster on loopback port 9010', '{envoy_grpc: {cluster_name: helper}}', '127.0.0.1', true],
    [
      'Google gRPC to loopback port 9010',
      '{google_grpc: {target_uri: "localhost:9010"}}',
      '127.0.0.1',
      true,
    ],
    [
      'the same rule',
      '{envoy_grpc: {cluster_name: helper}, initial_metadata: [{key: svidecar-rule, value: jwt-validate}]}',
      '127.0.0.1',
      true,
    ],
    [
      'another rule',
      '{envoy_grpc: {cluster_name: helper}, initial_metadata: [{key: svidecar-rule, value: jwt-inject}]}',
      '127.0.0.1',
      false,
    ],
    ['a host that is not loopback', '{envoy_grpc: {cluster_name: helper}}', '10.0.0.1', false],
  ])('%s', (...[, service, address, isLeft]) => {
    const text = bootstrap(listener('web', wired(service))).replace(
      '  clusters: []\n',
      `  clusters:\n${cluster(address)}`,
    );
    const patch = patchEnvoy(sourceOf(text), validate);
    expect(patch.warnings.map(({ id }) => id)).toEqual(isLeft ? ['wired_by_hand'] : []);
    expect(patch.files['envoy.yaml'] === text).toBe(isLeft);
  });
});

describe('a token that travels is watched', () => {
  const route = (target: string): string =>
    `, route_config: {virtual_hosts: [{routes: [{match: {prefix: /}, route: ${target}}]}]}`;
  const cluster = (name: string, more: string, host = 'far'): string =>
    `  - {name: ${name}, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: ${host}, port_value: 80}}}}]}]}${more}}\n`;
  const tls =
    ', transport_socket: {name: tls, typed_config: {"@type": x/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {validation_context: {trusted_ca: {filename: /ca.pem}}}}}';

  test.each([
    ['no TLS', '{cluster: a}', cluster('a', ''), ['token_without_tls']],
    ['TLS', '{cluster: a}', cluster('a', tls), []],
    [
      'TLS by match',
      '{cluster: a}',
      cluster('a', `, transport_socket_matches: [{name: m${tls}}]`),
      [],
    ],
    ['loopback', '{cluster: a}', cluster('a', '', '127.0.0.1'), []],
    [
      'a mirror without TLS',
      '{cluster: a, request_mirror_policies: [{cluster: b}]}',
      cluster('a', tls) + cluster('b', ''),
      ['token_without_tls', 'one_audience_for_several_clusters'],
    ],
    [
      'weighted clusters',
      '{weighted_clusters: {clusters: [{name: a}, {name: b}]}}',
      cluster('a', tls) + cluster('b', tls),
      ['one_audience_for_several_clusters'],
    ],
  ])('%s', (...[, target, clusters, expected]) => {
    const text = bootstrap(listener('web', manager(`[${router}]`, route(target)))).replace(
      '  clusters: []\n',
      `  clusters:\n${clusters}`,
    );
    expect(patchEnvoy(sourceOf(text), inject).warnings.map(({ id }) => id)).toEqual(expected);
    expect(patchEnvoy(sourceOf(text), validate).warnings).toEqual([]);
  });
});

describe('clusters', () => {
  test('get the next free name when theirs belongs to another', () => {
    const text = plain.replace(
      'clusters: []',
      'clusters: [{name: ext-authz}, {name: ext-authz-svidecar}]',
    );
    expect(patched(text, validate)).toContain('cluster_name: ext-authz-svidecar-2}');
  });

  test('are added in the place of a null, and where static_resources are missing', () => {
    expect(patched(plain.replace('clusters: []', 'clusters:'), validate)).toContain(
      '  clusters:\n  - name: ext-authz\n',
    );
  });

  test('leave the source as it was: files of the answer are new', () => {
    const source = sourceOf(plain);
    patchEnvoy(source, validate);
    expect(source.files['envoy.yaml']).toBe(plain);
  });
});

test('two rules in one listener both stand before the terminal filter, in order', () => {
  const additions = {
    ...both,
    filters: [
      { ...validateFilter, listeners: ['*'] },
      { ...injectFilter, listeners: ['*'] },
    ],
  };
  const result = patched(plain, additions);
  const order = [...result.matchAll(/value: (jwt-[a-z]+)|name: (router)/g)].map(
    ([, rule, name]) => rule ?? name,
  );
  expect(order).toEqual(['jwt-validate', 'jwt-inject', 'router']);
});
