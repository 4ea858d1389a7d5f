/** The golden cases of the Envoy patcher: what is asked for in each folder's configuration. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '#kernel/json.ts';
import type {
  EnvoyAdditions,
  EnvoySource,
  FilterAddition,
} from '../../../webhook/envoy/patch-contract.ts';
import { readRequest } from '../../../webhook/request/read-annotations.ts';
import { additionsOf } from '../../../webhook/injection/envoy-plan.ts';
import { variablesFor } from '../../../webhook/request/variables.ts';
import { engineFor } from '../../fakes/engine.ts';

/** What the shipped templates add in the data path `native`, for a pod of demo/web with these annotations. */
export function nativeAdditions(annotations: Readonly<Record<string, string>>): EnvoyAdditions {
  return shippedAdditions({ 'svidecar.dev/data-path': 'native', ...annotations });
}

function shippedAdditions(annotations: Readonly<Record<string, string>>): EnvoyAdditions {
  const request = readRequest({ metadata: { annotations } });
  if (request.kind !== 'templates') throw new TypeError('no templates are asked for');
  const engine = engineFor();
  const web = { kind: 'Pod', name: 'web', namespace: 'demo', path: [], metadata: {} };
  const template = { spec: { serviceAccountName: 'web' } };
  const located = { ...web, template, hasControllerOwner: false, claims: [], selector: {} };
  const values = variablesFor(located, request.settings, engine);
  const known = Object.entries(values).filter(
    (entry): entry is [string, Json] => entry[1] !== undefined,
  );
  return additionsOf(
    { templates: [...request.names], values: Object.fromEntries(known) },
    engine.library,
  );
}

export interface EnvoyCase {
  readonly name: string;
  readonly additions: EnvoyAdditions;
}

/** Where the ConfigMap of every case is mounted. */
export const directory = '/etc/envoy';

/** What a shipped template states of its `ext_authz` filter. */
function stated(rule: string): Pick<FilterAddition, 'routes' | 'ruleMetadata' | 'advice'> {
  const asked = { 'inject.svidecar.dev/templates': rule, 'svidecar.dev/inject-audience': 'any' };
  const [shipped] = shippedAdditions(asked).filters;
  if (shipped === undefined) throw new TypeError(`${rule} adds no filter`);
  const { routes, ruleMetadata, advice } = shipped;
  return { routes, ruleMetadata, advice };
}

/** The filter that the built-in templates add. */
function extAuthz(rule: string): FilterAddition['filter'] {
  return {
    name: `svidecar.${rule}`,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz',
      transport_api_version: 'V3',
      grpc_service: {
        envoy_grpc: { cluster_name: '${cluster:ext-authz}' },
        timeout: '0.25s',
        initial_metadata: [{ key: 'svidecar-rule', value: rule }],
      },
      failure_mode_allow: false,
    },
  };
}

const helper: EnvoyAdditions['clusters'][number] = {
  name: 'ext-authz',
  cluster: {
    name: '${cluster:ext-authz}',
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: '${cluster:ext-authz}',
      endpoints: [
        {
          lb_endpoints: [
            {
              endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 9010 } } },
            },
          ],
        },
      ],
    },
  },
};

export const injectFilter: FilterAddition = {
  rule: 'jwt-inject',
  direction: 'outbound',
  place: 'before-terminal',
  filter: extAuthz('jwt-inject'),
  ...stated('jwt-inject'),
  carriesToken: true,
  oneAudienceForAllHosts: true,
};
export const validateFilter: FilterAddition = {
  rule: 'jwt-validate',
  direction: 'inbound',
  place: 'before-terminal',
  filter: extAuthz('jwt-validate'),
  ...stated('jwt-validate'),
};

export const inject: EnvoyAdditions = { filters: [injectFilter], clusters: [helper] };
export const validate: EnvoyAdditions = { filters: [validateFilter], clusters: [helper] };
export const both: EnvoyAdditions = { filters: [injectFilter, validateFilter], clusters: [helper] };

