/** Envoy configurations for a frontend and a backend, wired to the helper by the shipped templates and our own patcher. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { isObject, listAt, objectAt, type JsonObject } from '#kernel/json.ts';
import type {
  ClusterAddition,
  EnvoyAdditions,
  FilterAddition,
} from '../../../webhook/envoy/contract.ts';
import { patchEnvoy } from '../../../webhook/envoy/patch-envoy.ts';

export interface ProxyPorts {
  /** Where the proxy listens. */
  readonly listen: number;
  /** Where it sends what it lets through. */
  readonly upstream: number;
  /** Where the helper listens; absent: the configuration stays as a user wrote it. */
  readonly helper?: number | undefined;
}

/** As a user writes it: one listener, one route, one cluster. */
function source({ listen, upstream }: ProxyPorts, direction: 'INBOUND' | 'OUTBOUND'): string {
  return `static_resources:
  listeners:
  - name: main
    traffic_direction: ${direction}
    address:
      socket_address: {address: 127.0.0.1, port_value: ${listen}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          codec_type: AUTO
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {prefix: /}
                route: {cluster: upstream}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: upstream
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: {address: 127.0.0.1, port_value: ${upstream}}
`;
}

/** The `envoy` parts of shipped templates, with the variables that matter here put in. */
function additionsOf(template: 'jwt-inject' | 'jwt-validate', helperPort: number): EnvoyAdditions {
  const filters: FilterAddition[] = [];
  const clusters: ClusterAddition[] = [];
  for (const name of [template, 'auth-helper']) {
    const text = readFileSync(`templates/${name}/template.yaml`, 'utf8')
      .replaceAll('${helperPort}', String(helperPort))
      .replace(/^.*(?:\$\{\w+Listeners\}|\$\{oneAudience\}).*$/gm, '');
    const document: unknown = parse(text);
    const fragments = isObject(document) ? listAt(document, 'fragments').filter(isObject) : [];
    const parts: readonly JsonObject[] = fragments.map((fragment) => objectAt(fragment, 'envoy'));
    // The shape that the templates' own schema checks.
    filters.push(
      ...(parts.flatMap((part) => listAt(part, 'filters')) as unknown as FilterAddition[]),
    );
    clusters.push(
      ...(parts.flatMap((part) => listAt(part, 'clusters')) as unknown as ClusterAddition[]),
    );
  }
  return { filters, clusters };
}

/** The configuration of one side, patched where the ports name a helper. */
export function proxyConfig(side: 'inject' | 'validate', ports: ProxyPorts): string {
  const text = source(ports, side === 'inject' ? 'OUTBOUND' : 'INBOUND');
  if (ports.helper === undefined) return text;
  const files = { 'envoy.yaml': text };
  const additions = additionsOf(`jwt-${side}`, ports.helper);
  const patched = patchEnvoy(
    { name: 'ConfigMap demo/envoy', files, main: 'envoy.yaml' },
    additions,
  );
  return patched.files['envoy.yaml'] ?? '';
}
