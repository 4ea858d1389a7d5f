/** Identities as a page shows them, from the same facts and judgements as `svidecar identities`. */
import { judgeIdentities } from '../checks/identity-links.ts';
import type { Assessed } from '../checks/assess.ts';
import type { ClusterFacts } from '../checks/facts.ts';
import type { IdentitiesView } from './console-reports.ts';
import { identityEdges } from './identity-edges.ts';
import { identityNodes } from './identity-nodes.ts';

/** @param assessed every workload and pod of the facts */
export function identitiesView(
  facts: ClusterFacts,
  assessed: readonly Assessed[],
  askedHelpers: boolean,
): IdentitiesView {
  const nodes = identityNodes(judgeIdentities(facts, assessed));
  const { edges, outside, leftOut } = identityEdges(nodes);
  const { spire } = facts;
  const { workloads, pods } = facts.objects;
  const reasons = [workloads, pods].flatMap((each) => ('reasons' in each ? each.reasons : []));
  return {
    spire:
      spire.kind === 'known'
        ? {
            kind: 'known',
            value: { source: spire.value.source, entries: spire.value.entries.length },
          }
        : spire,
    askedHelpers,
    unread: [...new Set(reasons)],
    nodes: [...nodes, ...outside],
    edges,
    edgesLeftOut: leftOut,
  };
}
