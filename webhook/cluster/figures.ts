/** What `/metrics` shows of this room. */
import type { Figure } from '#kernel/observe.ts';
import type { ReflectorCounts } from './reflector.ts';

export interface ClusterCounts {
  readonly reflectors: readonly {
    readonly name: string;
    readonly isCurrent: boolean;
    readonly counts: Readonly<ReflectorCounts>;
  }[];
  readonly writes: Readonly<Record<string, number>>;
  readonly problems: number;
  readonly sizes: Readonly<Record<string, number>>;
}

export function clusterFigures(counts: ClusterCounts): readonly Figure[] {
  return [...watchFigures(counts.reflectors), ...writeFigures(counts)];
}

function watchFigures(reflectors: ClusterCounts['reflectors']): readonly Figure[] {
  const each = (value: (reflector: (typeof reflectors)[number]) => number): Figure['samples'] =>
    reflectors.map((reflector) => ({
      labels: { resource: reflector.name },
      value: value(reflector),
    }));
  return [
    {
      name: 'svidecar_cluster_watch_open',
      help: 'Whether the watch of a resource is open.',
      type: 'gauge',
      samples: each((reflector) => (reflector.isCurrent ? 1 : 0)),
    },
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
      name: 'svidecar_cluster_watch_failures_total',
      help: 'Lists and watches that failed.',
      type: 'counter',
      samples: each((reflector) => reflector.counts.failures),
    },
  ];
}

function writeFigures({ writes, problems, sizes }: ClusterCounts): readonly Figure[] {
  const by = (label: string, values: Readonly<Record<string, number>>): Figure['samples'] =>
    Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
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
      samples: [{ labels: {}, value: problems }],
    },
    {
      name: 'svidecar_cluster_objects',
      help: 'Objects held in memory.',
      type: 'gauge',
      samples: by('kind', sizes),
    },
  ];
}
