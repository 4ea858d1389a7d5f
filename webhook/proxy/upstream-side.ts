/** Listeners on loopback for the app, and the clusters of the workloads that it calls. */
import type { JsonObject } from '#kernel/json.ts';
import {
  connectionLife,
  assignment,
  bufferBytes,
  circuitBreakers,
  connectionManager,
  socketAddress,
  spoken,
  tcpProxy,
} from './connection-manager.ts';
import { isIpAddress } from './ip-address.ts';
import { upstreamName, type HostedUpstream, type ProxyPlan } from './proxy-plan.ts';
import { upstreamTls } from './tls-context.ts';

export function upstreamListener(plan: ProxyPlan, upstream: HostedUpstream): JsonObject {
  const name = upstreamName(upstream.listen);
  const { accessLog } = plan;
  return {
    name,
    traffic_direction: 'OUTBOUND',
    address: socketAddress('127.0.0.1', upstream.listen),
    per_connection_buffer_limit_bytes: bufferBytes,
    filter_chains: [
      {
        filters: [
          upstream.protocol === 'tcp'
            ? tcpProxy(name, name, accessLog)
            : connectionManager({
                listener: name,
                cluster: name,
                domains: upstream.domains,
                accessLog,
                webSockets: true,
                removed: [],
                // The app's own word stands: it is the first of the chain.
                more: { use_remote_address: false },
              }),
        ],
      },
    ],
  };
}

export function upstreamCluster(plan: ProxyPlan, upstream: HostedUpstream): JsonObject {
  const name = upstreamName(upstream.listen);
  return {
    name,
    ...discovery(upstream.host),
    connect_timeout: '5s',
    per_connection_buffer_limit_bytes: bufferBytes,
    circuit_breakers: circuitBreakers,
    ...(upstream.protocol === 'http'
      ? spoken('envoys', { common_http_protocol_options: connectionLife })
      : {}),
    load_assignment: assignment(name, socketAddress(upstream.host, upstream.port)),
    transport_socket: upstreamTls(plan, upstream),
  };
}

function discovery(host: string): JsonObject {
  if (isIpAddress(host)) return { type: 'STATIC' };
  return {
    type: 'STRICT_DNS',
    // A name without addresses of the one family is asked for those of the other.
    dns_lookup_family: 'V4_PREFERRED',
  };
}
