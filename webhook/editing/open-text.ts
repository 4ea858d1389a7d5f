/** A document that was parsed once, to be read, pointed at and edited. */
import type { Json } from '#kernel/json.ts';
import { pointerTokens } from './operation.ts';
import { readSource } from './read-source.ts';
import { type SourceDocument, type SourceEntry, type SourceNode, resolved } from './source-tree.ts';
import type { DocumentSpan } from './split-documents.ts';
import { placeOf, positionAt } from './text-position.ts';

export interface OpenText {
  readonly text: string;
  readonly span: DocumentSpan;
  /** File name for messages. */
  readonly where: string;
  readonly source: SourceDocument;
  /** The plain value, merge keys resolved and aliases written out. */
  readonly value: Json;
}

/** @throws {AppError} TEXT_UNPARSABLE with file, line, column and the line itself */
export function openText(text: string, span: DocumentSpan, where: string): OpenText {
  const source = readSource({ text, span, where });
  return { text, span, where, source, value: source.value };
}

/** `file:line:column` of what a JSON Pointer names, or of the last thing on the way to it. */
export function placeOfPath(open: OpenText, path: string): string {
  return placeOf(open.where, open.text, offsetOfPath(open, path));
}

/** Line of what a JSON Pointer names, from 1. */
export function lineOfPath(open: OpenText, path: string): number {
  return positionAt(open.text, offsetOfPath(open, path)).line;
}

function offsetOfPath(open: OpenText, path: string): number {
  let node: SourceNode = open.source.root;
  let offset = node.start;
  for (const token of pointerTokens(path)) {
    const entry = entryAt(node, token);
    if (entry === undefined) break;
    offset = entry.key === undefined ? entry.value.outer : entry.start;
    node = entry.value;
  }
  return offset;
}

function entryAt(node: SourceNode, token: string): SourceEntry | undefined {
  const holder = resolved(node);
  if (holder.kind === 'scalar') return undefined;
  if (holder.kind === 'list') return holder.entries[Number(token)];
  return holder.entries.find((entry) => entry.key === token);
}
