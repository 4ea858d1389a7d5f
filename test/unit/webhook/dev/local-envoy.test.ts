import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { moveEnvoy } from '../../../../webhook/dev/local-envoy.ts';

const bootstrap = `
node: {id: a, cluster: b}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 0.0.0.0, port_value: 9001}}
    filter_chains:
    - filters: [{name: kept}]
      transport_socket: {name: tls}
  clusters:
  - name: app
    type: STRICT_DNS
    load_assignment:
      cluster_name: app
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: app, port_value: 80}}}}]}]
    transport_socket: {name: tls}
  - name: spire_agent
`;

test('a configuration moves to loopback: ports change, mTLS and unnamed clusters go, filters stay', () => {
  const address = (port: number): unknown => ({
    socket_address: { address: '127.0.0.1', port_value: port },
  });
  expect(parse(moveEnvoy(bootstrap, { listener: 4001, clusters: { app: 4002 } }))).toEqual({
    node: { id: 'a', cluster: 'b' },
    static_resources: {
      listeners: [
        { name: 'in', address: address(4001), filter_chains: [{ filters: [{ name: 'kept' }] }] },
      ],
      clusters: [
        {
          name: 'app',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'app',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(4002) } }] }],
          },
        },
      ],
    },
  });
});
