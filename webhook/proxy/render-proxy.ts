/** A plan becomes the text of an Envoy bootstrap. Equal plans give equal bytes. */
import { stringify } from 'yaml';
import type { JsonObject } from '#kernel/json.ts';
import {
  adminAddress,
  adminCluster,
  drainListener,
  healthListener,
  pipeCluster,
} from './admin-side.ts';
import { inboundCluster, inboundListener } from './inbound-side.ts';
import type { ProxyPlan } from './proxy-plan.ts';
import { agentCluster } from './tls-context.ts';
import { upstreamCluster, upstreamListener } from './upstream-side.ts';

/** Over all listeners; what a client without end would take from the others. */
const maxConnections = 10_000;

export function renderProxy(plan: ProxyPlan): string {
  // YAML 1.1, whose booleans Envoy knows, is quoted for; and no anchors, which hide what a reader looks for.
  return stringify(bootstrapOf(plan), {
    version: '1.1',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

function bootstrapOf(plan: ProxyPlan): JsonObject {
  const { inbound, upstreams, inPod } = plan;
  return {
    // SDS does not work without them.
    node: { id: plan.spiffeId, cluster: plan.spiffeId },
    admin: { address: adminAddress(plan.admin) },
    overload_manager: overloadManager(plan.maxHeapBytes),
    static_resources: {
      listeners: [
        ...inbound.map((port) => inboundListener(plan, port)),
        ...upstreams.map((upstream) => upstreamListener(plan, upstream)),
        ...(inPod ? [healthListener(plan.anyAddress), drainListener] : []),
      ],
      clusters: [
        ...inbound.map(inboundCluster),
        ...upstreams.map((upstream) => upstreamCluster(plan, upstream)),
        pipeCluster(agentCluster, plan.agentSocket),
        ...(inPod ? [adminCluster(plan.admin)] : []),
      ],
    },
  };
}

/** Short of memory it first gives back what it can, then ends idle connections, then refuses. */
function overloadManager(maxHeapBytes: number): JsonObject {
  const heap = 'envoy.resource_monitors.fixed_heap';
  const at = (value: number): JsonObject[] => [{ name: heap, threshold: { value } }];
  return {
    refresh_interval: '0.25s',
    resource_monitors: [
      {
        name: heap,
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig',
          max_heap_size_bytes: maxHeapBytes,
        },
      },
      {
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          max_active_downstream_connections: maxConnections,
        },
      },
    ],
    actions: [
      { name: 'envoy.overload_actions.shrink_heap', triggers: at(0.85) },
      { name: 'envoy.overload_actions.disable_http_keepalive', triggers: at(0.9) },
      { name: 'envoy.overload_actions.stop_accepting_requests', triggers: at(0.95) },
      { name: 'envoy.overload_actions.stop_accepting_connections', triggers: at(0.98) },
    ],
  };
}
