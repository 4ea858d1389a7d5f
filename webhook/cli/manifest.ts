/** A text becomes documents, and these the Kubernetes objects in them, each with the line it begins at. */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, stringAt, type JsonObject } from '#kernel/json.ts';
import { openText, type OpenText } from '../editing/open-text.ts';
import { resolved, type SourceNode } from '../editing/source-tree.ts';
import { splitDocuments } from '../editing/split-documents.ts';
import { orUnfilled, unfilledFault } from './unfilled.ts';

/** A file, or standard input, as read. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

export interface ManifestObject {
  readonly value: JsonObject;
  /** Where it stands in its document: nothing, or `items` and a position in a List. */
  readonly path: readonly (string | number)[];
  /** UTF-16 offset in the document's text, and line in the file, from 1. */
  readonly offset: number;
  readonly line: number;
}

export interface ManifestDocument {
  readonly source: SourceText;
  /** Position among the documents of its file. */
  readonly index: number;
  /** The document's own stretch of the file. */
  readonly text: string;
  /** Line in the file that the stretch begins at. */
  readonly firstLine: number;
  readonly objects: readonly ManifestObject[];
  /** Why it cannot be read; it has no objects then. */
  readonly fault: AppError | undefined;
}

/** A document as it stands in its file, not parsed yet. */
export type RawDocument = Pick<ManifestDocument, 'source' | 'index' | 'text' | 'firstLine'>;

/** A document, and its parsed text where it could be read: large, so not kept for long. */
export interface OpenDocument {
  readonly document: ManifestDocument;
  readonly open: OpenText | undefined;
}

export function splitManifest(source: SourceText): readonly RawDocument[] {
  let firstLine = 1;
  return splitDocuments(source.text).map(({ start, end }, index) => {
    const document = { source, index, text: source.text.slice(start, end), firstLine };
    firstLine += lineBreaks(document.text, document.text.length);
    return document;
  });
}

/** An unreadable document is told of as a fault of its own: the others are read all the same. */
export function readManifest(source: SourceText): readonly ManifestDocument[] {
  return splitManifest(source).map((raw) => openDocument(raw).document);
}

export function openDocument(raw: RawDocument): OpenDocument {
  const { text, source, firstLine } = raw;
  try {
    const open = openText(text, { start: 0, end: text.length }, source.name);
    const unfilled = unfilledFault(open.value, text, `${source.name}:${firstLine}`);
    if (unfilled !== undefined) return unreadable(raw, unfilled);
    const lines = new LineCounter(text, firstLine);
    const objects = objectsIn(open.source.root, open.value, []).map(
      ({ node, ...object }): ManifestObject => {
        const offset = node.start;
        return { ...object, offset, line: lines.lineAt(offset) };
      },
    );
    return { document: { ...raw, objects, fault: undefined }, open };
  } catch (fault) {
    if (!(fault instanceof AppError)) throw fault;
    return unreadable(raw, orUnfilled(faultInFile(raw, fault), text));
  }
}

function unreadable(raw: RawDocument, fault: AppError): OpenDocument {
  return { document: { ...raw, objects: [], fault }, open: undefined };
}

/** Read as a part of its file, the document has the same fault, but with the file's line. */
function faultInFile({ source, index }: RawDocument, fault: AppError): AppError {
  const span = splitDocuments(source.text)[index];
  if (span === undefined) return fault;
  try {
    openText(source.text, span, source.name);
    return fault;
  } catch (inFile) {
    if (inFile instanceof AppError) return inFile;
    throw inFile;
  }
}

interface FoundObject extends Pick<ManifestObject, 'value' | 'path'> {
  readonly node: SourceNode;
}

/** The object itself, or the items of a List (also of one inside it). */
function objectsIn(
  node: SourceNode,
  value: unknown,
  path: ManifestObject['path'],
): readonly FoundObject[] {
  if (!isObject(value)) return [];
  const items = value['items'];
  const isList = isArray(items) && stringAt(value, 'kind')?.endsWith('List') === true;
  if (!isList) return [{ node, value, path }];
  const list = memberOf(node, 'items');
  return items.flatMap((item, index) =>
    objectsIn(list?.entries[index]?.value ?? node, item, [...path, 'items', index]),
  );
}

function memberOf(
  node: SourceNode,
  key: string,
): Extract<SourceNode, { entries: unknown }> | undefined {
  const map = resolved(node);
  if (map.kind === 'scalar') return undefined;
  const value = map.entries.find((entry) => entry.key === key)?.value;
  const target = value === undefined ? undefined : resolved(value);
  return target === undefined || target.kind === 'scalar' ? undefined : target;
}

function lineBreaks(text: string, end: number, start = 0): number {
  let count = 0;
  for (let at = text.indexOf('\n', start); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) {
    count += 1;
  }
  return count;
}

/** Counts on from the last answer, since objects come in order. */
class LineCounter {
  readonly #text: string;
  #offset = 0;
  #line: number;

  constructor(text: string, firstLine: number) {
    this.#text = text;
    this.#line = firstLine;
  }

  lineAt(offset: number): number {
    // An alias leads back to where its anchor stands.
    const isAhead = offset >= this.#offset;
    const step = isAhead
      ? lineBreaks(this.#text, offset, this.#offset)
      : -lineBreaks(this.#text, this.#offset, offset);
    this.#line += step;
    this.#offset = offset;
    return this.#line;
  }
}
