/** Identities as a page shows them, from the same facts and judgements as `svidecar identities`. */
import { judgeIdentities } from '../checks/identity-links.ts';
import type { Assessed } from '../checks/assess.ts';
import type { ClusterFacts } from '../checks/facts.ts';
import type { IdentitiesView } from './console-reports.ts';
import { identityEdges } from './identity-edges.ts';
import { identityNodes } from './identity-nodes.ts';
import { unreadOf } from './unread.ts';

export interface HowAsked {
  readonly askedHelpers: boolean;
  /** Sentences about rights that are missing. */
  readonly denied: ReadonlySet<string>;
}

/** @param assessed every workload and pod of the facts */
export function identitiesView(
  facts: ClusterFacts,
  assessed: readonly Assessed[],
  { askedHelpers, denied }: HowAsked,
): IdentitiesView {
  const nodes = identityNodes(judgeIdentities(facts, assessed));
  const { edges, outside, leftOut } = identityEdges(nodes);
  const { spire } = facts;
  const { workloads, pods } = facts.objects;
  return {
    spire:
      spire.kind === 'known'
        ? {
            kind: 'known',
            value: { source: spire.value.source, entries: spire.value.entries.length },
          }
        : spire,
    askedHelpers,
    ...unreadOf([workloads, pods], denied),
    nodes: [...nodes, ...outside],
    edges,
    edgesLeftOut: leftOut,
  };
}
