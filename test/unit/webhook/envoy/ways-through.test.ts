/** Every way that a request can take through a listener has our filter, or is told of. */
import { describe, expect, test } from 'vitest';
import type { EnvoyPatch } from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { both, inject, validate, validateFilter } from '../../../golden/envoy/cases.ts';

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router =
  '{name: router, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}';
const manager = `{name: hcm, typed_config: {"@type": ${managerType}, http_filters: [${router}]}}`;
const web = `{name: web, filter_chains: [{filters: [${manager}]}]}`;

function patch(text: string, additions = validate): EnvoyPatch {
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy(source, additions);
}

function withListeners(...listeners: string[]): string {
  return `static_resources:\n  listeners:\n${listeners.map((one) => `  - ${one}\n`).join('')}`;
}

describe('a way that leads past our filter is told of, with file, line and what to do', () => {
  test.each<[string, string, RegExp]>([
    [
      'a chain that ends with a TCP proxy',
      `{name: web, filter_chains: [{filters: [${manager}]}, {name: raw, filters: [{name: tcp, typed_config: {"@type": x/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy}}]}]}`,
      /envoy\.yaml:3: in listener "web", filter chain raw ends with tcp \(envoy\.extensions\.filters\.network\.tcp_proxy\.v3\.TcpProxy\), which is not an HTTP connection manager, so jwt-validate does nothing/,
    ],
    [
      'a network filter by discovery',
      `{name: web, filter_chains: [{filters: [${manager}]}], default_filter_chain: {filters: [{name: found, config_discovery: {config_source: {ads: {}}}}]}}`,
      /:3: in listener "web", the last network filter of the default filter chain, found, comes from config_discovery and cannot be seen/,
    ],
    [
      'chains by discovery',
      `{name: web, filter_chains: [{filters: [${manager}]}], fcds_config: {name: more}}`,
      /:3: in listener "web", fcds_config brings more filter chains/,
    ],
    [
      'a wrapped filter that is no connection manager',
      `{name: web, filter_chains: [{filters: [${manager}]}, {filters: [{name: w, typed_config: {"@type": x/xds.type.v3.TypedStruct, type_url: x/a.b.C, value: {}}}]}]}`,
      /filter chain 2 ends with w \(a\.b\.C\)/,
    ],
    [
      'a wrapper that says no type',
      `{name: web, filter_chains: [{filters: [${manager}]}], api_listener: {api_listener: {"@type": x/a.b.C}}}`,
      /api_listener is a\.b\.C, which is not an HTTP connection manager/,
    ],
  ])('%s', (_name, listener, message) => {
    const { warnings, changes } = patch(withListeners(listener));
    expect(warnings).toEqual([
      {
        id: 'chain_without_filter',
        place: { file: 'ConfigMap demo/web envoy.yaml', line: 3 },
        message: expect.stringMatching(message) as string,
      },
    ]);
    expect(changes).toHaveLength(2);
  });

  test('also in a listener that was named', () => {
    const text = withListeners(
      `{name: web, filter_chains: [{filters: [${manager}]}, {filters: [{name: tcp, typed_config: {"@type": x/a.b.C}}]}]}`,
    );
    const additions = { ...validate, filters: [{ ...validateFilter, listeners: ['web'] }] };
    expect(patch(text, additions).warnings.map(({ id }) => id)).toEqual(['chain_without_filter']);
  });

  test('a listener of no direction and no connection manager, which is neither rule’s', () => {
    const text = withListeners(
      `{traffic_direction: INBOUND, ${web.slice(1)}`,
      `{traffic_direction: OUTBOUND, ${web.slice(1)}`,
      '{name: udp}',
    );
    const { warnings } = patch(text, both);
    expect(warnings.map(({ id }) => id)).toEqual([
      'listener_without_connection_manager',
      'listener_without_connection_manager',
    ]);
  });

  test.each([
    ['lds_config: {ads: {}}'],
    ['lds_config: {api_config_source: {api_type: GRPC}}'],
    ['lds_resources_locator: "xdstp://x"'],
    ['ldsConfig: {resource_api_version: V3, ads: {}}'],
  ])('more listeners from a control plane: %s', (field) => {
    const { warnings } = patch(`${withListeners(web)}dynamic_resources:\n  ${field}\n`);
    expect(warnings).toEqual([
      {
        id: 'listeners_from_control_plane',
        place: { file: 'ConfigMap demo/web envoy.yaml', line: 5 },
        message: expect.stringMatching(
          /envoy\.yaml:5: lds_\w+ brings more listeners.* pass without our filter/,
        ) as string,
      },
    ]);
  });
});

describe('no warning where nothing gets through', () => {
  test.each([
    ['an answer of Envoy itself', 'envoy.extensions.filters.network.direct_response.v3.Config'],
    ['an echo', 'envoy.extensions.filters.network.echo.v3.Echo'],
  ])('%s', (_name, type) => {
    const text = withListeners(
      `{name: web, filter_chains: [{filters: [${manager}]}, {filters: [{name: x, typed_config: {"@type": x/${type}}}]}, {filters: []}]}`,
    );
    expect(patch(text).warnings).toEqual([]);
  });
});

describe('what Envoy reads in more than one spelling', () => {
  test.each([
    [
      'two spellings of one field',
      withListeners(`{name: web, filter_chains: [], filterChains: [{filters: [${manager}]}]}`),
      /envoy\.yaml:3:\d+: filter_chains is here a second time, as filterChains; Envoy reads both/,
    ],
    [
      'a single filter in the place of a list',
      withListeners(web.replace(`[${router}]`, router)),
      /envoy\.yaml:3:\d+: http_filters is a single filter; write it as a list/,
    ],
  ])('%s is refused', (_name, text, message) => {
    expect(() => patch(text)).toThrow(message);
  });

  test.each([
    ['a single chain', web.replace(/filter_chains: \[(.*)\]\}$/, 'filter_chains: $1}')],
    [
      'a single upgrade',
      web.replace(
        'http_filters:',
        `upgrade_configs: {upgrade_type: websocket, filters: [${router}]}, http_filters:`,
      ),
    ],
  ])('%s in the place of a list is read as Envoy does', (_name, listener) => {
    const { files } = patch(withListeners(listener), inject);
    const filters = files['envoy.yaml']?.match(/ExtAuthz/g) ?? [];
    expect(filters).toHaveLength(listener.split('router.v3').length - 1);
  });
});
