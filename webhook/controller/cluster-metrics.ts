/** What `/metrics` shows of this room. */
import type { MetricFamily } from '#kernel/observe.ts';
import type { ReflectorCounts } from '../kube/reflector.ts';

export interface ClusterCounts {
  readonly reflectors: readonly {
    readonly name: string;
    readonly isCurrent: boolean;
    readonly heardAtMs: number | undefined;
    readonly counts: Readonly<ReflectorCounts>;
  }[];
  readonly calls: readonly {
    readonly verb: string;
    readonly outcome: string;
    readonly count: number;
  }[];
  readonly writes: Readonly<Record<string, number>>;
  readonly filters: {
    readonly writes: Readonly<Record<string, number>>;
    readonly problems: number;
    readonly standing: string;
  };
  readonly renderings: number;
  readonly backlog: number;
  readonly events: Readonly<Record<string, number>>;
  readonly eventsWaiting: number;
  readonly problems: number;
  readonly sizes: Readonly<Record<string, number>>;
}

export function clusterMetrics(counts: ClusterCounts): readonly MetricFamily[] {
  return [
    ...watchMetrics(counts.reflectors),
    ...writeMetrics(counts),
    ...filterMetrics(counts.filters),
    ...workMetrics(counts),
    ...eventMetrics(counts),
  ];
}

type ReflectorState = ClusterCounts['reflectors'][number];

function watchMetrics(reflectors: readonly ReflectorState[]): readonly MetricFamily[] {
  const each = (value: (reflector: ReflectorState) => number): MetricFamily['samples'] =>
    reflectors.map((state) => ({ labels: { resource: state.name }, value: value(state) }));
  return [
    {
      name: 'svidecar_cluster_watch_open',
      help: 'Whether the watch of a resource is open.',
      type: 'gauge',
      samples: each((reflector) => (reflector.isCurrent ? 1 : 0)),
    },
    heardMetric(reflectors),
    {
      name: 'svidecar_cluster_lists_total',
      help: 'Full lists of a resource.',
      type: 'counter',
      samples: each((reflector) => reflector.counts.lists),
    },
    {
      name: 'svidecar_cluster_events_total',
      help: 'Watch events of a resource.',
      type: 'counter',
      samples: each((reflector) => reflector.counts.events),
    },
    {
      name: 'svidecar_cluster_unreadable_total',
      help: 'Objects of a resource that could not be read, and were passed over; the log says which.',
      type: 'counter',
      samples: each((reflector) => reflector.counts.unreadable),
    },
    {
      name: 'svidecar_cluster_watch_failures_total',
      help: 'Lists and watches that failed.',
      type: 'counter',
      samples: each((reflector) => reflector.counts.failures),
    },
  ];
}

function heardMetric(reflectors: readonly ReflectorState[]): MetricFamily {
  return {
    name: 'svidecar_cluster_heard_timestamp_seconds',
    help: 'When the API server last said something of a resource, in Unix seconds: at least a bookmark comes each minute.',
    type: 'gauge',
    samples: reflectors.flatMap(({ name, heardAtMs }) =>
      heardAtMs === undefined ? [] : [{ labels: { resource: name }, value: heardAtMs / 1000 }],
    ),
  };
}

function by(label: string, values: Readonly<Record<string, number>>): MetricFamily['samples'] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function one(value: number): MetricFamily['samples'] {
  return [{ labels: {}, value }];
}

function writeMetrics({ writes, problems, sizes, calls }: ClusterCounts): readonly MetricFamily[] {
  return [
    {
      name: 'svidecar_configmap_writes_total',
      help: 'ConfigMaps applied, recreated and removed, and namespaces that failed.',
      type: 'counter',
      samples: by('outcome', writes),
    },
    {
      name: 'svidecar_configmap_problems',
      help: 'ConfigMaps that cannot be made now; the log says which.',
      type: 'gauge',
      samples: one(problems),
    },
    {
      name: 'svidecar_cluster_objects',
      help: 'Objects held in memory.',
      type: 'gauge',
      samples: by('kind', sizes),
    },
    {
      name: 'svidecar_cluster_calls_total',
      help: 'Calls to the API server by verb; outcome is ok, an HTTP status, or unreachable.',
      type: 'counter',
      samples: calls.map(({ verb, outcome, count }) => ({
        labels: { verb, outcome },
        value: count,
      })),
    },
  ];
}

function filterMetrics({
  writes,
  problems,
  standing,
}: ClusterCounts['filters']): readonly MetricFamily[] {
  return [
    {
      name: 'svidecar_envoyfilter_writes_total',
      help: 'EnvoyFilters created, replaced, restored after somebody had changed or deleted them, and removed, and writes that failed.',
      type: 'counter',
      samples: by('outcome', writes),
    },
    {
      name: 'svidecar_envoyfilter_problems',
      help: 'EnvoyFilters that are wanted and cannot be made what they should be; the log says which.',
      type: 'gauge',
      samples: one(problems),
    },
    {
      name: 'svidecar_envoyfilter_available',
      help: "Whether EnvoyFilters can be kept: Istio's kinds are there, and svidecar may; absent while unknown.",
      type: 'gauge',
      samples: standing === 'unknown' ? [] : one(Number(standing === 'there')),
    },
  ];
}

function workMetrics({ renderings, backlog }: ClusterCounts): readonly MetricFamily[] {
  return [
    {
      name: 'svidecar_envoy_renderings_total',
      help: 'Envoy configurations patched by the controller.',
      type: 'counter',
      samples: one(renderings),
    },
    {
      name: 'svidecar_controller_backlog',
      help: 'Namespaces whose ConfigMaps are due to be looked at.',
      type: 'gauge',
      samples: one(backlog),
    },
  ];
}

function eventMetrics({ events, eventsWaiting }: ClusterCounts): readonly MetricFamily[] {
  return [
    {
      name: 'svidecar_events_total',
      help: 'Events on workloads: written, found written already, failed, and dropped because too many waited.',
      type: 'counter',
      samples: by('outcome', events),
    },
    {
      name: 'svidecar_events_waiting',
      help: 'Events that wait to be written.',
      type: 'gauge',
      samples: one(eventsWaiting),
    },
  ];
}
