/** Which links of many are drawn, and which are listed (pure). */
import type {
  IdentitiesView,
  IdentityEdge,
  IdentityNode,
  IdentityOfWorkload,
} from '../../console/console-reports.ts';

export interface LinkChoice {
  readonly nodes: ReadonlyMap<string, IdentityNode>;
  /** Missing ones first. */
  readonly links: readonly IdentityEdge[];
  /** The first of them, which a picture can hold. */
  readonly drawn: readonly IdentityEdge[];
  /** Those whose chain is broken first. */
  readonly workloads: readonly IdentityOfWorkload[];
  /** What was chosen of how much. */
  readonly words: string;
}

/** More lines than these cannot be told apart. */
const drawnMost = 40;

const edgeRanks: Readonly<Record<IdentityEdge['status'], number>> = {
  missing: 0,
  unknown: 1,
  complete: 2,
};

/** @param about words, all of which stand in the caller's or all in the callee's name */
export function linkChoice({ nodes, edges }: IdentitiesView, about: string): LinkChoice {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const words = about.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (id: string): boolean => {
    const node = byId.get(id);
    const text = `${id} ${node === undefined ? '' : labelOf(node)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const links = edges
    .filter(({ from, to }) => fits(from) || fits(to))
    .sort((one, other) => edgeRanks[one.status] - edgeRanks[other.status]);
  const linked = new Set(links.flatMap(({ from, to }) => [from, to]));
  const workloads = nodes
    .filter((node) => node.kind === 'workload')
    .filter(({ id }) => words.length === 0 || fits(id) || linked.has(id))
    .sort((one, other) => edgeRanks[one.link.status] - edgeRanks[other.link.status]);
  const drawn = links.slice(0, drawnMost);
  return { nodes: byId, links, drawn, workloads, words: wordsOf(links, drawn) };
}

function wordsOf(links: readonly IdentityEdge[], drawn: readonly IdentityEdge[]): string {
  const missing = links.filter(({ status }) => status === 'missing').length;
  const things = links.length === 1 ? 'link' : 'links';
  const all = `${links.length} ${things}, ${missing} with something missing`;
  return drawn.length === links.length ? all : `${all}; the picture shows ${drawn.length}`;
}

/** `shop/frontend`; what is not a workload of the cluster by its own words. */
export function labelOf(node: IdentityNode): string {
  return node.kind === 'workload' ? `${node.namespace}/${node.name}` : node.label;
}

/** What kind of thing it is, for people. */
export function kindOf(node: IdentityNode): string {
  switch (node.kind) {
    case 'workload':
      return node.workloadKind;
    case 'caller':
      return 'caller elsewhere';
    case 'trust_domain':
      return 'trust domain';
    case 'audience':
      return 'audience nobody accepts';
    default:
      return node satisfies never;
  }
}
