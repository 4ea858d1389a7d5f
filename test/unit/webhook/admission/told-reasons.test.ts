/** Whoever may not read a ConfigMap still learns what kind of fault it has, and what to do: an id and a fixed sentence. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { ConfigMapContents } from '../../../../webhook/injection/config-map-contents.ts';
import { products } from '../../../fakes/envoy-products.ts';
import { answerTo } from '../../../fakes/stranger.ts';

const root = join(import.meta.dirname, '../../../..');
const union = readFileSync(join(root, 'sidecar/kernel/reasons.ts'), 'utf8');
const reasons = [...union.matchAll(/^ {2}\| '([a-z_0-9]+)'/gm)].map(([, id = '']) => id);

const v3 = 'type.googleapis.com/envoy.extensions';
const managerType = `${v3}.filters.network.http_connection_manager.v3.HttpConnectionManager`;
const router = `{name: hunter2r, typed_config: {"@type": ${v3}.filters.http.router.v3.Router}}`;
const authz = `${v3}.filters.http.ext_authz.v3`;
const usual = 'envoy.filters.http.ext_authz';

interface Parts {
  readonly filters?: string;
  /** Of the only route. */
  readonly route?: string;
  readonly action?: string;
  readonly listener?: string;
  readonly more?: string;
}

/** A configuration in which every name is the secret. */
function envoy({ filters, route, action, listener, more }: Parts = {}): string {
  return `static_resources:
  listeners:
    - name: hunter2
      address: {socket_address: {address: 127.0.0.1, port_value: 15001}}
      ${listener ?? 'traffic_direction: OUTBOUND'}
      filter_chains:
        - filters:
            - name: hunter2
              typed_config:
                "@type": ${managerType}
                stat_prefix: hunter2
                route_config:
                  virtual_hosts:
                    - name: hunter2
                      domains: ["*"]
                      routes:
                        - match: {prefix: /hunter2}
                          route: {cluster: hunter2${action ?? ''}}
                          ${route ?? 'name: hunter2'}
                ${filters ?? `http_filters: [${router}]`}
  clusters:
    - name: hunter2
      load_assignment: {cluster_name: hunter2, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8080}}}}]}]}
${more ?? ''}`;
}

const setting = (name: string, body: string): string =>
  `typed_per_filter_config: {${name}: {"@type": ${authz}.ExtAuthzPerRoute, ${body}}}`;
const off = 'disabled: true';
const said = 'check_settings: {context_extensions: {svidecar-audience: hunter2}}';
const foreign = `{name: ${usual}, typed_config: {"@type": ${authz}.ExtAuthz, http_service: {server_uri: {uri: "http://hunter2", cluster: hunter2, timeout: 1s}}}}`;
const asking = `{name: hunter2a, typed_config: {"@type": ${authz}.ExtAuthz, failure_mode_allow: true, transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: hunter2}, initial_metadata: [{key: svidecar-rule, value: jwt-inject}]}}}`;

const native = { 'svidecar.dev/data-path': 'native' };
const once = { ...native, 'svidecar.dev/authorization': 'deny' };
const both = { 'inject.svidecar.dev/templates': 'jwt-inject,jwt-validate' };

type Case = readonly [reason: string, source: string | ConfigMapContents, annotations?: JsonObject];

const list = (count: number): string => `[${'1,'.repeat(count)}1]`;
const bytes = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

const texts: readonly Case[] = [
  ['alias_unknown', 'password: *hunter2\n'],
  ['character_refused', 'password: "hunter2\u0007"\n'],
  ['character_refused', 'password: hunter2\rhunter2\n'],
  ['character_refused', 'password: "hunter2\ud800"\n'],
  ['config_key_missing', { data: { hunter2: '' } }],
  ['copy_too_large', { data: { 'secret.conf': envoy(), hunter2: 'x'.repeat(1_048_000) } }],
  ['key_not_a_text', '? [hunter2]\n: 1\n'],
  ['key_stands_twice', 'hunter2: 1\nhunter2: 2\n'],
  [
    'file_kind_refused',
    {
      data: {
        'secret.conf': 'dynamic_resources: {lds_config: {path: /etc/envoy/hunter2.pb}}\n',
        'hunter2.pb': '',
      },
    },
  ],
  ['file_not_json', '{"password": "hunter2" "x"}'],
  ['file_not_json', '{password: hunter2}'],
  ['merge_key_refused', 'a: &a {hunter2: 1}\nb: {<<: *a}\n'],
  ['read_differently', 'password: "hunter2\\_"\n'],
  ['nested_too_deep', `hunter2: ${'['.repeat(300)}${']'.repeat(300)}\n`],
  ['not_a_map', 'hunter2'],
  ['not_a_map', '- hunter2\n'],
  ['not_utf8', { data: {}, binaryData: { 'secret.conf': bytes('hunter2: \xff\xfe') } }],
  ['placeholders_not_filled_in', 'hunter2: {port: ${HUNTER2}}\n'],
  ['tag_refused', 'password: !!binary hunter2\n'],
  ['template_not_filled_in', 'password: {{ .Values.hunter2 }}\n'],
  ['template_not_filled_in', 'a:\n  {{- toYaml .Values.hunter2 | nindent 2 }}\n'],
  ['template_not_filled_in', '{{ .Values.hunter2 }}: 1\n'],
  ['template_not_filled_in', 'a: [{{ .Values.hunter2 | quote }}]\n'],
  ['template_not_filled_in', '{{- if .Values.hunter2 }}\na: 1\n{{- end }}\n'],
  ['template_not_filled_in', '# {{ if .hunter2 }}\na: 1\n# {{ else }}\na: 2\n# {{ end }}\n'],
  ['text_too_large', `hunter2: ${list(130_000)}\n`],
  ['text_too_large', `hunter2: "{{ .Values.hunter2 }}"\nb: ${list(130_000)}\n`],
  ['text_too_large', `# ${'hunter2 '.repeat(300_000)}\n`],
  ['text_unparsable', 'user = root\n{password: hunter2'],
  ['too_many_blank_lines', `${'\n'.repeat(4_000)}${'# hunter2\n'.repeat(4_000)}a: 1\n`],
];

