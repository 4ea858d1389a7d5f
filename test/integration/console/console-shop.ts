/** Deployments that the console's tests look at. */

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
