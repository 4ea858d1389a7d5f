/** A document that was parsed once, to be read, pointed at and edited. */
import type { FilePlace } from '#kernel/errors.ts';
import type { Json } from '#kernel/json.ts';
import { pointerTokens } from './operation.ts';
import type { Dialect } from './document-text.ts';
import { readSource } from './read-source.ts';
import {
  type SourceCollection,
  type SourceDocument,
  type SourceEntry,
  type SourceNode,
  resolved,
} from './source-tree.ts';
import type { DocumentSpan } from './split-documents.ts';
import type { TextLimits } from './text-limits.ts';
import { LinedText, placeOf } from './text-position.ts';

/** Where a text comes from. */
export interface TextOrigin {
  /** File name for messages. */
  readonly where: string;
  /** Line of the file at which the text begins; 1 where it is the whole file. */
  readonly firstLine?: number | undefined;
  /** Default: those for texts from the cluster. */
  readonly limits?: TextLimits | undefined;
  readonly dialect?: Dialect | undefined;
}

export interface OpenText extends TextOrigin {
  readonly text: string;
  readonly span: DocumentSpan;
  readonly source: SourceDocument;
  /** The plain value, merge keys resolved and aliases written out. */
  readonly value: Json;
  readonly lined: LinedText;
  /** The pairs of large maps by key, as far as they were looked up. */
  readonly pairs: Map<SourceCollection, ReadonlyMap<string, SourceEntry>>;
}

/** @throws {AppError} TEXT_UNPARSABLE with file, line, column and the line itself */
export function openText(text: string, span: DocumentSpan, origin: TextOrigin | string): OpenText {
  const from = typeof origin === 'string' ? { where: origin } : origin;
  const source = readSource({ text, span, ...from });
  const lined = new LinedText(text, from.firstLine);
  return { ...from, text, span, source, value: source.value, lined, pairs: new Map() };
}

/** Of what a JSON Pointer names, or of the last thing on the way to it. */
export function placeOfPath(open: OpenText, path: string): FilePlace {
  return placeOf(open.where, open.lined, offsetOfPath(open, path));
}

/** Line of what a JSON Pointer names, from 1. */
export function lineOfPath(open: OpenText, path: string): number {
  return open.lined.positionAt(offsetOfPath(open, path)).line;
}

function offsetOfPath(open: OpenText, path: string): number {
  let node: SourceNode = open.source.root;
  let offset = node.start;
  for (const token of pointerTokens(path)) {
    const entry = entryAt(open, node, token);
    if (entry === undefined) break;
    offset = entry.key === undefined ? entry.value.outer : entry.start;
    node = entry.value;
  }
  return offset;
}

function entryAt(open: OpenText, node: SourceNode, token: string): SourceEntry | undefined {
  const holder = resolved(node);
  if (holder.kind === 'scalar') return undefined;
  if (holder.kind === 'list') return holder.entries[Number(token)];
  return pairsOf(open, holder).get(token);
}

function pairsOf(open: OpenText, map: SourceCollection): ReadonlyMap<string, SourceEntry> {
  const known = open.pairs.get(map);
  if (known !== undefined) return known;
  const pairs = new Map(
    map.entries.flatMap((entry): [string, SourceEntry][] =>
      entry.key === undefined ? [] : [[entry.key, entry]],
    ),
  );
  open.pairs.set(map, pairs);
  return pairs;
}
