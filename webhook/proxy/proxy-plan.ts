/**
 * What an Envoy of ours is to do: let other workloads in by mTLS, and reach others by it. Its certificates come from SPIRE's
 * agent by SDS.
 */

/** What is spoken to the app: `http2` is HTTP/2 in clear, as gRPC servers want it. */
export const inboundProtocols = ['http', 'http2', 'tcp'] as const;
type InboundProtocol = (typeof inboundProtocols)[number];

/** A port for other workloads, by mTLS, and the app's own port behind it. */
export interface InboundPort {
  readonly protocol: InboundProtocol;
  readonly listen: number;
  readonly app: number;
}

/** A local port of the app's, and the workload behind it. */
export interface Upstream {
  /** `http`: HTTP/1.1 or HTTP/2 from the app, HTTP/2 to the other side. */
  readonly protocol: 'http' | 'tcp';
  readonly listen: number;
  /** Name or IP address; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Who must answer. */
  readonly spiffeId: string;
}

/** Requests on it must name one of these hosts, `*` for any. */
export interface HostedUpstream extends Upstream {
  readonly domains: readonly string[];
}

/** Where the admin interface is: a Unix socket, or a port on loopback. */
export type AdminPlace = { readonly socket: string } | { readonly port: number };

export interface ProxyPlan {
  /** Of the workload itself. */
  readonly spiffeId: string;
  /** Unix socket of SPIRE's agent. */
  readonly agentSocket: string;
  readonly inbound: readonly InboundPort[];
  readonly upstreams: readonly HostedUpstream[];
  /** Who may come in: SPIFFE IDs, prefixes ending in `/*`, trust domains. */
  readonly callers: readonly string[];
  readonly accessLog: boolean;
  /** Where it listens for others: `::` needs a kernel with IPv6, and stands for IPv4 too. */
  readonly anyAddress: '::' | '0.0.0.0';
  readonly admin: AdminPlace;
  /** Whether it has the two ports that a kubelet needs, {@link proxyPorts}. */
  readonly inPod: boolean;
  /** Near this size of its heap it takes no more requests. */
  readonly maxHeapBytes: number;
}

/** Container name; the registration selector `k8s:container-name:envoy` depends on it. */
export const proxyContainer = 'envoy';

/** Readiness and metrics, for the kubelet and Prometheus; and on loopback the one path that begins the drain. */
export const proxyPorts = Object.freeze({ health: 9012, drain: 9013 });

/** Name of the container's port for the kubelet. */
export const healthPortName = 'envoy-health';

/** How long `preStop` of the template lasts: callers are told to go elsewhere while the app still answers them. */
export const drainS = 6;

/** Names of listeners, by the port that they listen on. */
export function inboundName(listen: number): string {
  return `inbound-${listen}`;
}

export function upstreamName(listen: number): string {
  return `upstream-${listen}`;
}
