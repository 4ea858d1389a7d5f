/**
 * Entries of block collections come and go by whole lines. Invariant: what {@link addToBlock} writes is
 * exactly what a later {@link removeFromBlock} of the same entries takes out.
 */
import type { Json } from '#kernel/json.ts';
import type { Edited, Slot } from './draft.ts';
import { itemLines, pairLines } from './render.ts';
import type { SourceEntry } from './source-tree.ts';
import { type TextEdit, insertAt, removeRange } from './text-edit.ts';
import {
  columnAt,
  leadingSpaceAt,
  lineEndAt,
  lineStartAt,
  previousLineEndAt,
} from './text-position.ts';
import type { TextStyle } from './text-style.ts';

/** A text and how it is written. */
export interface Page {
  readonly text: string;
  readonly style: TextStyle;
}

/** What is new in a collection; the edits of what stays in it belong between these two. */
export interface Additions {
  readonly before: readonly TextEdit[];
  readonly after: readonly TextEdit[];
}

/** Writes the new entries: after the entry before them, or before the first one that stays. */
export function addToBlock(edited: Edited, page: Page): Additions {
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

export function removeFromBlock(edited: Edited, page: Page): readonly TextEdit[] {
  const { entries } = edited.node;
  const firstKept = edited.slots.findIndex((slot) => slot.entry !== undefined && !slot.isRemoved);
  return edited.slots.flatMap((slot, index) => {
    if (!slot.isRemoved || slot.entry === undefined) return [];
    const next = entries[entries.indexOf(slot.entry) + 1];
    return index > firstKept || next === undefined
      ? [removeAfter(slot.entry, page.text)]
      : [removeBefore(slot.entry, next, page.text)];
  });
}

interface Where {
  readonly edited: Edited;
  readonly page: Page;
}

function addAfter(previous: SourceEntry, slot: Slot, { edited, page }: Where): TextEdit {
  const { text, style } = page;
  const indent = ' '.repeat(columnOf(edited, text));
  const lines = linesOf(slot, { edited, page }).map((line) => `${style.lineBreak}${indent}${line}`);
  return insertAt(lineEndAt(text, previous.end), lines.join(''));
}

function addBefore(next: SourceEntry, slots: readonly Slot[], where: Where): TextEdit {
  const { text, style } = where.page;
  const lineBreak = `${style.lineBreak}${' '.repeat(columnOf(where.edited, text))}`;
  const lines = slots.flatMap((slot) => linesOf(slot, where));
  return insertAt(next.start, lines.map((line) => `${line}${lineBreak}`).join(''));
}

function linesOf(slot: Slot, { edited, page }: Where): readonly string[] {
  const value: Json = slot.content.kind === 'fresh' ? slot.content.value : null;
  return slot.key === undefined
    ? itemLines(value, page.style, dashGap(edited, page.text))
    : pairLines(slot.key, value, page.style);
}

function columnOf(edited: Edited, text: string): number {
  return columnAt(text, edited.node.entries[0]?.start ?? edited.node.start);
}

/** Spaces after the dash, as the list's own items have them. */
function dashGap(edited: Edited, text: string): number {
  const [first] = edited.node.entries;
  if (first === undefined || first.value.outer >= lineEndAt(text, first.indicatorEnd)) return 1;
  const gap = text.slice(first.indicatorEnd, first.value.outer);
  return /^ +$/.test(gap) ? gap.length : 1;
}

/** With the line break before it, to the end of its last line. */
function removeAfter(entry: SourceEntry, text: string): TextEdit {
  return removeRange(previousLineEndAt(text, entry.start), lineEndAt(text, entry.end));
}

/** An entry before the first one that stays: comments between them belong to what follows. */
function removeBefore(entry: SourceEntry, next: SourceEntry, text: string): TextEdit {
  if (text.slice(entry.end, next.start).trim() === '') return removeRange(entry.start, next.start);
  const lineStart = lineStartAt(text, entry.start);
  const isFirstInLine = lineStart + leadingSpaceAt(text, entry.start).length === entry.start;
  if (!isFirstInLine) return removeRange(entry.start, entry.end);
  const nextLine = text.indexOf('\n', entry.end) + 1;
  return removeRange(lineStart, nextLine);
}
