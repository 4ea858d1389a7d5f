/**
 * Anchors and aliases: one text stands for several places. An operation names one place; the text is changed
 * once when the operations do the same to every place that shares it, else the edit is refused.
 */
import type { Draft, Edited } from './draft.ts';
import { isChanged, sameDraft } from './draft.ts';
import type { SourceDocument, SourceNode } from './source-tree.ts';

/** A change of one place that would change others too. */
export interface SharedConflict {
  readonly edited: Edited;
  /** Where else the same text is used. */
  readonly others: readonly SourceNode[];
}

export interface SharedPlaces {
  /** Drafts at aliases whose change is written at the anchor. */
  readonly covered: ReadonlySet<Edited>;
  readonly conflict: SharedConflict | undefined;
}

export function sharePlaces(document: SourceDocument, draft: Draft): SharedPlaces {
  const covered = new Set<Edited>();
  if (document.aliases.size === 0) return { covered, conflict: undefined };
  const uses = new Uses(document);
  for (const [node, group] of groupsOf(draft)) {
    const count = uses.of(node);
    if (count === 1) continue;
    const [first] = group;
    const isAgreed =
      group.length === count && group.every((one) => first !== undefined && sameDraft(one, first));
    const direct = group.find((one) => one.site === node);
    if (!isAgreed && direct !== undefined) {
      return { covered, conflict: { edited: direct, others: uses.aliasesAround(node) } };
    }
    if (!isAgreed) continue;
    for (const one of group) if (one.site !== node) covered.add(one);
  }
  return { covered, conflict: undefined };
}

/** The changed drafts by the node whose text they would change. */
function groupsOf(draft: Draft): ReadonlyMap<SourceNode, readonly Edited[]> {
  const groups = new Map<SourceNode, Edited[]>();
  const visit = (one: Draft): void => {
    if (one.kind !== 'edited' || !isChanged(one)) return;
    const group = groups.get(one.node);
    if (group === undefined) groups.set(one.node, [one]);
    else group.push(one);
    for (const slot of one.slots) if (!slot.isRemoved) visit(slot.content);
  };
  visit(draft);
  return groups;
}

/** In how many places of the document's value a node is used. */
class Uses {
  readonly #aliases: SourceDocument['aliases'];
  readonly #known = new Map<SourceNode, number>();

  constructor(document: SourceDocument) {
    this.#aliases = document.aliases;
  }

  of(node: SourceNode): number {
    const known = this.#known.get(node);
    if (known !== undefined) return known;
    const holders = [node, ...(this.#aliases.get(node) ?? [])].map(parentOf);
    const count = holders.reduce(
      (sum, holder) => sum + (holder === undefined ? 1 : this.of(holder)),
      0,
    );
    this.#known.set(node, count);
    return count;
  }

  /** Aliases of the node or of what holds it. */
  aliasesAround(node: SourceNode): readonly SourceNode[] {
    const found: SourceNode[] = [];
    for (let one: SourceNode | undefined = node; one !== undefined; one = parentOf(one)) {
      found.push(...(this.#aliases.get(one) ?? []));
    }
    return found;
  }
}

function parentOf(node: SourceNode): SourceNode | undefined {
  return node.kind === 'scalar' ? undefined : node.parent;
}
