/** A template of one's own beside the built-in ones: each filter states what routes may set for it, and what counts as wired by hand. */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { EnvoyPatch, FilterAddition } from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { additionsOf } from '../../../../webhook/injection/envoy-plan.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { nativeValidate, validate } from '../../../golden/envoy/cases.ts';

const type = 'type.googleapis.com/envoy.extensions.filters';
const router = `{name: router, typed_config: {"@type": ${type}.http.router.v3.Router}}`;
const usual = 'envoy.filters.http.ext_authz';
const perRoute = `{"@type": ${type}.http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {context_extensions: {svidecar-skip: "true"}}}`;

const lua: FilterAddition = {
  rule: 'team-header',
  direction: 'inbound',
  place: 'before-terminal',
  filter: {
    name: 'svidecar.team-header',
    typed_config: {
      '@type': `${type}.http.lua.v3.Lua`,
      default_source_code: { inline_string: 'function envoy_on_request(request) end' },
    },
  },
};

/** `ext_authz` that asks a server of the team's own. */
const policy: FilterAddition = {
  ...lua,
  rule: 'team-policy',
  filter: {
    name: 'svidecar.team-policy',
    typed_config: {
      '@type': `${type}.http.ext_authz.v3.ExtAuthz`,
      transport_api_version: 'V3',
      grpc_service: { envoy_grpc: { cluster_name: 'policy' } },
    },
  },
};

interface Site {
  readonly filters?: string;
  readonly routes?: string;
  readonly more?: string;
}

function patch(site: Site, additions: Parameters<typeof patchEnvoy>[1]): EnvoyPatch {
  const { filters = router, routes = '', more = '' } = site;
  const manager = `{name: hcm, typed_config: {"@type": ${type}.network.http_connection_manager.v3.HttpConnectionManager, route_config: {${routes}}, http_filters: [${filters}]}}`;
  const text = `static_resources:\n  listeners:\n  - {name: web, filter_chains: [{filters: [${manager}]}]}\n  clusters:\n  - {name: helper, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9010}}}}]}]}}\n${more}`;
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy({ ...source, version: { major: 1, minor: 40 } }, additions);
}

const set = (name: string, value: string): string => `typed_per_filter_config: {${name}: ${value}}`;
const beside = { ...validate, filters: [...validate.filters, lua] };

describe('a filter that shares nothing with routes', () => {
  test('stands beside jwt-validate where a route skips that under the usual name', () => {
    const text = patch({ routes: set(usual, perRoute) }, beside).files['envoy.yaml'] ?? '';
    expect(text).toContain(`{name: ${usual}, `);
    expect(text).toContain('{name: svidecar.team-header, ');
  });

  test('and is no reason to refuse settings of others, alone too', () => {
    const alone = { filters: [lua], clusters: [] };
    const { warnings } = patch({ routes: set(usual, perRoute) }, alone);
    expect(warnings).toEqual([]);
  });

  test('a setting under its own name is refused, without the advice of another template', () => {
    const value =
      '{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}';
    const found = (): unknown =>
      patch({ routes: set('svidecar.team-header', value) }, beside).files;
    expect(found).toThrow(
      /envoy\.yaml:3:\d+: a route sets something for svidecar\.team-header.*team-header/,
    );
    expect(found).not.toThrow(/data path|svidecar-skip|skip-paths/);
  });
});

test('a filter that a template gives the usual name keeps it: what is meant for jwt-validate would not reach that', () => {
  const named = { ...policy, filter: { ...policy.filter, name: usual } };
  const both = { ...validate, filters: [...validate.filters, named] };
  expect(() => patch({ routes: set(usual, perRoute) }, both)).toThrow(
    /which is another filter here, so that they would not reach jwt-validate; write them under svidecar\.jwt-validate$/,
  );
});

describe('a filter that does not say when it counts as wired by hand', () => {
  const asking = `{name: mine, typed_config: {"@type": ${type}.http.ext_authz.v3.ExtAuthz, transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: helper}}}}`;

  test('is added beside one that asks the helper', () => {
    const { changes } = patch(
      { filters: `${asking}, ${router}` },
      { filters: [policy], clusters: [] },
    );
    expect(changes.map(({ message }) => message)).toEqual([
      expect.stringContaining('added svidecar.team-policy for team-policy'),
    ]);
  });
});

/** One that a service of the team's is asked by, at a port and with words of its own. */
const ownService = {
  filters: [
    {
      ...policy,
      filter: {
        ...policy.filter,
        typed_config: {
          '@type': `${type}.http.ext_authz.v3.ExtAuthz`,
          transport_api_version: 'V3',
          grpc_service: { envoy_grpc: { cluster_name: '${cluster:policy}' } },
        },
      },
      routes: { prefix: 'team-', extensions: ['team-free'], exempting: 'team-free' },
      ruleMetadata: 'team-rule',
      advice: { setting: 'set team-free', exempts: 'team-free' },
    },
  ],
  clusters: [
    {
      name: 'policy',
      cluster: {
        load_assignment: {
          endpoints: [
            {
              lb_endpoints: [
                {
                  endpoint: {
                    address: { socket_address: { address: '127.0.0.1', port_value: 9191 } },
                  },
                },
              ],
            },
          ],
        },
      },
    },
  ],
} as const;

