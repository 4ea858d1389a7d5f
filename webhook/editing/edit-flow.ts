/**
 * Entries of flow collections are added and removed with their comma. Invariant: what {@link addToFlow} writes is
 * exactly what a later {@link removeFromFlow} of the same entries removes.
 */
import type { Json } from '#kernel/json.ts';
import type { Edited, Slot } from './draft.ts';
import type { Additions, StyledText } from './edit-block.ts';
import { flowPair, flowText, prettyPair, prettyText } from './render.ts';
import type { SourceCollection, SourceEntry } from './source-tree.ts';
import { type TextEdit, insertAt, removeRange } from './text-edit.ts';
import { leadingSpaceAt } from './text-position.ts';

export function addToFlow(edited: Edited, page: StyledText): Additions {
  const live = edited.slots.filter((slot) => !slot.isRemoved);
  const fresh = live.filter((slot) => slot.entry === undefined);
  if (fresh.length === 0) return { before: [], after: [] };
  const [first] = edited.node.entries;
  if (first === undefined) return { before: [fillEmpty(edited.node, fresh, page)], after: [] };
  const layout = layoutOf(edited.node, page);
  if (fresh.length === live.length) {
    const texts = fresh.map((slot) => textOf(slot, layout, page));
    return { before: [insertAt(first.start, texts.join(layout.separator))], after: [] };
  }
  return addBeside(live, layout, { edited, page });
}

/** Each new entry goes after the one before it; the leading ones go before the first that stays. */
function addBeside(
  live: readonly Slot[],
  layout: Layout,
  { edited, page }: { readonly edited: Edited; readonly page: StyledText },
): Additions {
  const before: TextEdit[] = [];
  const after: TextEdit[] = [];
  const firstKept = live.find((slot) => slot.entry !== undefined)?.entry;
  // Alone, a merge key keeps its place: `{<<: *x, key: value}` is what an alias becomes, and is undone to it.
  const isLoneMerge = edited.node.entries.length === 1 && firstKept?.isMerge === true;
  let previous: SourceEntry | undefined;
  for (const slot of live) {
    if (slot.entry !== undefined) {
      previous = slot.entry;
      continue;
    }
    const text = textOf(slot, layout, page);
    if (previous === undefined || isLoneMerge) {
      before.push(insertAt(firstKept?.start ?? edited.node.start, `${text}${layout.separator}`));
    } else after.push(insertAt(previous.end, `${layout.separator}${text}`));
  }
  return { before, after };
}

export function removeFromFlow(edited: Edited, text: string): readonly TextEdit[] {
  const kept = edited.slots.filter((slot) => slot.entry !== undefined && !slot.isRemoved);
  const removed = edited.slots.filter((slot) => slot.isRemoved);
  if (removed.length === 0) return [];
  const [only] = kept;
  if (only?.entry !== undefined && kept.length === 1 && isWrappedAlias(edited, only.entry, text)) {
    const { value } = only.entry;
    return [removeRange(edited.node.start, value.start), removeRange(value.end, edited.node.end)];
  }
  if (only === undefined) return emptied(edited, text);
  const { entries } = edited.node;
  const positions = new Map(entries.map((entry, index) => [entry, index]));
  const firstKept = only.entry?.start ?? 0;
  return removed.flatMap(({ entry }) => {
    if (entry === undefined) return [];
    const isAfterKept = entry.start > firstKept;
    const neighbour = entries[(positions.get(entry) ?? 0) + (isAfterKept ? -1 : 1)];
    return neighbour === undefined ? [] : removeOne({ entry, neighbour, isAfterKept }, text);
  });
}

interface Layout {
  readonly separator: string;
  /** Where lines of the collection begin; undefined when all is on one line. */
  readonly indent: string | undefined;
}

function layoutOf(node: SourceCollection, page: StyledText): Layout {
  const { text, lined, style } = page;
  const [first] = node.entries;
  if (first === undefined || !text.slice(node.start, first.start).includes('\n')) {
    return { separator: style.comma, indent: undefined };
  }
  const indent = leadingSpaceAt(lined, first.start);
  return { separator: `,${style.lineBreak}${indent}`, indent };
}

