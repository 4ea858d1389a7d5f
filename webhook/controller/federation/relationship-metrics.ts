/** What `/metrics` shows of federation relationships. */
import type { MetricFamily } from '#kernel/observe.ts';
import type { RelationshipState } from './relationship-keeper.ts';

/** @param state undefined where another replica leads */
export function relationshipMetrics(state: RelationshipState | undefined): readonly MetricFamily[] {
  const counts =
    state === undefined
      ? []
      : Object.entries({
          kept: state.kept,
          foreign: state.foreign,
          awaited: state.configured - state.kept - state.foreign,
          leaving: state.leaving.size,
        });
  return [
    {
      name: 'svidecar_federation_relationships',
      help: "Configured federation relationships: kept, awaited (SPIRE refuses it, or has no bundle yet), foreign (others made another one); and those that are leaving. The leader's alone.",
      type: 'gauge',
      samples: counts.map(([name, value]) => ({ labels: { state: name }, value })),
    },
  ];
}
