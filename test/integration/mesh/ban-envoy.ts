/** An Envoy at the edge with the filter that asks about bans, as somebody writes it by hand. */
import { join } from 'node:path';

export interface BanEnvoyParts {
  readonly listen: number;
  readonly app: number;
  readonly helper: number;
  /** Whether the rule `jwt-validate` stands behind the bans. */
  readonly validates?: boolean;
  /** Where it writes a line for each request. */
  readonly folder: string;
}

export const accessLogOf = (folder: string): string => join(folder, 'access.log');

/** Takes headers of up to 2 MiB, so that the largest that the helper takes get through. */
export function banEnvoy(parts: BanEnvoyParts): string {
  const { listen, app, helper, folder, validates = false } = parts;
  const http = 'type.googleapis.com/envoy.extensions.filters.http';
  const cluster = (name: string, port: number, more = {}) => ({
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    ...more,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf(port) } }] }],
    },
  });
  const ask = (rule: string, more: object) => ({
    name: `svidecar.${rule}`,
    typed_config: {
      '@type': `${http}.ext_authz.v3.ExtAuthz`,
      transport_api_version: 'V3',
      ...more,
      grpc_service: {
        envoy_grpc: { cluster_name: 'helper' },
        // Roomy: on a busy machine a check of 1 MB must not pass for want of time.
        timeout: '2s',
        initial_metadata: [{ key: 'svidecar-rule', value: rule }],
      },
    },
  });
  const http2 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'edge',
    max_request_headers_kb: 2_048,
    access_log: [
      {
        name: 'file',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
          path: accessLogOf(folder),
          log_format: {
            json_format: {
              code: '%RESPONSE_CODE%',
              details: '%RESPONSE_CODE_DETAILS%',
              ban: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%',
            },
          },
        },
      },
    ],
    http_filters: [
      ask('jwt-ban', { failure_mode_allow: true, stat_prefix: 'ban' }),
      ...(validates ? [ask('jwt-validate', { stat_prefix: 'validate' })] : []),
      { name: 'router', typed_config: { '@type': `${http}.router.v3.Router` } },
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'app' } }],
        },
      ],
    },
  };
  return JSON.stringify({
    static_resources: {
      listeners: [
        {
          name: 'edge',
          address: addressOf(listen),
          filter_chains: [{ filters: [{ name: 'manager', typed_config: manager }] }],
        },
      ],
      clusters: [
        cluster('app', app),
        cluster('helper', helper, {
          typed_extension_protocol_options: {
            [http2]: {
              '@type': `type.googleapis.com/${http2}`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        }),
      ],
    },
  });
}

function addressOf(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
