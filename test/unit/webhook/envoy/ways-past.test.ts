/** Listeners that lead to the guarded app without the check, tunnels that are sent on, and plug-ins that make routes. */
import { expect, test } from 'vitest';
import type { EnvoyAdditions } from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { inject, validate } from '../../../golden/envoy/cases.ts';

const managerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

interface Other {
  readonly address?: string;
  readonly port?: number;
  readonly more?: string;
}

const listener = (name: string, head: string, route: string): string =>
  `{name: ${name}, ${head}, filter_chains: [{filters: [{name: hcm, typed_config: {"@type": x/${managerType}, http_filters: [{name: r, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}], route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [${route}]}]}}}]}]}`;
const at = (address: string, port: number): string =>
  `address: {socket_address: {address: "${address}", port_value: ${port}}}`;
const plain = (cluster: string): string => `{match: {prefix: /}, route: {cluster: ${cluster}}}`;

function told(listeners: readonly string[], additions: EnvoyAdditions): readonly string[] {
  const cluster = (name: string, port: number): string =>
    `{name: ${name}, type: STATIC, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {${at('127.0.0.1', port)}}}]}]}}`;
  const text = `static_resources: {listeners: [${listeners.join(', ')}], clusters: [${cluster('app', 9090)}, ${cluster('admin', 9091)}]}\n`;
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy(source, additions).warnings.map(({ id }) => id);
}

test.each<[string, Other, boolean]>([
  ['that anybody reaches', {}, true],
  ['that anybody reaches by IPv6', { address: '::' }, true],
  ['at loopback', { address: '127.0.0.1' }, false],
  ['that is not bound', { more: ', bind_to_port: false' }, false],
  ['that leads to another port', { port: 9091 }, false],
])(
  'a listener without the check, %s',
  (_name, { address = '0.0.0.0', port = 9090, more = '' }, isTold) => {
    const inbound = listener(
      'in',
      `traffic_direction: INBOUND, ${at('0.0.0.0', 8443)}`,
      plain('app'),
    );
    const other = listener(
      'legacy',
      `traffic_direction: OUTBOUND, ${at(address, 8444)}${more}`,
      plain(port === 9090 ? 'app' : 'admin'),
    );
    expect(told([inbound, other], validate).includes('way_past_the_check')).toBe(isTold);
  },
);

test.each<[string, EnvoyAdditions]>([
  ['gives a proxy the token', inject],
  ['is looked at once', validate],
])('a CONNECT request that is sent on %s', (_name, additions) => {
  const route = '{match: {connect_matcher: {}}, route: {cluster: app}}';
  expect(told([listener('web', at('0.0.0.0', 80), route)], additions)).toContain(
    'tunnel_seen_once',
  );
  expect(told([listener('web', at('0.0.0.0', 80), plain('app'))], additions)).not.toContain(
    'tunnel_seen_once',
  );
});

test('a plug-in that makes routes could switch the check off', () => {
  const route = '{match: {prefix: /}, route: {cluster: app}, route_specifiers: [{name: p}]}';
  expect(told([listener('web', at('0.0.0.0', 80), route)], validate)).toContain('routes_not_seen');
});
