/** Real Envoy and the helper's service: as many checks at once as an Envoy makes (`max_requests`), whatever one connection may have. */
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { Program, runtimes } from './runtimes.ts';

const type = 'type.googleapis.com/envoy.extensions.filters';
const config = (port: number, socket: string): string => `
static_resources:
  listeners:
    - address: { socket_address: { address: 127.0.0.1, port_value: ${port} } }
      filter_chains:
        - filters:
            - name: http
              typed_config:
                "@type": ${type}.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: burst
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{ match: { prefix: / }, direct_response: { status: 204 } }, { match: { prefix: / }, route: { cluster: helper } }]
                http_filters:
                  - name: check
                    typed_config:
                      "@type": ${type}.http.ext_authz.v3.ExtAuthz
                      transport_api_version: V3
                      status_on_error: { code: 503 }
                      grpc_service: { envoy_grpc: { cluster_name: helper }, timeout: 10s }
                  - name: router
                    typed_config:
                      "@type": ${type}.http.router.v3.Router
  clusters:
    - name: helper
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }
      load_assignment:
        cluster_name: helper
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: ${socket} } } } }] }]
`;

function ask(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

describeWithComponents(['envoy'], 'a burst of checks', () => {
  describe.each(runtimes)('on %s', (runtime) => {
    let work: WorkFolder;
    let program: Program;
    let envoy: RunningEnvoy;
    let port: number;

    beforeAll(async () => {
      work = await createWorkFolder('burst');
      const socket = join(work.path, 'helper.sock');
      program = new Program(runtime, ['test/fakes/grpc-server-program.ts', socket]);
      await program.says('ready');
      port = await freePort();
      // One worker: one pool of connections, and the narrowest.
      envoy = await startEnvoy(config(port, socket), { args: ['--concurrency', '1'] });
    });
    afterAll(async () => {
      await envoy.stop();
      await program.stop('SIGKILL');
      await work.remove();
    });

    test.each(['on new connections', 'on those that are there'])(
      '900 at once are all answered, %s',
      async () => {
        const answers = await Promise.all(Array.from({ length: 900 }, () => ask(port)));
        expect(answers.filter((status) => status !== 204)).toEqual([]);
      },
    );
  });
});
