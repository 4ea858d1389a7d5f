/** An Envoy of a user's at the edge, before the webhook has seen it, and where its ports really are. */
import { withPorts } from './moved-ports.ts';

const filters = 'type.googleapis.com/envoy.extensions.filters';
const listenPort = 28_480;
const appPort = 28_481;
/** What the webhook writes for the helper. */
const helperPort = 9_010;

/** @param more filters before the router, as YAML in a list of 18 spaces */
export function edgeYaml(more = ''): string {
  return `
static_resources:
  listeners:
    - name: edge
      address: {socket_address: {address: 127.0.0.1, port_value: ${listenPort}}}
      filter_chains:
        - filters:
            - name: hcm
              typed_config:
                "@type": ${filters}.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: edge
                http_filters:
${more}                  - name: router
                    typed_config: {"@type": ${filters}.http.router.v3.Router}
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{match: {prefix: /}, route: {cluster: app}}]
  clusters:
    - name: app
      type: STATIC
      load_assignment:
        cluster_name: app
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${appPort}}}}
`;
}

export interface EdgePorts {
  readonly listen: number;
  readonly app: number;
  readonly helper: number;
}

/** The configuration as it is on this machine. */
export function edgeAt(text: string, { listen, app, helper }: EdgePorts): string {
  return withPorts(text, { [listenPort]: listen, [appPort]: app, [helperPort]: helper });
}
