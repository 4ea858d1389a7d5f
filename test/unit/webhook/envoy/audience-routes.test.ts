/** A route that names the audience of its token shares no token with the others. */
import { expect, test } from 'vitest';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { inject } from '../../../golden/envoy/cases.ts';

const managerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router =
  '{name: r, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}';

function audience(name: string): string {
  const type = 'x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute';
  const settings = `context_extensions: {svidecar-audience: ${name}}`;
  return `typed_per_filter_config: {svidecar.jwt-inject: {"@type": ${type}, check_settings: {${settings}}}}`;
}

/** @param own of each route: its action, and the audience of its own if it has one */
function told(own: readonly (readonly [string, string?])[], host = ''): readonly string[] {
  const cluster = (name: string): string =>
    `  - {name: ${name}, type: STRICT_DNS, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: ${name}.test, port_value: 443}}}}]}]}, transport_socket: {name: tls, typed_config: {"@type": x/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {validation_context: {trusted_ca: {filename: /ca.pem}}}}}}`;
  const routes = own.map(
    ([action, name], index) =>
      `{match: {prefix: /${index}}, route: {${action}}${name === undefined ? '' : `, ${audience(name)}`}}`,
  );
  const text = `static_resources:
  listeners:
  - {name: web, filter_chains: [{filters: [{name: hcm, typed_config: {"@type": x/${managerType}, http_filters: [${router}], route_config: {virtual_hosts: [{name: a, domains: ["*"], ${host} routes: [${routes.join(', ')}]}]}}}]}]}
  clusters:
${['a', 'b', 'c'].map(cluster).join('\n')}
`;
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy(source, inject).warnings.map(({ id }) => id);
}

const shared = ['one_audience_for_several_clusters'];
const mirror = 'request_mirror_policies: [{cluster: c}]';
test.each([
  ['none of their own', told([['cluster: a'], ['cluster: b']]), shared],
  [
    'each its own',
    told([
      ['cluster: a', 'x'],
      ['cluster: b', 'y'],
    ]),
    [],
  ],
  ['one its own, one other', told([['cluster: a', 'x'], ['cluster: b']]), []],
  ['one its own, two others', told([['cluster: a', 'x'], ['cluster: b'], ['cluster: c']]), shared],
  [
    'the same one twice',
    told([
      ['cluster: a', 'x'],
      ['cluster: b', 'x'],
    ]),
    shared,
  ],
  [
    'the same one twice for one cluster',
    told([
      ['cluster: a', 'x'],
      ['cluster: a', 'x'],
    ]),
    [],
  ],
  ['its own, and a copy', told([[`cluster: a, ${mirror}`, 'x']]), shared],
  [
    'each its own, and copies of all',
    told(
      [
        ['cluster: a', 'x'],
        ['cluster: b', 'y'],
      ],
      `${mirror},`,
    ),
    shared,
  ],
  [
    'its own for several clusters',
    told([['weighted_clusters: {clusters: [{name: a}, {name: b}]}', 'x']]),
    shared,
  ],
  ['one for the virtual host', told([['cluster: a'], ['cluster: b']], `${audience('x')},`), shared],
])('routes with %s', (_, ids, expected) => {
  expect(ids).toEqual(expected);
});
