/** Lists and maps in brackets, as usual YAML and JSON have them. */
import type { SourceCollection, SourceEntry, SourceNode } from './source-tree.ts';
import type { DocumentSpan } from './split-documents.ts';
import { collectionCount } from './text-limits.ts';
import { keyText } from './token-places.ts';
import { Unusual, type UsualPage, code } from './usual-page.ts';
import { quotedScalar } from './usual-scalars.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A list or map whose entries are still to come. */
export interface OpenCollection {
  readonly node: Mutable<SourceCollection>;
  readonly entries: SourceEntry[];
}

interface CollectionPlace {
  readonly parent: SourceCollection | undefined;
  /** Collections around it. */
  readonly depth: number;
  readonly isFlow: boolean;
}

interface FlowPlace extends CollectionPlace {
  readonly column: number;
}

/** Three columns a level at most: the parser counts up to 200. */
const maxDepth = 60;

export function openCollection(
  page: UsualPage,
  kind: SourceCollection['kind'],
  { parent, depth, isFlow }: CollectionPlace,
): OpenCollection {
  if (depth > maxDepth) throw new Unusual();
  page.charge(4, collectionCount);
  const start = page.base + page.at;
  const entries: SourceEntry[] = [];
  const node: Mutable<SourceCollection> = {
    kind,
    isFlow,
    entries,
    start,
    end: start,
    trailingComma: undefined,
    outer: start,
    hasBrackets: true,
    anchor: undefined,
    parent,
  };
  return { node, entries };
}

/** @param held.column of what holds it: its lines are deeper */
export function flowCollection(page: UsualPage, held: FlowPlace): SourceCollection {
  const isList = page.codeAt(page.at) === code.openList;
  const closing = isList ? code.closeList : code.closeMap;
  const { node, entries } = openCollection(page, isList ? 'list' : 'map', held);
  const inner = { parent: node, depth: held.depth + 1, column: held.column, isFlow: true } as const;
  const keys = new Set<string>();
  let comma: number | undefined;
  page.at += 1;
  skipGap(page);
  while (page.codeAt(page.at) !== closing) {
    requireColumn(page, held.column + 1);
    if (entries.length > 0 && comma === undefined) throw new Unusual();
    const entry = isList ? item(page, inner, comma) : pair(page, inner, comma);
    requireNewKey(keys, entry.key);
    entries.push(entry);
    comma = commaAfter(page, held.column);
  }
  // The last bracket may stand below what holds it.
  requireColumn(page, held.parent?.isFlow === true ? held.column + 1 : held.column);
  page.at += 1;
  node.end = page.base + page.at;
  node.trailingComma = comma;
  return node;
}

/** To the next entry or the end. @returns where the comma is */
function commaAfter(page: UsualPage, column: number): number | undefined {
  skipGap(page);
  if (page.codeAt(page.at) !== code.comma) return undefined;
  requireColumn(page, column + 1);
  const comma = page.base + page.at;
  page.at += 1;
  skipGap(page);
  return comma;
}

export function requireNewKey(keys: Set<string>, key: string | undefined): void {
  if (key !== undefined && keys.size === keys.add(key).size) throw new Unusual();
}

function item(page: UsualPage, place: FlowPlace, comma: number | undefined): SourceEntry {
  const value = flowValue(page, place);
  const { start, end } = value;
  return {
    key: undefined,
    isMerge: false,
    start,
    indicatorEnd: start,
    hasColon: false,
    comma,
    value,
    end,
  };
}

function pair(page: UsualPage, place: FlowPlace, comma: number | undefined): SourceEntry {
  const start = page.at;
  const key = flowKey(page);
  page.skipSpaces();
  const colon = page.at;
  const isQuoted = page.codeAt(colon - 1) === code.doubleQuote;
  if (page.codeAt(colon) !== code.colon || !(isQuoted || page.isGap(colon + 1)))
    throw new Unusual();
  page.charge(3, 0);
  page.at = colon + 1;
  skipGap(page);
  requireColumn(page, place.column + 1);
  const value = flowValue(page, place);
  return {
    key,
    isMerge: false,
    start: page.base + start,
    indicatorEnd: page.base + colon + 1,
    hasColon: true,
    comma,
    value,
    end: value.end,
  };
}

function flowKey(page: UsualPage): string {
  if (page.isQuote(page.at)) return keyText(quotedScalar(page).value);
  const { start, end } = plainSpan(page);
  page.charge(2, 1);
  return page.plainKey(page.text.slice(start, end));
}

function flowValue(page: UsualPage, place: FlowPlace): SourceNode {
  const char = page.codeAt(page.at);
  if (char === code.openList || char === code.openMap) return flowCollection(page, place);
  if (page.isQuote(page.at)) return quotedScalar(page, place.column);
  const span = plainSpan(page);
  const value = page.plainValue(page.text.slice(span.start, span.end));
  return page.scalar(span, { value, style: 'plain' });
}

function plainSpan(page: UsualPage): DocumentSpan {
  page.requirePlainStart();
  const start = page.at;
  const stop = page.plainStop(true);
  page.at = stop;
  return { start, end: page.trimmed(start, stop) };
}

/** White space, line ends and comments. */
function skipGap(page: UsualPage): void {
  for (;;) {
    const start = page.at;
    page.skipSpaces();
    const char = page.codeAt(page.at);
    const isComment = char === code.hash && (page.at > start || start === page.lineStart);
    if (!isComment && char !== code.lineFeed) break;
    page.charge(3, 0);
    const end = page.text.indexOf('\n', page.at);
    if (end === -1) throw new Unusual();
    page.at = page.lineStart = end + 1;
  }
}

function requireColumn(page: UsualPage, least: number): void {
  if (page.at - page.lineStart < least) throw new Unusual();
}
