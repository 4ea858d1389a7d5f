/** Parts of workloads and of their Envoys, of which the tests of the checks make mistakes. */
import type { JsonObject } from '#kernel/json.ts';
import type { CheckId, Severity } from '../../webhook/checks/check-contract.ts';
import type { Objects } from './check-facts.ts';
import { appWithEnvoy, deployment, injectBackend } from './workloads.ts';

export const envoyText = `static_resources:
  listeners:
  - name: outbound
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
`;

export function configMap(name: string, data: JsonObject, labels: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop', labels },
    data,
  };
}
export const envoySource = configMap('frontend-envoy', { 'envoy.yaml': envoyText });

export function changed(spec: JsonObject): JsonObject {
  return { ...appWithEnvoy, ...spec };
}

export function socketless(port: JsonObject): {
  annotations: Record<string, string>;
  spec: JsonObject;
} {
  const [app, envoy] = appWithEnvoy['containers'] as readonly JsonObject[];
  return {
    annotations: { ...injectBackend },
    spec: changed({ containers: [{ ...app, ports: [port] }, envoy ?? {}] }),
  };
}

/** An Envoy on 8443 that checks what it sends to an app on 8080, whose probe asks a port. */
export function validated(port: number): Objects {
  const socket = (at: number): string =>
    `address: {socket_address: {address: 0.0.0.0, port_value: ${at}}}`;
  const routes =
    '\n          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app}}]}]}';
  const text = `${envoyText.replace('name: outbound', `name: in\n    ${socket(8443)}`).trimEnd()}${routes}
  clusters: [{name: app, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {${socket(8080).replace('0.0.0.0', '127.0.0.1')}}}]}]}}]\n`;
  const [app, envoy] = appWithEnvoy['containers'] as readonly JsonObject[];
  const probing = { ...app, readinessProbe: { httpGet: { path: '/ready', port } } };
  const asked = { 'inject.svidecar.dev/templates': 'jwt-validate' };
  return {
    configMaps: [configMap('frontend-envoy', { 'envoy.yaml': text })],
    workloads: [deployment(asked, changed({ containers: [probing, envoy ?? {}] }))],
  };
}

/** A mistake: part of its finding's message is what it `says`. */
export type Row = readonly [
  id: CheckId,
  what: string,
  objects: Objects,
  severity: Severity,
  says: string,
];

export interface Mistake {
  readonly id: CheckId;
  readonly what: string;
  readonly objects: Objects;
  readonly severity: Severity;
  /** Part of the finding's message. */
  readonly says: string;
}

export function mistakesOf(rows: readonly Row[]): readonly Mistake[] {
  return rows.map(([id, what, objects, severity, says]) => {
    return { id, what, objects, severity, says };
  });
}