const injectKey = 'inject.svidecar.dev/templates';
export const nativeInject = nativeAdditions({
  [injectKey]: 'jwt-inject',
  'svidecar.dev/audience': 'spiffe://example.org/ns/demo/sa/backend',
});
export const nativeValidate = nativeAdditions({ [injectKey]: 'jwt-validate' });
export const nativeBoth = nativeAdditions({
  [injectKey]: 'jwt-inject,jwt-validate',
  'svidecar.dev/inject-audience': 'ledger',
  'svidecar.dev/authorization': 'overwrite',
  'svidecar.dev/validate-audience': 'web, https://web.test',
  'svidecar.dev/allow-callers':
    'spiffe://example.org/ns/shop/*, spiffe://partner.test, spiffe://example.org/ns/a/sa/b',
  'svidecar.dev/skip-paths': '/healthz, /static/*',
  'svidecar.dev/caller-header': 'x-caller',
});
const nativeByHost = nativeAdditions({
  [injectKey]: 'jwt-inject',
  'svidecar.dev/audience-by-host':
    'orders.test=orders, orders.test:8443=orders-tls, *.pay.test=pay, *.eu.pay.test=pay-eu',
  'svidecar.dev/spiffe-id': 'spiffe://example.org/web',
});

const named: EnvoyAdditions = {
  filters: [
    { ...injectFilter, listeners: ['out'] },
    { ...validateFilter, listeners: ['in', 'metrics'] },
  ],
  clusters: [helper],
};
const first: EnvoyAdditions = {
  filters: [{ ...validateFilter, place: 'first' }],
  clusters: [helper],
};

export const cases: readonly EnvoyCase[] = [
  { name: 'tutorial-frontend', additions: inject },
  { name: 'tutorial-backend', additions: validate },
  { name: 'two-directions', additions: both },
  { name: 'flow-style', additions: validate },
  { name: 'json-tabs', additions: validate },
  { name: 'json-compact', additions: validate },
  { name: 'discovery-files', additions: validate },
  { name: 'many-chains', additions: validate },
  { name: 'own-filters', additions: validate },
  { name: 'own-filters-first', additions: first },
  { name: 'upgrade-filters', additions: validate },
  { name: 'native-upgrade-filters', additions: nativeBoth },
  { name: 'typed-struct', additions: validate },
  { name: 'cluster-clash', additions: inject },
  { name: 'cluster-reused', additions: validate },
  { name: 'no-clusters', additions: validate },
  { name: 'null-clusters', additions: validate },
  { name: 'shared-filters', additions: validate },
  { name: 'windows-and-tabs', additions: validate },
  { name: 'wired-by-hand', additions: validate },
  { name: 'several-documents', additions: validate },
  { name: 'upstream-filters', additions: validate },
  { name: 'camel-case-json', additions: validate },
  { name: 'chosen-listener', additions: named },
  { name: 'four-spaces', additions: inject },
  { name: 'native-inject', additions: nativeInject },
  { name: 'native-validate', additions: nativeValidate },
  { name: 'native-both', additions: nativeBoth },
  { name: 'native-by-host', additions: nativeByHost },
  { name: 'native-discovery-files', additions: nativeInject },
  { name: 'native-patched-already', additions: nativeBoth },
];

/** Reads a case's ConfigMap; the folder holds what was expected of it beside the files. */
export function sourceOf(name: string): EnvoySource {
  const folder = join(import.meta.dirname, name);
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  const files = Object.fromEntries(
    names
      .filter((entry) => entry.name !== 'report.txt')
      .map((entry) => [entry.name, readFileSync(join(folder, entry.name), 'utf8')]),
  );
  const main = 'envoy.json' in files ? 'envoy.json' : 'envoy.yaml';
  return { name: `ConfigMap demo/${name}`, files, main, directory };
}
