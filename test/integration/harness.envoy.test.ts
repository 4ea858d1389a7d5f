import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, validateEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';

/** A listener that proxies everything to a cluster. */
function listener(port: number, cluster = 'backend'): string {
  return JSON.stringify({
    name: 'in',
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: 'in',
              route_config: {
                virtual_hosts: [
                  {
                    name: 'all',
                    domains: ['*'],
                    routes: [{ match: { prefix: '/' }, route: { cluster } }],
                  },
                ],
              },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                  },
                },
              ],
            },
          },
        ],
      },
    ],
  });
}

function backend(port: number): string {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return JSON.stringify({
    name: 'backend',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: 'backend',
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
  });
}

const whole = (port: number, upstream: number): string => `static_resources:
  listeners:
  - ${listener(port)}
  clusters:
  - ${backend(upstream)}
`;

const typed = (kind: 'listener.v3.Listener' | 'cluster.v3.Cluster', fields: string): string =>
  `resources:\n- ${fields.replace('{', `{"@type": "type.googleapis.com/envoy.config.${kind}", `)}\n`;

function split(lds: string, cds: string): { mountedAt: string; files: Record<string, string> } {
  const main = `node: {id: test, cluster: test}
dynamic_resources:
  lds_config: {path_config_source: {path: /etc/envoy/lds.yaml}}
  cds_config: {path_config_source: {path: /etc/envoy/cds.yaml}}
`;
  return {
    mountedAt: '/etc/envoy',
    files: { 'envoy.yaml': main, 'lds.yaml': lds, 'cds.yaml': cds },
  };
}

describeWithComponents(['envoy'], 'Envoy', () => {
  test('accepts a sound configuration', async () => {
    await expect(validateEnvoy(whole(10000, 10001))).resolves.toMatchObject({ ok: true });
  });

  test.each([
    [
      'a field it does not know',
      whole(10000, 10001).replace('connect_timeout', 'conect_timeout'),
      'conect_timeout',
    ],
    [
      'a route to no cluster',
      whole(10000, 10001).replace('"name":"backend"', '"name":"other"'),
      'unknown cluster',
    ],
    ['text that is no YAML', 'static_resources: [', 'yaml-cpp'],
  ])('refuses %s and says why', async (_name, text, reason) => {
    const { ok, output } = await validateEnvoy(text);
    expect(output).toContain(reason);
    expect(ok).toBe(false);
  });

  test('checks LDS and CDS files at the paths that the configuration names', async () => {
    const lds = typed('listener.v3.Listener', listener(10000));
    const cds = typed('cluster.v3.Cluster', backend(10001));
    await expect(validateEnvoy(split(lds, cds))).resolves.toMatchObject({ ok: true });
    const broken = split(lds.replace('stat_prefix', 'stat_prefx'), cds);
    const { ok, output } = await validateEnvoy(broken);
    expect(output).toContain('stat_prefx');
    expect(ok).toBe(false);
  });

  test('runs and proxies, configured by files, with an admin interface of its own', async () => {
    const upstream = createServer((_request, response) => response.end('hello'));
    const port = await freePort();
    const upstreamPort = await freePort();
    await new Promise<void>((resolve) => upstream.listen(upstreamPort, '127.0.0.1', resolve));
    const lds = typed('listener.v3.Listener', listener(port));
    const cds = typed('cluster.v3.Cluster', backend(upstreamPort));
    const envoy = await startEnvoy(split(lds, cds), { args: ['--concurrency', '1'] });
    try {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      expect(await response.text()).toBe('hello');
      expect(await envoy.admin('/stats?filter=lds.update_success')).toContain(': 1');
    } finally {
      await envoy.stop();
      upstream.close();
    }
    await expect(fetch(envoy.adminUrl)).rejects.toThrow();
  });

  test('that cannot start is reported with the end of its log', async () => {
    await expect(startEnvoy('nonsense: true')).rejects.toThrow(/envoy ended[\s\S]*nonsense/);
  });
});
