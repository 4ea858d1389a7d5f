import { expect, test } from 'vitest';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { validate } from '../../../golden/envoy/cases.ts';

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router =
  '{name: router, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}';

function at(port: number | string, more = ''): string {
  return `address: {socket_address: {address: 127.0.0.1, port_value: ${port}${more}}}`;
}

function listens(fields: string): string {
  const manager = `{name: hcm, typed_config: {"@type": ${managerType}, http_filters: [${router}]}}`;
  return `static_resources:
  listeners:
  - name: web
    ${fields}
    filter_chains: [{filters: [${manager}]}]
  clusters: []
`;
}

test.each<[string, string, readonly string[]]>([
  ['another port', listens(at(8080)), []],
  ["the helper's", listens(at(9010)), ['4: listener "web" uses port 9010']],
  ['that of its probes, as text', listens(at('"9011"')), ['4: listener "web" uses port 9011']],
  [
    'further addresses',
    listens(`${at(80)}\n    additional_addresses: [{${at(81)}}, {${at(9010)}}]`),
    ['5: listener "web" uses port 9010'],
  ],
  ['UDP', listens(at(9010, ', protocol: UDP')), []],
  ['no socket of its own', listens(`${at(9010)}\n    bind_to_port: false`), []],
  ['a socket file', listens('address: {pipe: {path: /run/envoy.sock}}'), []],
  [
    'the admin page',
    `admin: {${at(9011)}}\n${listens(at(80))}`,
    ['1: the admin page uses port 9011'],
  ],
])("Envoy on the helper's ports: %s", (_what, text, expected) => {
  const source = { name: 'ConfigMap demo/web', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  const { warnings } = patchEnvoy(source, { ...validate, takenPorts: [9010, 9011] });
  expect(warnings).toEqual(
    expected.map((found) => ({
      id: 'port_clash',
      place: { file: 'ConfigMap demo/web envoy.yaml', line: Number.parseInt(found, 10) },
      message: `ConfigMap demo/web envoy.yaml:${found}, on which the auth helper listens: one of the two will not start`,
    })),
  );
});
