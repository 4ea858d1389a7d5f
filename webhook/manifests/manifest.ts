/** Splits a text into documents, and these into the Kubernetes objects in them, each with its first line. */
import type { AppError } from '#kernel/errors.ts';
import { isArray, isObject, stringAt, type JsonObject } from '#kernel/json.ts';
import { openText, type OpenText } from '../editing/open-text.ts';
import { resolved, type SourceNode } from '../editing/source-tree.ts';
import { splitDocuments } from '../editing/split-documents.ts';
import { ownFileLimits, type TextLimits } from '../editing/text-limits.ts';
import { failureOf, type InputProblem } from './input-problem.ts';
import { noItemFault, noObjectFault, orPage } from './no-object.ts';
import { orUnfilled } from './unfilled.ts';

/** A file, or standard input, as read. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

export interface ManifestObject {
  readonly value: JsonObject;
  /** Its path in its document: empty, or `items` and a position in a List. */
  readonly path: readonly (string | number)[];
  /** UTF-16 offsets in the document's text, and line in the file, from 1. */
  readonly offset: number;
  readonly end: number;
  readonly line: number;
}

export interface ManifestDocument {
  readonly source: SourceText;
  /** Position among the documents of its file. */
  readonly index: number;
  /** The document's own part of the file. */
  readonly text: string;
  /** Line in the file at which that part begins. */
  readonly firstLine: number;
  readonly objects: readonly ManifestObject[];
  /** Why it cannot be read; it has no objects then. */
  readonly fault: AppError | undefined;
  /** Present where it is no object: it has a fault, and stays in what is printed, as all that is not svidecar's business. */
  readonly isNoObject?: true;
}

/** A document as it is in its file, not parsed yet. */
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
    firstLine += lineBreaks(document.text);
    return document;
  });
}

/** An unreadable document is reported as its own fault: the others are still read. */
export function readManifest(source: SourceText): readonly ManifestDocument[] {
  return splitManifest(source).map((raw) => openDocument(raw).document);
}

export function openDocument(raw: RawDocument, limits: TextLimits = ownFileLimits): OpenDocument {
  const { text, source, firstLine } = raw;
  try {
    const origin = { where: source.name, firstLine, limits, dialect: 'kubernetes' } as const;
    const open = openText(text, { start: 0, end: text.length }, origin);
    const { root } = open.source;
    const place = { ...raw, name: source.name, line: open.lined.positionAt(root.start).line };
    const fault = noObjectFault(open.value, { ...place, text: text.slice(root.start) });
    if (fault !== undefined)
      return { document: { ...raw, objects: [], fault, isNoObject: true }, open };
    const refuse = (node: SourceNode, value: unknown, path: ManifestObject['path']): never => {
      const { line } = open.lined.positionAt(node.start);
      throw noItemFault(value, { ...place, line }, path);
    };
    const objects = objectsIn({ node: root, value: open.value, path: [] }, refuse).map(
      ({ node, ...object }): ManifestObject => {
        const { start, end } = node;
        return { ...object, offset: start, end, line: open.lined.positionAt(start).line };
      },
    );
    return { document: { ...raw, objects, fault: undefined }, open };
  } catch (thrown) {
    const fault = failureOf(thrown, 'this document');
    return unreadable(raw, orPage(orUnfilled(fault, text), text));
  }
}

function unreadable(raw: RawDocument, fault: AppError): OpenDocument {
  return { document: { ...raw, objects: [], fault }, open: undefined };
}

interface FoundObject extends Pick<ManifestObject, 'value' | 'path'> {
  readonly node: SourceNode;
}

interface FoundValue extends Omit<FoundObject, 'value'> {
  readonly value: unknown;
}

/** The object itself, or the items of a List (also of one inside it). */
function objectsIn(
  { node, value, path }: FoundValue,
  refuse: (node: SourceNode, value: unknown, path: ManifestObject['path']) => never,
): readonly FoundObject[] {
  if (!isObject(value)) return path.length === 0 ? [] : refuse(node, value, path);
  const items = value['items'];
  const isList = isArray(items) && stringAt(value, 'kind')?.endsWith('List') === true;
  if (!isList) return [{ node, value, path }];
  const list = memberOf(node, 'items');
  return items.flatMap((item, index) => {
    const found = list?.entries[index]?.value ?? node;
    return objectsIn({ node: found, value: item, path: [...path, 'items', index] }, refuse);
  });
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

function lineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** What could not be read: nobody looks at the objects in it, so whoever reports less passes them over in silence. */
export function faultsIn(documents: readonly ManifestDocument[]): readonly InputProblem[] {
  return documents.flatMap(({ fault }) => (fault === undefined ? [] : [{ error: fault }]));
}
