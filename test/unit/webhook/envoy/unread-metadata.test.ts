/** Verified claims are left in dynamic metadata only where something may read them. */
import { expect, test } from 'vitest';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { nativeAdditions } from '../../../golden/envoy/cases.ts';

const validating = { 'inject.svidecar.dev/templates': 'jwt-validate' };

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router =
  '{name: router, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}';

interface Parts {
  /** Before the router. */
  readonly filters?: string;
  /** More members of the connection manager. */
  readonly manager?: string;
  /** More of the bootstrap. */
  readonly rest?: string;
  /** More keys of the ConfigMap. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Whether the filter leaves claims, once it is in a configuration with these parts. */
function leaves(
  { filters = '', manager = '', rest = '', files }: Parts,
  annotations: Readonly<Record<string, string>> = {},
): boolean {
  const hcm = `{name: hcm, typed_config: {"@type": ${managerType}, http_filters: [${filters}${router}]${manager}}}`;
  const listener = `{name: web, filter_chains: [{filters: [${hcm}]}]}`;
  const text = `static_resources:\n  listeners: [${listener}]\n  clusters: []\n${rest}`;
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text, ...files } };
  const asked = nativeAdditions({ ...validating, ...annotations });
  const patched = patchEnvoy({ ...source, main: 'envoy.yaml' }, asked).files['envoy.yaml'] ?? '';
  expect(patched).toContain('svidecar.jwt-validate');
  return patched.slice(text.length - patched.length).includes('payload_in_metadata: svidecar');
}

const rbac = `{name: rbac, typed_config: {"@type": x/envoy.extensions.filters.http.rbac.v3.RBAC, rules: {policies: {a: {permissions: [{any: true}], principals: [{metadata: {filter: "envoy.filters.http.jwt_authn", path: [{key: svidecar}], value: {present_match: true}}}]}}}}}, `;
const log = (format: string): string =>
  `, access_log: [{name: log, typed_config: {"@type": x/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, log_format: {text_format_source: {inline_string: "${format}"}}}}]`;

test.each<[string, Parts]>([
  ['nothing but the router', {}],
  ['an access log of other things', { manager: log('%START_TIME% %REQ(:PATH)%') }],
  [
    'its own ext_authz metadata',
    { manager: log('%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%') },
  ],
  ['another key of the ConfigMap', { files: { 'notes.txt': 'nothing about tokens' } }],
])('%s: nobody reads them', (_, parts) => {
  expect(leaves(parts)).toBe(false);
});

test.each<[string, Parts]>([
  ['a filter that looks at claims', { filters: rbac }],
  [
    'an access log by claim',
    { manager: log('%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:svidecar:sub)%') },
  ],
  [
    'a name written with escapes',
    { manager: log(String.raw`%DYNAMIC_METADATA(envoy.filters.http\x2ejwt_authn:svidecar)%`) },
  ],
  ['an expression', { manager: log('%CEL(metadata.filter_metadata)%') }],
  [
    'a log that gets all metadata',
    {
      manager:
        ', access_log: [{name: log, typed_config: {"@type": x/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig}}]',
    },
  ],
  [
    'code in the list',
    {
      filters:
        '{name: code, typed_config: {"@type": x/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {filename: /code}}}, ',
    },
  ],
  ['filters that come later', { filters: '{name: later, config_discovery: {}}, ' }],
  ['clusters from a control plane', { rest: 'dynamic_resources: {cds_config: {ads: {}}}\n' }],
  [
    'listeners from a control plane',
    { rest: 'dynamic_resources: {lds_config: {api_config_source: {}}}\n' },
  ],
  ['another key of the ConfigMap', { files: { 'routes.yaml': rbac } }],
])('%s: they are left', (_, parts) => {
  expect(leaves(parts)).toBe(true);
});

test('they are left for whoever asks for them', () => {
  expect(leaves({}, { 'svidecar.dev/caller-metadata': 'true' })).toBe(true);
  expect(leaves({}, { 'svidecar.dev/caller-metadata': 'false' })).toBe(false);
});

test('they are left for bans by claims', () => {
  const bans = {
    'inject.svidecar.dev/templates': 'jwt-ban, jwt-validate',
    'svidecar.dev/ban-token': 'metadata:svidecar',
  };
  expect(leaves({}, bans)).toBe(true);
});
