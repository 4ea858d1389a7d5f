/** Listeners for other workloads, and the clusters of the app's own ports. */
import type { JsonObject } from '#kernel/json.ts';
import { refusalLog } from './access-log.ts';
import {
  anyAddress,
  assignment,
  bufferBytes,
  circuitBreakers,
  connectionManager,
  socketAddress,
  spoken,
  tcpProxy,
} from './connection-manager.ts';
import { inboundName, type InboundPort, type ProxyPlan } from './proxy-plan.ts';
import { downstreamTls } from './tls-context.ts';

/** The verified caller reaches the app as `x-forwarded-client-cert`; what a client sent under that name is replaced. */
const callerToApp = Object.freeze({
  forward_client_cert_details: 'SANITIZE_SET',
  set_current_client_cert_details: { uri: true },
  // Nobody's X-Forwarded-For is believed: the app gets the peer's address there. And no address counts as internal: this one
  // nobody has (RFC 5737). An empty list would mean every private address and loopback.
  use_remote_address: true,
  internal_address_config: { cidr_ranges: [{ address_prefix: '198.51.100.1', prefix_len: 32 }] },
  preserve_external_request_id: true,
});

/** By which a caller could say that it speaks for somebody else, or was asked under another name. */
const claims = ['x-forwarded-for', 'x-forwarded-host', 'forwarded'] as const;

export function inboundListener(plan: ProxyPlan, port: InboundPort): JsonObject {
  const name = inboundName(port.listen);
  const cluster = appCluster(port);
  const isTcp = port.protocol === 'tcp';
  const filter = isTcp
    ? tcpProxy(name, cluster, plan.accessLog)
    : connectionManager({
        listener: name,
        cluster,
        domains: ['*'],
        accessLog: plan.accessLog,
        // An app that speaks HTTP/2 would have to know RFC 8441.
        webSockets: port.protocol === 'http',
        removed: claims,
        more: callerToApp,
      });
  return {
    name,
    traffic_direction: 'INBOUND',
    address: anyAddress(plan.anyAddress, port.listen),
    per_connection_buffer_limit_bytes: bufferBytes,
    ...(plan.accessLog ? { access_log: [refusalLog(name)] } : {}),
    filter_chains: [
      {
        transport_socket_connect_timeout: '10s',
        filters: [filter],
        transport_socket: downstreamTls(plan, isTcp ? [] : ['h2', 'http/1.1']),
      },
    ],
  };
}

function appCluster({ listen }: InboundPort): string {
  return `app-${listen}`;
}

/**
 * An idle connection to the app is given up before the app does so: what is sent on one that the app is just closing is lost, and
 * may not be sent again. Node.js and uvicorn close after 5 s, gunicorn after 2 s; HTTP/2 says so beforehand.
 */
const beforeTheApp = Object.freeze({ common_http_protocol_options: { idle_timeout: '1s' } });

export function inboundCluster(port: InboundPort): JsonObject {
  const name = appCluster(port);
  const toApp = port.protocol === 'http2' ? spoken('http2') : spoken('http1', beforeTheApp);
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    per_connection_buffer_limit_bytes: bufferBytes,
    circuit_breakers: circuitBreakers,
    ...(port.protocol === 'tcp' ? {} : toApp),
    load_assignment: assignment(name, socketAddress('127.0.0.1', port.app)),
  };
}
