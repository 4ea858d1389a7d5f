/**
 * Entries of block collections are added and removed as whole lines. Invariant: what {@link addToBlock} writes is
 * exactly what a later {@link removeFromBlock} of the same entries removes.
 */
import type { Json } from '#kernel/json.ts';
import type { Edited, Slot } from './draft.ts';
import { itemLines, pairLines } from './render.ts';
import type { SourceEntry } from './source-tree.ts';
import { type TextEdit, insertAt, removeRange } from './text-edit.ts';
import {
  type LinedText,
  columnAt,
  leadingSpaceAt,
  lineEndAt,
  lineStartAt,
  previousLineEndAt,
} from './text-position.ts';
import type { TextStyle } from './text-style.ts';

/** A text and how it is written. */
export interface StyledText {
  readonly text: string;
  /** The same text, with its lines. */
  readonly lined: LinedText;
  readonly style: TextStyle;
}

/** What is new in a collection; the edits of what stays in it belong between these two. */
export interface Additions {
  readonly before: readonly TextEdit[];
  readonly after: readonly TextEdit[];
}

/** Writes the new entries: after the entry before them, or before the first one that stays. */
export function addToBlock(edited: Edited, page: StyledText): Additions {
  const before: TextEdit[] = [];
  const after: TextEdit[] = [];
  let previous: SourceEntry | undefined;
  let leading: Slot[] = [];
  for (const slot of edited.slots.filter((one) => !one.isRemoved)) {
    if (slot.entry !== undefined) {
      if (leading.length > 0) before.push(addBefore(slot.entry, leading, { edited, page }));
      leading = [];
      previous = slot.entry;
    } else if (previous === undefined) leading.push(slot);
    else after.push(addAfter(previous, slot, { edited, page }));
  }
  return { before, after };
}

export function removeFromBlock(edited: Edited, { lined }: StyledText): readonly TextEdit[] {
  const { entries } = edited.node;
  const removed = new Set(
    edited.slots.map(({ entry, isRemoved }) => (isRemoved ? entry : undefined)),
  );
  const firstKept = Math.max(
    entries.findIndex((entry) => !removed.has(entry)),
    0,
  );
  const following = entries.slice(firstKept).filter((entry) => removed.has(entry));
  return [
    ...removeLeading(entries.slice(0, firstKept + 1), lined),
    ...following.map((entry) => removeAfter(entry, lined)),
  ];
}

interface Where {
  readonly edited: Edited;
  readonly page: StyledText;
}

function addAfter(previous: SourceEntry, slot: Slot, { edited, page }: Where): TextEdit {
  const { lined, style } = page;
  const indent = ' '.repeat(columnOf(edited, lined));
  const lines = linesOf(slot, { edited, page }).map((line) => `${style.lineBreak}${indent}${line}`);
  return insertAt(lineEndAt(lined, previous.end), lines.join(''));
}

function addBefore(next: SourceEntry, slots: readonly Slot[], where: Where): TextEdit {
  const { lined, style } = where.page;
  const lineBreak = `${style.lineBreak}${' '.repeat(columnOf(where.edited, lined))}`;
  const lines = slots.flatMap((slot) => linesOf(slot, where));
  return insertAt(next.start, lines.map((line) => `${line}${lineBreak}`).join(''));
}

function linesOf(slot: Slot, { edited, page }: Where): readonly string[] {
  const value: Json = slot.content.kind === 'fresh' ? slot.content.value : null;
  return slot.key === undefined
    ? itemLines(value, page.style, dashGap(edited, page.lined))
    : pairLines(slot.key, value, page.style);
}

function columnOf(edited: Edited, text: LinedText): number {
  return columnAt(text, edited.node.entries[0]?.start ?? edited.node.start);
}

/** Spaces after the dash, as the list's own items have them. */
function dashGap(edited: Edited, text: LinedText): number {
  const [first] = edited.node.entries;
  if (first === undefined || first.value.outer >= lineEndAt(text, first.indicatorEnd)) return 1;
  const gap = text.text.slice(first.indicatorEnd, first.value.outer);
  return /^ +$/.test(gap) ? gap.length : 1;
}

/** With the line break before it, to the end of its last line. */
function removeAfter(entry: SourceEntry, text: LinedText): TextEdit {
  return removeRange(previousLineEndAt(text, entry.start), lineEndAt(text, entry.end));
}

/**
 * All but the last of the given entries, which is the first one that stays. Where no comment parts two of them, the
 * next one takes the place of the one before it: they are removed as one.
 */
function removeLeading(entries: readonly SourceEntry[], text: LinedText): readonly TextEdit[] {
  const edits: TextEdit[] = [];
  const kept = entries.at(-1);
  let start = entries[0]?.start ?? 0;
  for (const [index, next] of entries.slice(1).entries()) {
    const end = entries[index]?.end ?? start;
    const isParted = text.text.slice(end, next.start).trim() !== '';
    if (!isParted && next !== kept) continue;
    edits.push(
      isParted ? removeBeforeComment({ start, end }, text) : removeRange(start, next.start),
    );
    start = next.start;
  }
  return edits;
}

/** Comments on lines of their own belong to what follows; what shares its first line leaves that line behind. */
function removeBeforeComment(
  { start, end }: Pick<SourceEntry, 'start' | 'end'>,
  text: LinedText,
): TextEdit {
  const lineStart = lineStartAt(text, start);
  const isFirstInLine = lineStart + leadingSpaceAt(text, start).length === start;
  if (!isFirstInLine) return removeRange(start, end);
  return removeRange(lineStart, text.nextLineStartAt(end));
}
