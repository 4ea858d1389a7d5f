/** A listener that hands its connections to another one does not check them itself. */
import { describe, expect, test } from 'vitest';
import type { EnvoyPatch } from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { inject, validate } from '../../../golden/envoy/cases.ts';

const manager = `{name: hcm, typed_config: {"@type": x/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, http_filters: [{name: router, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}]}}`;
const tcp = '{name: tcp, typed_config: {"@type": x/a.b.Tcp}}';
const proxyProtocol =
  'listener_filters: [{name: pp, typed_config: {"@type": x/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol}}]';
const kernelOnly =
  'listener_filters: [{name: od, typed_config: {"@type": x/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}}]';

interface Site {
  readonly name: string;
  readonly direction?: string;
  readonly host?: string;
  readonly more?: string;
  readonly filter?: string;
}

function listener({ name, direction = 'INBOUND', host = '0.0.0.0', ...rest }: Site): string {
  const { more = 'bind_to_port: false', filter = manager } = rest;
  return `  - {name: ${name}, traffic_direction: ${direction}, address: {socket_address: {address: ${host}, port_value: 8081}}, ${more}, filter_chains: [{filters: [${filter}]}]}\n`;
}

function patch(sites: readonly Site[], { rest = '', additions = validate } = {}): EnvoyPatch {
  const text = `static_resources:\n  listeners:\n${sites.map(listener).join('')}${rest}`;
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy(source, additions);
}

const handed = (patched: EnvoyPatch): readonly string[] =>
  patched.warnings
    .filter(({ message }) => message.includes('hands connections'))
    .map(({ message }) => message);

const front: Site = { name: 'front', more: 'use_original_dst: true' };
const outside: Site = { name: 'other', direction: 'OUTBOUND' };

describe('handed to a listener without our filter: told, with both places', () => {
  test.each<[string, readonly Site[]]>([
    ['of the other direction', [front, outside]],
    ['bound as well', [front, { ...outside, more: 'bind_to_port: true' }]],
    ['without a connection manager', [front, { name: 'other', filter: tcp }]],
    ['in the other spelling', [{ ...front, more: 'useOriginalDst: true' }, outside]],
    ['wrapped', [{ ...front, more: 'use_original_dst: {value: true}' }, outside]],
    [
      'at loopback, where the client says the destination',
      [
        { ...front, more: `use_original_dst: true, ${proxyProtocol}` },
        { ...outside, host: '127.0.0.1' },
      ],
    ],
    [
      'at loopback, with a listener filter that cannot be seen',
      [
        { ...front, more: 'use_original_dst: true, listener_filters: [{name: x}]' },
        { ...outside, host: '127.0.0.1' },
      ],
    ],
    [
      'by a second address',
      [
        front,
        {
          ...outside,
          host: '127.0.0.1',
          more: 'additional_addresses: [{address: {socket_address: {address: 10.0.0.1, port_value: 1}}}]',
        },
      ],
    ],
  ])('%s', (_name, sites) => {
    expect(handed(patch(sites))).toEqual([
      expect.stringMatching(
        /envoy\.yaml:3: listener "front" has use_original_dst .*jwt-validate does nothing for those that end in "other" \(ConfigMap demo\/web envoy\.yaml:4\); have the rule cover/,
      ),
    ]);
  });

  test('listeners by discovery', () => {
    const rest = 'dynamic_resources: {lds_config: {ads: {}}}\n';
    expect(handed(patch([front], { rest }))).toEqual([
      expect.stringMatching(/those that end in listeners that come from discovery/),
    ]);
  });
});

describe('nothing to tell', () => {
  test.each<[string, readonly Site[]]>([
    [
      'a virtual listener before several that are chosen too',
      [front, { name: 'a' }, { name: 'b' }, { name: 'c' }],
    ],
    ['nothing is handed over', [{ ...front, more: 'use_original_dst: false' }, outside]],
    [
      'the app’s own side at loopback',
      [
        { ...front, more: `use_original_dst: true, ${kernelOnly}` },
        { ...outside, host: '127.0.0.1' },
      ],
    ],
    [
      'the listener that is not chosen hands over',
      [{ name: 'in' }, { ...outside, more: 'use_original_dst: true' }],
    ],
  ])('%s', (_name, sites) => {
    expect(handed(patch(sites))).toEqual([]);
  });

  test('outbound: what arrives at the pod’s own inbound listeners', () => {
    const out = { ...outside, more: 'use_original_dst: true' };
    expect(handed(patch([out, { name: 'in' }], { additions: inject }))).toEqual([]);
  });
});