/** Of a size at which it is refused. */
function tooMuch(name: string): string {
  const product = products[name];
  return JSON.stringify(product?.shape(product.size)['envoy.yaml'] ?? {});
}

const manyHosts = Array.from({ length: 900 }, (_none, i) => `*.hunter2${i}.test=a`).join(',');
const byHosts = { 'svidecar.dev/audience-by-host': manyHosts };

const configurations: readonly Case[] = [
  [
    'keys_too_long',
    envoy({ more: `node: {metadata: {"${'hunter2'.repeat(700)}": {inner: 1}}}\n` }),
  ],
  ['listeners_lead_too_far', tooMuch('connection managers in a row')],
  ['too_many_hosts', tooMuch('virtual hosts × domains'), byHosts],
  ['bootstrap_member_unusable', envoy({ more: 'node: {id: "", cluster: hunter2}\n' }), native],
  ['discovery_file_missing', 'dynamic_resources: {lds_config: {path: /etc/hunter2}}\n'],
  ['field_spelled_twice', envoy({ filters: 'http_filters: []\n                httpFilters: []' })],
  ['filters_not_a_list', envoy({ filters: `http_filters: ${router}` })],
  [
    'filter_not_found',
    envoy({ listener: 'traffic_direction: INBOUND' }),
    {
      'inject.svidecar.dev/templates': 'jwt-validate',
      'svidecar.dev/validate-before': 'other',
    },
  ],
  ['hand_wired_fault', envoy({ filters: `http_filters: [${asking}, ${router}]` })],
  [
    'hand_wired_without_ext_authz',
    envoy({ filters: `http_filters: [${asking}, ${router}]` }),
    native,
  ],
  ['listener_behind_listener', envoy().replace('8080', '15001'), once],
  ['listener_not_found', envoy(), { 'svidecar.dev/inject-listeners': 'other' }],
  [
    'listener_without_http',
    envoy().replace('  clusters:', '    - {name: other}\n  clusters:'),
    { 'svidecar.dev/inject-listeners': 'other' },
  ],
  ['listeners_ambiguous', envoy({ listener: 'per_connection_buffer_limit_bytes: 1' }), both],
  ['manager_without_filters', envoy({ filters: 'http_filters: []' })],
  ['no_connection_manager', 'static_resources: {listeners: [{name: hunter2}]}\n'],
  ['no_listener_left', envoy({ listener: 'traffic_direction: INBOUND' })],
  ['old_api', envoy({ filters: 'http_filters: [{name: hunter2, config: {hunter2: 1}}]' })],
  [
    'own_name_taken',
    envoy({
      filters: `http_filters: [{name: svidecar.jwt-inject, typed_config: {"@type": ${v3}.filters.http.lua.v3.Lua}}, ${router}]`,
    }),
    native,
  ],
  [
    'place_not_editable',
    envoy({ filters: 'http_filters: &hunter2 [' + router + ']' }).replace(
      '  clusters:',
      '    - *hunter2\n  clusters:',
    ),
  ],
  ['redirect_within_envoy', envoy({ action: ', internal_redirect_policy: {}' }), once],
  ['route_opens', envoy({ route: setting('svidecar.jwt-inject', off) })],
  ['setting_for_no_filter', envoy({ route: setting('svidecar.hunter2', said) })],
  ['setting_for_no_filter', envoy({ route: setting(usual, off) })],
  [
    'setting_under_other_filter',
    envoy({ filters: `http_filters: [${foreign}, ${router}]`, route: setting(usual, said) }),
  ],
  ['setting_without_ext_authz', envoy({ route: setting('svidecar.jwt-inject', said) }), native],
  [
    'settings_under_two_names',
    envoy({
      route: `typed_per_filter_config: {svidecar.jwt-inject: {"@type": ${authz}.ExtAuthzPerRoute, ${said}}, ${usual}: {"@type": ${authz}.ExtAuthzPerRoute, ${said}}}`,
    }),
  ],
  [
    'typed_config_without_type',
    envoy({ filters: 'http_filters: [{name: hunter2, typed_config: {hunter2: 1}}]' }),
  ],
];

const cases = [...texts, ...configurations].map(
  ([reason, source, annotations = {}]) => [reason, source, annotations] as const,
);

describe('a refusal is told by its id and a fixed sentence', () => {
  test.each(cases)('%s (%#)', (reason, source, annotations) => {
    const answer = answerTo(source, 'places', annotations);
    expect(answer).not.toMatch(/hunter2/i);
    expect(answer).toMatch(
      new RegExp(
        `ConfigMap victim/theirs(?: secret\\.conf:\\d+(?::\\d+)?)?: ${reason}: .+; svidecar explain`,
      ),
    );
  });

  test('docs/envoy.md has a row for each id, and no other', () => {
    const page = readFileSync(join(root, 'docs/envoy.md'), 'utf8');
    const [, section = ''] = /## What a configuration is refused for([^]*?)\n## /.exec(page) ?? [];
    const rows = [...section.matchAll(/^\| `([a-z_0-9]+)` \|/gm)].map(([, id]) => id);
    expect(rows).toEqual(reasons);
  });

  test('each id has a case here', () => {
    expect(reasons.length).toBeGreaterThan(30);
    expect([...new Set(cases.map(([reason]) => reason))].sort()).toEqual(reasons);
  });
});