function textOf(slot: Slot, layout: Layout, { style }: StyledText): string {
  const value: Json = slot.content.kind === 'fresh' ? slot.content.value : null;
  if (layout.indent === undefined || !style.isPretty) {
    return slot.key === undefined ? flowText(value, style) : flowPair(slot.key, value, style);
  }
  return slot.key === undefined
    ? prettyText(value, style, layout.indent)
    : prettyPair({ key: slot.key, value }, style, layout.indent);
}

/** White space inside the brackets stays behind the new entries: so a removal knows that it was there. */
function fillEmpty(node: SourceCollection, fresh: readonly Slot[], page: StyledText): TextEdit {
  const { lined, style } = page;
  const at = node.start + 1;
  if (!style.isPretty || node.end - node.start > 2) {
    const layout = { separator: style.comma, indent: undefined };
    return insertAt(at, fresh.map((slot) => textOf(slot, layout, page)).join(style.comma));
  }
  const base = leadingSpaceAt(lined, node.start);
  const indent = base + style.unit;
  const layout = { separator: `,${style.lineBreak}${indent}`, indent };
  const inner = fresh.map((slot) => textOf(slot, layout, page)).join(layout.separator);
  return insertAt(at, `${style.lineBreak}${indent}${inner}${style.lineBreak}${base}`);
}

interface Removal {
  readonly entry: SourceEntry;
  /** The entry before it, or after it where nothing before it stays. */
  readonly neighbour: SourceEntry;
  readonly isAfterKept: boolean;
}

function removeOne({ entry, neighbour, isAfterKept }: Removal, text: string): readonly TextEdit[] {
  const [from, to] = isAfterKept ? [neighbour.end, entry.start] : [entry.end, neighbour.start];
  if (!hasComment(text, from, to)) {
    return [isAfterKept ? removeRange(from, entry.end) : removeRange(entry.start, to)];
  }
  const comma = isAfterKept ? entry.comma : neighbour.comma;
  return [...commaEdits(comma), removeRange(entry.start, entry.end)];
}

/** Nothing of the source stays between the brackets, except comments. */
function emptied(edited: Edited, text: string): readonly TextEdit[] {
  const { entries, start, end, trailingComma } = edited.node;
  const [first] = entries;
  const last = entries.at(-1);
  if (first === undefined || last === undefined) return [];
  const isRefilled = edited.slots.some((slot) => slot.entry === undefined);
  if (hasComments(edited.node, text)) {
    const commas = entries.flatMap((entry) => commaEdits(entry.comma));
    const trailing = isRefilled ? [] : commaEdits(trailingComma);
    return [...entries.map((entry) => removeRange(entry.start, entry.end)), ...commas, ...trailing];
  }
  if (isRefilled) return [removeRange(first.start, last.end)];
  if (first.start > start + 1) return [removeRange(start + 1, end - 1)];
  return [removeRange(first.start, trailingComma === undefined ? last.end : trailingComma + 1)];
}

function commaEdits(comma: number | undefined): readonly TextEdit[] {
  return comma === undefined ? [] : [removeRange(comma, comma + 1)];
}

function hasComment(text: string, from: number, to: number): boolean {
  return text.slice(from, to).includes('#');
}

/** Searches only between the entries: a quoted string may hold a number sign too. */
function hasComments({ start, end, entries }: SourceCollection, text: string): boolean {
  const gaps = [...entries, { start: end, end }].map((entry, index) => ({
    from: entries[index - 1]?.end ?? start,
    to: entry.start,
  }));
  return gaps.some(({ from, to }) => hasComment(text, from, to));
}

/** `{<<: *x, …}` as an addition to an alias is written: without what was added, it is the alias again. */
function isWrappedAlias(edited: Edited, kept: SourceEntry, text: string): boolean {
  const { node } = edited;
  return (
    kept === node.entries[0] &&
    kept.isMerge &&
    kept.value.kind === 'alias' &&
    !edited.slots.some((slot) => slot.entry === undefined) &&
    text.slice(node.start, kept.value.start) === '{<<: ' &&
    !hasComments(node, text)
  );
}