describe('a filter that says what it shares, in words of its own', () => {
  const theirs = (port: number, metadata = ''): Site => ({
    filters: `{name: mine, typed_config: {"@type": ${type}.http.ext_authz.v3.ExtAuthz, transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: theirs}${metadata}}}}, ${router}`,
    more: `  - {name: theirs, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}}\n`,
  });
  const idsOf = (site: Site): readonly string[] =>
    patch(site, ownService).warnings.map(({ id }) => id);
  const rule = (name: string): string => `, initial_metadata: [{key: team-rule, value: ${name}}]`;

  test.each<[string, Site, readonly string[]]>([
    ['asks the port of its cluster', theirs(9191), ['wired_by_hand']],
    ['names its rule there', theirs(9191, rule('team-policy')), ['wired_by_hand']],
    ['names another rule', theirs(9191, rule('other')), []],
    ['asks the port of another template', theirs(9010), []],
  ])('counts as wired by hand where one %s', (_what, site, ids) => {
    expect(idsOf(site)).toEqual(ids);
  });

  test('one that names its rule and asks another port is refused', () => {
    expect(() => patch(theirs(9192, rule('team-policy')), ownService)).toThrow(
      /does not lead to the helper alone \(127\.0\.0\.1:9191\) because of socket_address/,
    );
  });

  const told = (extension: string): string => perRoute.replace('svidecar-skip', extension);

  test('takes the usual name for what it states, and for nothing else', () => {
    const nameFor = (extension: string): string | undefined =>
      /\{name: ([a-z._-]+), typed_config: \{"@type": \S+ExtAuthz,/.exec(
        patch({ routes: set(usual, told(extension)) }, ownService).files['envoy.yaml'] ?? '',
      )?.[1];
    expect(nameFor('team-free')).toBe(usual);
    expect(nameFor('svidecar-skip')).toBe('svidecar.team-policy');
  });

  test('is warned about paths that change, where a route says its own word for passing', () => {
    const routes = (extension: string): string =>
      `virtual_hosts: [{routes: [{match: {prefix: /}, route: {cluster: helper, prefix_rewrite: /b}, ${set('svidecar.team-policy', told(extension))}}]}]`;
    const messagesOf = (extension: string): readonly string[] =>
      patch({ routes: routes(extension) }, ownService).warnings.map(({ message }) => message);
    expect(messagesOf('team-free')).toEqual([
      expect.stringContaining('a path that needs no token (team-free) could become another'),
    ]);
    expect(messagesOf('svidecar-skip')).toEqual([]);
  });
});

test('no source of the patcher names a filter, a rule or a port of ours', () => {
  const folder = 'webhook/envoy';
  const named = readdirSync(folder).filter((file) =>
    /svidecar-(?:rule|skip|audience)|jwt-(?:inject|validate)|data-path|\b9010\b/.test(
      readFileSync(`${folder}/${file}`, 'utf8'),
    ),
  );
  expect(named).toEqual([]);
});

describe('what is added to the bootstrap', () => {
  const stats = { stats_config: { histogram_bucket_settings: [{ buckets: [1] }] } };

  test('is said with the reason of the template that wants it, or none', () => {
    const bootstrap = [
      { values: stats },
      { values: { node: { id: 'a' } }, reason: 'without which Envoy asks for no secrets' },
      { values: { node: { cluster: 'b' } }, reason: 'by which statistics are told apart' },
    ];
    const additions = { filters: [lua], clusters: [], bootstrap };
    const added = (more: string): readonly string[] =>
      patch({ more }, additions)
        .changes.map(({ message }) => message)
        .slice(1);
    expect(added('')).toEqual([
      'added stats_config',
      'added node, without which Envoy asks for no secrets and by which statistics are told apart',
    ]);
    expect(added('node: {id: own}\n')).toEqual([
      'added stats_config',
      'added node.cluster, by which statistics are told apart',
    ]);
  });
});

test.each([
  ['native', nativeValidate],
  ['ext-authz', validate],
])('what is asked for once is refused with advice that helps in the data path %s', (_path, all) => {
  const filters = all.filters.map((one) => ({ ...one, onceOnly: true }));
  const routes =
    'virtual_hosts: [{routes: [{route: {cluster: helper, internal_redirect_policy: {}}}]}]';
  expect(() => patch({ routes }, { ...all, filters })).toThrow(
    /; remove the policy, or set svidecar\.dev\/forward-token: "true"$/,
  );
});

test('native says which data path takes settings of routes', () => {
  const found = (): unknown => patch({ routes: set(usual, perRoute) }, nativeValidate);
  expect(found).toThrow(/choose the data path ext-authz$/);
});

describe('a template of the configuration', () => {
  const { library } = engineFor({
    templates: {
      team: {
        description: 'Adds a header.',
        fragments: [
          {
            envoy: {
              filters: [{ ...lua, advice: { setting: 'ask the team' } }],
              bootstrap: { node: { id: 'a' } },
              bootstrapReason: 'which the team wants',
            },
          },
        ],
      },
    },
  });

  test('states what its filter shares', () => {
    const { filters, bootstrap } = additionsOf({ templates: ['team'], values: {} }, library);
    expect(filters).toEqual([
      expect.objectContaining({ ...lua, routes: undefined, advice: { setting: 'ask the team' } }),
    ]);
    expect(bootstrap).toEqual([{ values: { node: { id: 'a' } }, reason: 'which the team wants' }]);
  });

  test('has no ports of the helper without a rule for it', () => {
    const portsOf = (name: string): number | undefined =>
      additionsOf({ templates: [name], values: {} }, library).takenPorts?.length;
    expect(portsOf('team')).toBe(0);
    expect(portsOf('jwt-validate')).toBe(2);
  });
});
