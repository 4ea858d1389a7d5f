/** Replaces a value by a new one; everything around it stays. */
import { type Json, isArray } from '#kernel/json.ts';
import type { StyledText } from './edit-block.ts';
import { blockLines, deeper, flowText, isInline, prettyText } from './render.ts';
import type { SourceCollection, SourceEntry, SourceNode, SourceScalar } from './source-tree.ts';
import { type TextEdit, insertAt, removeRange, replaceRange } from './text-edit.ts';
import {
  type LinedText,
  columnAt,
  leadingSpaceAt,
  lineEndAt,
  lineStartAt,
  previousLineEndAt,
} from './text-position.ts';
import { isScalarValue, scalarLike, yamlScalar } from './write-scalar.ts';

interface Place {
  readonly holder: SourceCollection;
  readonly page: StyledText;
}

/** Replaces the value of an entry. */
export function replaceValue(entry: SourceEntry, value: Json, place: Place): readonly TextEdit[] {
  const { holder, page } = place;
  const old = entry.value;
  if (isScalarValue(value) && old.kind === 'scalar' && keepsPlace(old, page.text)) {
    return [replaceRange(old.start, old.end, scalarText(old, value, place))];
  }
  if (holder.isFlow) return [replaceInFlow(entry, value, page)];
  if (isInline(value)) return replaceByLine(entry, value, page);
  return holder.kind === 'map'
    ? replacePairByBlock(entry, value, page)
    : [replaceItemByBlock(entry, value, page)];
}

/** Replaces a whole document. */
export function replaceRoot(root: SourceNode, value: Json, page: StyledText): TextEdit {
  const { style, lined } = page;
  if (root.kind !== 'scalar' && root.kind !== 'alias' && root.isFlow) {
    const inner = style.isPretty ? prettyText(value, style, '') : flowText(value, style);
    return replaceRange(root.start, root.end, inner);
  }
  const indent = ' '.repeat(columnAt(lined, root.outer));
  return replaceRange(
    root.outer,
    root.end,
    blockLines(value, style).join(`${style.lineBreak}${indent}`),
  );
}

/** A scalar of one line without a tag: the new one can take exactly its place. */
function keepsPlace(old: SourceScalar, text: string): boolean {
  if (old.style === 'empty' || old.style === 'block') return false;
  return !/[!\n]/.test(text.slice(old.outer, old.start));
}

function scalarText(
  old: SourceScalar,
  value: string | number | boolean | null,
  { holder, page }: Place,
): string {
  const isBare = old.style === 'plain' && holder.isFlow;
  return page.style.isJson || isBare ? flowText(value, page.style) : scalarLike(old, value);
}

function replaceInFlow(entry: SourceEntry, value: Json, { lined, style }: StyledText): TextEdit {
  const old = entry.value;
  const lineIndent = leadingSpaceAt(lined, entry.start);
  const start = lineStartAt(lined, entry.start);
  const isOnOwnLine = start > 0 && start + lineIndent.length === entry.start;
  const fresh =
    style.isPretty && isOnOwnLine ? prettyText(value, style, lineIndent) : flowText(value, style);
  if (old.end > old.outer) return replaceRange(old.outer, old.end, fresh);
  if (entry.key === undefined) return insertAt(entry.indicatorEnd, fresh);
  return insertAt(entry.indicatorEnd, entry.hasColon ? ` ${fresh}` : `: ${fresh}`);
}

/** By a scalar or an empty collection, on the line of the key or dash. */
function replaceByLine(entry: SourceEntry, value: Json, page: StyledText): readonly TextEdit[] {
  const { lined, style } = page;
  const old = entry.value;
  const fresh = isScalarValue(value) ? yamlScalar(value) : flowText(value, style);
  if (old.end === old.outer) return [insertAt(entry.indicatorEnd, ` ${fresh}`)];
  if (isOnLineOf(entry, lined)) {
    const isBlock = old.kind !== 'scalar' && old.kind !== 'alias' && !old.isFlow;
    // A null in the place of a block is written as nothing: so a block in the place of nothing can be undone.
    if (isBlock && value === null) return [removeRange(entry.indicatorEnd, old.end)];
    return [replaceRange(old.outer, old.end, fresh)];
  }
  const lines = removeRange(previousLineEndAt(lined, firstOffset(old)), lineEndAt(lined, old.end));
  return value === null ? [lines] : [insertAt(entry.indicatorEnd, ` ${fresh}`), lines];
}

function replacePairByBlock(
  entry: SourceEntry,
  value: Json,
  page: StyledText,
): readonly TextEdit[] {
  const { lined, style } = page;
  const old = entry.value;
  const column = columnAt(lined, entry.start) + deeper(value, style);
  const linesAt = (indent: number): string[] =>
    blockLines(value, style).map((line) => `${style.lineBreak}${' '.repeat(indent)}${line}`);
  if (old.end === old.outer) {
    return [insertAt(lineEndAt(lined, entry.indicatorEnd), linesAt(column).join(''))];
  }
  if (isOnLineOf(entry, lined)) {
    return [
      removeRange(entry.indicatorEnd, old.end),
      insertAt(lineEndAt(lined, old.end), linesAt(column).join('')),
    ];
  }
  const from = previousLineEndAt(lined, firstOffset(old));
  const to = lineEndAt(lined, old.end);
  const kept = columnAt(lined, firstOffset(old));
  const own = columnAt(lined, entry.start);
  const isDeepEnough = kept > own || (kept === own && isArray(value));
  return [replaceRange(from, to, linesAt(isDeepEnough ? kept : column).join(''))];
}

function replaceItemByBlock(entry: SourceEntry, value: Json, page: StyledText): TextEdit {
  const { text, lined, style } = page;
  const first = firstOffset(entry.value);
  const isEmpty = entry.value.end === entry.value.outer;
  // A TAB may precede a scalar, but not before the first entry of a block.
  const hasTab = isOnLineOf(entry, lined) && text.slice(entry.indicatorEnd, first).includes('\t');
  const column = isEmpty || hasTab ? columnAt(lined, entry.start) + 2 : columnAt(lined, first);
  const fresh = blockLines(value, style).join(`${style.lineBreak}${' '.repeat(column)}`);
  if (isEmpty) return insertAt(entry.indicatorEnd, ` ${fresh}`);
  return hasTab
    ? replaceRange(entry.indicatorEnd, entry.value.end, ` ${fresh}`)
    : replaceRange(first, entry.value.end, fresh);
}

/** Where a value begins, anchors and tags included, also those that the parser gives to its first key. */
function firstOffset(node: SourceNode): number {
  if (node.kind === 'scalar' || node.kind === 'alias') return node.outer;
  return Math.min(node.outer, node.entries[0]?.start ?? node.outer);
}

function isOnLineOf(entry: SourceEntry, text: LinedText): boolean {
  return firstOffset(entry.value) <= lineEndAt(text, entry.indicatorEnd);
}
