/** The edits that turn the source's text into what a draft says. */
import { type AppError, failureAt } from '#kernel/errors.ts';
import type { Json } from '#kernel/json.ts';
import { type Draft, type Edited, freshValueOf, isChanged } from './draft.ts';
import { type StyledText, addToBlock, removeFromBlock } from './edit-block.ts';
import { addToFlow, removeFromFlow } from './edit-flow.ts';
import { replaceRoot, replaceValue } from './edit-value.ts';
import { flowPair } from './render.ts';
import { type SharedConflict, sharePlaces } from './shared-places.ts';
import type { Dialect } from './document-text.ts';
import type { SourceCollection, SourceDocument, SourceEntry, SourceNode } from './source-tree.ts';
import { type TextEdit, insertAt } from './text-edit.ts';
import { placeOf } from './text-position.ts';

export interface Manuscript {
  readonly document: SourceDocument;
  readonly page: StyledText;
  /** File name for messages. */
  readonly where: string;
  readonly dialect: Dialect;
}

/** @throws {AppError} EDIT_IMPOSSIBLE where the text has no place for a change, with file, line and column */
export function writeDraft(draft: Draft, manuscript: Manuscript): readonly TextEdit[] {
  return new Writer(draft, manuscript).write(draft);
}

export function refusal(manuscript: Manuscript, offset: number, why: string): AppError {
  const place = placeOf(manuscript.where, manuscript.page.lined, offset);
  return failureAt('EDIT_IMPOSSIBLE', place, { why, reason: 'place_not_editable' });
}

class Writer {
  readonly #manuscript: Manuscript;
  readonly #covered: ReadonlySet<Edited>;
  readonly #page: StyledText;
  readonly #gone: SourceNode[] = [];

  constructor(draft: Draft, manuscript: Manuscript) {
    const { covered, conflict } = sharePlaces(manuscript.document, draft);
    this.#manuscript = manuscript;
    this.#page = manuscript.page;
    this.#covered = covered;
    if (conflict !== undefined) throw this.#sharedRefusal(conflict);
  }

  write(draft: Draft): readonly TextEdit[] {
    const edits = this.#root(draft);
    this.#checkAnchors();
    return edits;
  }

  #root(draft: Draft): readonly TextEdit[] {
    if (!isChanged(draft) || draft.kind === 'kept') return [];
    const { root } = this.#manuscript.document;
    if (draft.kind === 'edited' && !this.#isEmptied(draft)) return this.#edited(draft);
    const value = draft.kind === 'fresh' ? draft.value : freshValueOf(draft);
    if (root.end === root.outer) {
      throw refusal(this.#manuscript, root.start, 'the document is empty: write its first line');
    }
    this.#gone.push(root);
    return [replaceRoot(root, value, this.#page)];
  }

  #edited(edited: Edited): readonly TextEdit[] {
    if (this.#covered.has(edited) || !isChanged(edited)) return [];
    if (edited.site !== edited.node) return this.#wrapped(edited);
    const { node } = edited;
    if (!node.hasBrackets) this.#requireEntriesKept(edited);
    for (const { entry, isRemoved } of edited.slots) {
      if (isRemoved && entry !== undefined) this.#gone.push(entry.value);
    }
    const additions = node.isFlow ? addToFlow(edited, this.#page) : addToBlock(edited, this.#page);
    const removals = node.isFlow
      ? removeFromFlow(edited, this.#page.text)
      : removeFromBlock(edited, this.#page);
    const inside = edited.slots.flatMap(({ entry, content, isRemoved }) =>
      entry === undefined || isRemoved ? [] : this.#content(entry, content, node),
    );
    return [...additions.before, ...inside, ...additions.after, ...removals];
  }

  #content(entry: SourceEntry, content: Draft, holder: SourceCollection): readonly TextEdit[] {
    if (content.kind === 'kept') return [];
    if (content.kind === 'edited' && !this.#isEmptied(content)) return this.#edited(content);
    return this.#replaced(
      entry,
      content.kind === 'fresh' ? content.value : freshValueOf(content),
      holder,
    );
  }

  #replaced(entry: SourceEntry, value: Json, holder: SourceCollection): readonly TextEdit[] {
    this.#gone.push(entry.value);
    return replaceValue(entry, value, { holder, page: this.#page });
  }

  /** A block collection cannot be empty: with its last own entry it loses its lines. */
  #isEmptied(edited: Edited): boolean {
    if (edited.site !== edited.node || edited.node.isFlow || this.#covered.has(edited))
      return false;
    return edited.slots.every((slot) => slot.isRemoved || slot.entry === undefined);
  }

  #requireEntriesKept(edited: Edited): void {
    if (edited.slots.some((slot) => slot.isRemoved || slot.entry === undefined)) {
      throw refusal(
        this.#manuscript,
        edited.node.start,
        'this map is a single pair without braces; put braces around it, so that it can hold more or none',
      );
    }
  }

  /** An alias of a map becomes a map of its own that merges the alias: `{<<: *x, key: value}`. */
  #wrapped(edited: Edited): readonly TextEdit[] {
    const { site, node, slots } = edited;
    const changed = slots.filter((slot) => slot.isRemoved || isChanged(slot.content));
    const pairs = changed.flatMap(({ key, content, isRemoved }) =>
      key === undefined || isRemoved || content.kind !== 'fresh'
        ? []
        : [flowPair(key, content.value, this.#page.style)],
    );
    const isMergeable = node.kind === 'map' && this.#manuscript.dialect !== 'envoy';
    if (!isMergeable || pairs.length < changed.length) {
      throw this.#sharedRefusal({ edited, others: [node] });
    }
    const { comma } = this.#page.style;
    return [insertAt(site.start, '{<<: '), insertAt(site.end, `${comma}${pairs.join(comma)}}`)];
  }

  #sharedRefusal({ edited, others }: SharedConflict): AppError {
    const lines = others.map((node) => this.#page.lined.positionAt(node.start).line);
    const list = [...new Set(lines)].join(', ');
    return refusal(
      this.#manuscript,
      edited.site.start,
      `this text also counts on line ${list} (anchor and alias), so a change here would change that place too; write it out in each place`,
    );
  }

  /** The target of an alias must neither disappear nor change under the alias. */
  #checkAnchors(): void {
    const gone = new Stretches(this.#gone);
    for (const [target, aliases] of this.#manuscript.document.aliases) {
      const left = gone.hold(target) ? aliases.find((alias) => !gone.hold(alias)) : undefined;
      if (left === undefined) continue;
      const { line } = this.#page.lined.positionAt(left.start);
      throw refusal(
        this.#manuscript,
        target.start,
        `an alias on line ${line} stands for this text, so it can be neither removed nor replaced; write it out there`,
      );
    }
  }
}

/** Ranges of the text, nested or side by side; whether one contains a node: O(log n). */
class Stretches {
  /** The outermost ones, in order. */
  readonly #outermost: SourceNode[] = [];

  constructor(nodes: readonly SourceNode[]) {
    const isBefore = (one: SourceNode, other: SourceNode): number =>
      one.outer - other.outer || other.end - one.end;
    for (const node of nodes.toSorted(isBefore)) {
      if (node.end > (this.#outermost.at(-1)?.end ?? -1)) this.#outermost.push(node);
    }
  }

  hold(node: SourceNode): boolean {
    let low = 0;
    let high = this.#outermost.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#outermost[middle]?.outer ?? 0) <= node.outer) low = middle + 1;
      else high = middle;
    }
    return node.end <= (this.#outermost[low - 1]?.end ?? -1);
  }
}
