/** The shop that the console's tests look at: a real API server with a real webhook, and Deployments. */
import { expect } from 'vitest';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { installWebhook } from '../harness/webhook.ts';

/** What it needs. */
export const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
export const deployments = '/apis/apps/v1/namespaces/shop/deployments';

/** The annotations of one that asks. */
export const asks = {
  'inject.svidecar.dev/templates': 'jwt-inject',
  'svidecar.dev/audience': 'spiffe://example.org/backend',
};

/** A value of a variable of its own. */
export const secret = 'hunter2-is-not-shown';

export function deployment(
  name: string,
  annotations: Readonly<Record<string, string>> = {},
): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: {
          containers: [
            { name: 'app', image: 'shop/app:1', env: [{ name: 'PASSWORD', value: secret }] },
            {
              name: 'envoy',
              image: 'envoyproxy/envoy:v1.36.0',
              args: ['-c', '/etc/envoy/envoy.yaml'],
              volumeMounts: [{ name: 'envoy-config', mountPath: '/etc/envoy' }],
            },
          ],
          volumes: [{ name: 'envoy-config', configMap: { name: 'envoy' } }],
        },
      },
    },
  };
}

export const envoyYaml = `static_resources:
  listeners:
    - name: outbound
      address: {socket_address: {address: 127.0.0.1, port_value: 9001}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: outbound
                route_config:
                  virtual_hosts:
                    - name: backend
                      domains: ["*"]
                      routes: [{match: {prefix: /}, route: {cluster: backend}}]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: backend
      type: STRICT_DNS
`;

export interface Shop {
  readonly api: ApiServer;
  readonly create: (path: string, object: unknown) => Promise<void>;
  stop(): Promise<void>;
}

/** In namespace shop `frontend` asks and `quiet` does not; in plain, which has no label, `unseen` asks. */
export async function openShop(): Promise<Shop> {
  const api = await startApiServer();
  const webhook = await installWebhook(api);
  const create = async (path: string, object: unknown): Promise<void> => {
    const { status, body } = await api.request('POST', path, object);
    expect(status, JSON.stringify(body)).toBe(201);
  };
  await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
  await api.createNamespace('plain');
  const data = { 'envoy.yaml': envoyYaml };
  await create('/api/v1/namespaces/shop/configmaps', { metadata: { name: 'envoy' }, data });
  await create(deployments, deployment('frontend', asks));
  await create(deployments, deployment('quiet'));
  await create(deployments.replace('shop', 'plain'), deployment('unseen', asks));
  const stop = async (): Promise<void> => {
    await webhook.stop();
    await api.stop();
  };
  return { api, create, stop };
}
