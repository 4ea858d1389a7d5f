/** A text becomes documents, and these the Kubernetes objects in them, each with the line it begins at. */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, stringAt, type JsonObject } from '#kernel/json.ts';
import { readSource } from '../editing/read-source.ts';
import { resolved, type SourceNode } from '../editing/source-tree.ts';
import { splitDocuments, type DocumentSpan } from '../editing/split-documents.ts';

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

/** An unreadable document is told of as a fault of its own: the others are read all the same. */
export function readManifest(source: SourceText): readonly ManifestDocument[] {
  let firstLine = 1;
  return splitDocuments(source.text).map((span, index) => {
    const document = readDocument(source, span, { index, firstLine });
    firstLine += lineBreaks(document.text, document.text.length);
    return document;
  });
}

function readDocument(
  source: SourceText,
  span: DocumentSpan,
  place: Pick<ManifestDocument, 'index' | 'firstLine'>,
): ManifestDocument {
  const text = source.text.slice(span.start, span.end);
  const base = { source, text, ...place };
  try {
    const { root, value } = readSource({ text: source.text, span, where: source.name });
    const lines = new LineCounter(text, place.firstLine);
    const found = objectsIn(root, value, []).map(({ node, ...object }): ManifestObject => {
      const offset = node.start - span.start;
      return { ...object, offset, line: lines.lineAt(offset) };
    });
    return { ...base, objects: found, fault: undefined };
  } catch (fault) {
    if (!(fault instanceof AppError)) throw fault;
    return { ...base, objects: [], fault };
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
