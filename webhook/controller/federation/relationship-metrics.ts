/** What `/metrics` shows of federation relationships. */
import type { MetricFamily } from '#kernel/observe.ts';
import type { RelationshipCounts } from './relationship-keeper.ts';

/** @param counts undefined where another replica leads, and while it is not known what is there */
export function relationshipMetrics(
  counts: RelationshipCounts | undefined,
): readonly MetricFamily[] {
  return [
    {
      name: 'svidecar_federation_relationships',
      help: "Configured federation relationships: kept, awaited (not made yet, or SPIRE refuses it or has no bundle), foreign (others made another one); and those that are leaving. The leader's alone, once it knows what is there.",
      type: 'gauge',
      samples: Object.entries({ ...counts }).map(([name, value]) => ({
        labels: { state: name },
        value,
      })),
    },
  ];
}
