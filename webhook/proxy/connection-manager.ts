/**
 * HTTP connection managers and TCP proxies, and what both sides have in common.
 * @see Envoy, "Configuring Envoy as an edge proxy"
 */
import type { JsonObject } from '#kernel/json.ts';
import { connectionLog, requestLog } from './access-log.ts';

/** Bytes that wait in one connection before Envoy stops reading. */
export const bufferBytes = 32_768;
const idle = '3600s';
/** Of an HTTP connection, which then takes no more requests; certificates of SPIRE live as long by default. */
export const connectionLife = Object.freeze({
  idle_timeout: idle,
  max_connection_duration: '3600s',
});

/** What a request, or a connection by TCP, ends at the latest: so long may somebody stay whose certificate has ended. */
const longest = '86400s';

/** Streams and windows that a peer may use: the figures of Envoy's guide for edges. */
const http2Limits = Object.freeze({
  max_concurrent_streams: 100,
  initial_stream_window_size: 65_536,
  initial_connection_window_size: 1_048_576,
});

/** By which a WebSocket begins in HTTP/2 (RFC 8441). A plain CONNECT has no route. */
const extendedConnect = Object.freeze({ allow_connect: true });

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

const router = Object.freeze({
  name: 'envoy.filters.http.router',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
    // No x-envoy headers of the router's own, in requests or responses.
    suppress_envoy_headers: true,
  },
});

/** Of the requests, before anything reads them. Timeouts, retries and tracing are those of this file, whatever headers say. */
function withoutHeaders(names: readonly string[]): JsonObject {
  return {
    name: 'envoy.http.early_header_mutation.header_mutation',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
      mutations: [
        ...names.map((remove) => ({ remove })),
        { remove_on_match: { key_matcher: { prefix: 'x-envoy-' } } },
      ],
    },
  };
}

/** Only before the first byte has gone out: what the other side may have seen is not sent again. */
const retries = Object.freeze({
  retry_on: 'connect-failure,refused-stream,reset-before-request',
  num_retries: 2,
  retry_back_off: { base_interval: '0.025s', max_interval: '0.25s' },
});

export interface HttpWay {
  readonly listener: string;
  readonly cluster: string;
  /** Of the virtual host. */
  readonly domains: readonly string[];
  readonly accessLog: boolean;
  /** Whether the other side may be asked for a WebSocket. Whatever else a request wants to become gets 403. */
  readonly webSockets: boolean;
  /** Headers of requests that count for nothing here, besides those of Envoy. */
  readonly removed: readonly string[];
  /** What only one side has. */
  readonly more: JsonObject;
}

export function connectionManager(way: HttpWay): JsonObject {
  const { listener, accessLog, webSockets, removed, more } = way;
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': managerType,
      stat_prefix: listener,
      codec_type: 'AUTO',
      ...more,
      common_http_protocol_options: {
        ...connectionLife,
        max_stream_duration: longest,
        // Some servers take x_caller for x-caller.
        headers_with_underscores_action: 'REJECT_REQUEST',
      },
      http2_protocol_options: { ...http2Limits, ...(webSockets ? extendedConnect : {}) },
      // By the same filters as all else, and nothing of them is sent on before the other side has agreed.
      ...(webSockets ? { upgrade_configs: [{ upgrade_type: 'websocket' }] } : {}),
      request_headers_timeout: '10s',
      stream_idle_timeout: '300s',
      server_header_transformation: 'PASS_THROUGH',
      normalize_path: true,
      merge_slashes: true,
      path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
      early_header_mutation_extensions: [withoutHeaders(removed)],
      ...(accessLog ? { access_log: [requestLog(listener)] } : {}),
      route_config: oneRoute(way),
      http_filters: [router],
    },
  };
}

function oneRoute({ listener, cluster, domains }: HttpWay): JsonObject {
  // A stream may last long; one on which nothing moves ends by the manager's idle timeout.
  const route = { cluster, timeout: '0s', retry_policy: retries };
  const routes = [{ match: { prefix: '/' }, route }];
  return {
    name: listener,
    validate_clusters: true,
    virtual_hosts: [{ name: listener, domains: [...domains], routes }],
  };
}

export function tcpProxy(listener: string, cluster: string, accessLog: boolean): JsonObject {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: listener,
      cluster,
      idle_timeout: idle,
      max_downstream_connection_duration: longest,
      max_connect_attempts: 3,
      ...(accessLog ? { access_log: [connectionLog(listener)] } : {}),
    },
  };
}

/** All addresses, of both families where `any` is `::`. */
export function anyAddress(any: string, port: number): JsonObject {
  const both = any === '::' ? { ipv4_compat: true } : {};
  return { socket_address: { address: any, port_value: port, ...both } };
}

export function socketAddress(address: string, port: number): JsonObject {
  return { socket_address: { address, port_value: port } };
}

/** One endpoint. */
export function assignment(cluster: string, address: JsonObject): JsonObject {
  return {
    cluster_name: cluster,
    endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
  };
}

const optionsType = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** `envoys`: HTTP/2 in which a WebSocket can begin, as two Envoys of ours speak it. */
type SpokenVersion = 'http1' | 'http2' | 'envoys';

/** @param version spoken to the cluster */
export function spoken(version: SpokenVersion, more: JsonObject = {}): JsonObject {
  const explicit =
    version === 'http1'
      ? { http_protocol_options: {} }
      : {
          http2_protocol_options: {
            ...http2Limits,
            ...(version === 'envoys' ? extendedConnect : {}),
            // A peer that has gone without a word is noticed, also where nothing is sent.
            connection_keepalive: { interval: '30s', timeout: '5s' },
          },
        };
  return {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': optionsType,
        explicit_http_config: explicit,
        ...more,
      },
    },
  };
}

/** Retries may be a fifth of what is under way, so that they never make an overload worse. */
export const circuitBreakers = Object.freeze({
  thresholds: [
    {
      max_connections: 1_024,
      max_pending_requests: 1_024,
      max_requests: 4_096,
      retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 3 },
    },
  ],
});
