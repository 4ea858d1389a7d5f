/** YAML or JSON text becomes a tree of places: the only file that knows the parser. */
import {
  type Alias,
  type CST,
  type Document,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
} from 'yaml';
import { AppError, messageOf } from '#kernel/errors.ts';
import type { Json } from '#kernel/json.ts';
import { plainValueOf } from './plain-value.ts';
import type {
  SourceAlias,
  SourceCollection,
  SourceDocument,
  SourceEntry,
  SourceNode,
  SourceScalar,
} from './source-tree.ts';
import { excerptAt, placeOf } from './text-position.ts';
import type { DocumentSpan } from './split-documents.ts';

/** An alias may multiply a document at most so often before it counts as an attack (billion laughs). */
const maxAliasCount = 100;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Token = CST.SourceToken;

/** A text and the stretch of it that is one document. */
export interface DocumentText {
  readonly text: string;
  readonly span: DocumentSpan;
  /** File name for messages. */
  readonly where: string;
}

/** @throws {AppError} TEXT_UNPARSABLE with file, line, column and the line itself */
export function readSource(input: DocumentText): SourceDocument {
  return new Reader(input).read();
}

/** The value alone: for a text that is not going to be edited. @throws {AppError} TEXT_UNPARSABLE */
export function readValue(input: DocumentText): Pick<SourceDocument, 'value' | 'isJson'> {
  const json = jsonValueOf(input.text.slice(input.span.start, input.span.end));
  if (json !== undefined) return { value: json.value, isJson: true };
  return { value: new Reader(input).readValue(), isJson: false };
}

/** Says where and why a text cannot be read. */
function unparsable(input: DocumentText, offset: number, why: string): AppError {
  const at = Math.min(offset, input.text.length);
  const place = placeOf(input.where, input.text, at);
  return new AppError('TEXT_UNPARSABLE', `${place}: ${why}\n${excerptAt(input.text, at)}`);
}

/** The value of a text that is JSON as a whole; undefined when it is not. */
function jsonValueOf(text: string): { readonly value: Json } | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    // JSON.parse gives JSON.
    return { value: JSON.parse(text) as Json };
  } catch {
    // Not JSON: YAML's parser decides, and its errors are the better ones.
    return undefined;
  }
}

class Reader {
  readonly #input: DocumentText;
  readonly #base: number;
  readonly #anchors = new Map<string, SourceScalar | SourceCollection>();
  readonly #open = new Set<SourceNode>();
  readonly #aliases = new Map<SourceNode, SourceAlias[]>();
  #aliasCount = 0;

  constructor(input: DocumentText) {
    this.#input = input;
    this.#base = input.span.start;
  }

  read(): SourceDocument {
    const { text, span } = this.#input;
    const slice = text.slice(span.start, span.end);
    const json = jsonValueOf(slice);
    // A TAB can only be white space in JSON; as a space it keeps all offsets and pleases the YAML parser.
    const document = this.#parsed(json === undefined ? slice : slice.replaceAll('\t', ' '), true);
    const root = this.#root(document);
    const value = (json ?? plainValueOf(root, this.#aliasCount))?.value ?? this.#valueOf(document);
    return { root, aliases: this.#aliases, value, isJson: json !== undefined };
  }

  readValue(): Json {
    const { text, span } = this.#input;
    return this.#valueOf(this.#parsed(text.slice(span.start, span.end), false));
  }

  #parsed(slice: string, keepSourceTokens: boolean): Document.Parsed {
    const options = { keepSourceTokens, merge: true, prettyErrors: false } as const;
    const document = parseDocument(slice, { ...options, logLevel: 'silent' });
    const [error] = document.errors;
    if (error !== undefined) throw this.#fault(error.pos[0], error.message);
    return document;
  }

  #fault(offset: number, why: string): AppError {
    return unparsable(this.#input, this.#base + offset, why);
  }

  #valueOf(document: Document.Parsed): Json {
    try {
      // The copy makes aliased places independent of each other; the parser gives JSON values only.
      return JSON.parse(JSON.stringify(document.toJS({ maxAliasCount }) ?? null)) as Json;
    } catch (thrown) {
      throw this.#fault(0, messageOf(thrown));
    }
  }

  #root(document: Document.Parsed): SourceNode {
    const end = document.contents?.range[0] ?? 0;
    return this.#node(document.contents, { props: [], fallback: end, parent: undefined });
  }

  #node(node: unknown, place: NodePlace): SourceNode {
    const outer = propsStart(place.props);
    if (isAlias(node)) return this.#alias(node, place);
    if (isMap(node)) return this.#map(node, { ...place, outer });
    if (isSeq(node)) return this.#list(node, { ...place, outer });
    // A one-pair map without braces inside a flow list is met as a map; nothing else is left but scalars.
    return this.#scalar(isScalar(node) ? node : undefined, { ...place, outer });
  }

  #alias(node: Alias.Parsed | Alias, place: NodePlace): SourceAlias {
    const token = node.srcToken as CST.FlowScalar | undefined;
    const offset = token?.offset ?? node.range?.[0] ?? place.fallback;
    const target = this.#anchors.get(node.source);
    if (target === undefined) {
      throw this.#fault(offset, `the alias *${node.source} has no anchor before it`);
    }
    if (this.#open.has(target)) {
      throw this.#fault(offset, `the alias *${node.source} stands inside its own anchor`);
    }
    const start = this.#base + offset;
    const end = start + node.source.length + 1;
    const alias: SourceAlias = {
      kind: 'alias',
      ...{ outer: start, start, end, target, parent: place.parent },
    };
    this.#aliasCount += 1;
    const known = this.#aliases.get(target);
    if (known === undefined) this.#aliases.set(target, [alias]);
    else known.push(alias);
    return alias;
  }

  #scalar(node: Scalar | undefined, place: NodePlace & Outer): SourceScalar {
    const token = node?.srcToken as CST.FlowScalar | CST.BlockScalar | undefined;
    const anchor = node?.anchor;
    const span = scalarSpan(token, propsEnd(place.props) ?? place.fallback);
    const scalar: SourceScalar = {
      kind: 'scalar',
      outer: this.#base + (place.outer ?? span.start),
      start: this.#base + span.start,
      end: this.#base + this.#withoutLineBreak(span.end, token?.type === 'block-scalar'),
      // The core schema gives JSON scalars only.
      value: (node?.value ?? null) as Json,
      style: styleOf(token, span),
      anchor,
    };
    if (anchor !== undefined) this.#anchors.set(anchor, scalar);
    return scalar;
  }

  /** A block scalar's token ends with a line break; its last line ends before it. */
  #withoutLineBreak(end: number, isBlock: boolean): number {
    const { text } = this.#input;
    if (!isBlock || text[this.#base + end - 1] !== '\n') return end;
    return text[this.#base + end - 2] === '\r' ? end - 2 : end - 1;
  }

  #map(node: YAMLMap, place: NodePlace & Outer): SourceCollection {
    const token = node.srcToken as CST.BlockMap | CST.FlowCollection | undefined;
    const map = this.#collection('map', node, { ...place, token });
    for (const pair of node.items) map.entries.push(this.#pair(pair, map.node));
    return this.#close(map, token);
  }

  #list(node: YAMLSeq, place: NodePlace & Outer): SourceCollection {
    const token = node.srcToken as CST.BlockSequence | CST.FlowCollection | undefined;
    const list = this.#collection('list', node, { ...place, token });
    node.items.forEach((item, index) => {
      list.entries.push(this.#item(item, token?.items[index], list.node));
    });
    return this.#close(list, token);
  }

  #collection(
    kind: SourceCollection['kind'],
    node: YAMLMap | YAMLSeq,
    place: NodePlace & Outer & { readonly token: CollectionToken | undefined },
  ): OpenCollection {
    const entries: SourceEntry[] = [];
    const isFlow = place.token === undefined || place.token.type === 'flow-collection';
    const start = this.#base + (place.token?.offset ?? node.range?.[0] ?? place.fallback);
    // Filled while its children are read: aliases must be able to find it.
    const collection: Mutable<SourceCollection> = {
      ...{ kind, isFlow, entries, start, end: start, trailingComma: undefined },
      outer: place.outer === undefined ? start : this.#base + place.outer,
      hasBrackets: place.token !== undefined,
      ...{ anchor: node.anchor, parent: place.parent },
    };
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, collection);
    this.#open.add(collection);
    return { node: collection, entries };
  }

  #close(collection: OpenCollection, token: CollectionToken | undefined): SourceCollection {
    const { node, entries } = collection;
    this.#open.delete(node);
    if (token?.type === 'flow-collection') {
      node.end = this.#base + endOfFlow(token);
      node.trailingComma = this.#commaOf(token.items[entries.length]);
      return node;
    }
    node.end = entries.at(-1)?.end ?? node.end;
    // The one-pair map: the parser gives it no token of its own.
    if (token === undefined) node.start = node.outer = entries[0]?.start ?? node.start;
    return node;
  }

  #pair(pair: Pair, parent: SourceCollection): SourceEntry {
    const token = pair.srcToken;
    const key = this.#key(pair, token);
    const keyEnd = key.end - this.#base;
    const colon = token?.sep?.find((part) => part.type === 'map-value-ind');
    const indicatorEnd = colon === undefined ? keyEnd : colon.offset + 1;
    const value = this.#node(pair.value, {
      props: token?.sep ?? [],
      fallback: indicatorEnd,
      parent,
    });
    return {
      key: keyText(pair.key),
      isMerge: isScalar(pair.key) && pair.key.source === '<<' && pair.key.type === 'PLAIN',
      start: this.#base + (firstMark(token?.start) ?? key.start - this.#base),
      indicatorEnd: this.#base + indicatorEnd,
      hasColon: colon !== undefined,
      comma: this.#commaOf(token),
      value,
      end: value.end,
    };
  }

  #key(pair: Pair, token: CST.CollectionItem | undefined): SourceNode {
    const fallback = firstMark(token?.start) ?? token?.sep?.[0]?.offset ?? 0;
    return this.#node(pair.key, { props: token?.start ?? [], fallback, parent: undefined });
  }

  #item(
    item: unknown,
    token: CST.CollectionItem | undefined,
    parent: SourceCollection,
  ): SourceEntry {
    const dash = token?.start.find((part) => part.type === 'seq-item-ind');
    const props = propsOfItem(token);
    const fallback = dash === undefined ? (firstMark(token?.start) ?? 0) : dash.offset + 1;
    const value = isPair(item)
      ? this.#scalar(undefined, { props, fallback, parent, outer: undefined })
      : this.#node(item, { props, fallback, parent });
    const start = dash === undefined ? value.outer : this.#base + dash.offset;
    return {
      ...{ key: undefined, isMerge: false, hasColon: false, start, value, end: value.end },
      indicatorEnd: dash === undefined ? start : start + 1,
      comma: this.#commaOf(token),
    };
  }

  #commaOf(token: CST.CollectionItem | undefined): number | undefined {
    const comma = token?.start.find(isComma);
    return comma === undefined ? undefined : this.#base + comma.offset;
  }
}

type CollectionToken = CST.BlockMap | CST.BlockSequence | CST.FlowCollection;

interface NodePlace {
  /** Tokens before the node, among them its anchor and tag. */
  readonly props: readonly Token[];
  /** Where the node stands when nothing is written for it. */
  readonly fallback: number;
  readonly parent: SourceCollection | undefined;
}
interface Outer {
  readonly outer: number | undefined;
}
interface OpenCollection {
  readonly node: Mutable<SourceCollection>;
  readonly entries: SourceEntry[];
}

function isComma(token: Token): boolean {
  return token.type === 'comma';
}

function isProp(token: Token): boolean {
  return token.type === 'anchor' || token.type === 'tag';
}

function propsStart(tokens: readonly Token[]): number | undefined {
  return tokens.find(isProp)?.offset;
}

function propsEnd(tokens: readonly Token[]): number | undefined {
  const last = tokens.findLast(isProp);
  return last === undefined ? undefined : last.offset + last.source.length;
}

/** The first token of an entry that is more than white space, a comment or a comma. */
function firstMark(tokens: readonly Token[] | undefined): number | undefined {
  const marks = ['explicit-key-ind', 'seq-item-ind', 'anchor', 'tag'];
  return tokens?.find((token) => marks.includes(token.type))?.offset;
}

function scalarSpan(
  token: CST.FlowScalar | CST.BlockScalar | undefined,
  fallback: number,
): DocumentSpan {
  if (token === undefined) return { start: fallback, end: fallback };
  if (token.type !== 'block-scalar') {
    return { start: token.offset, end: token.offset + token.source.length };
  }
  const props = token.props.reduce(
    (sum, prop) => sum + ('source' in prop ? prop.source.length : 0),
    0,
  );
  const start = token.props[0]?.offset ?? token.offset;
  return { start, end: start + props + token.source.length };
}

function styleOf(
  token: CST.FlowScalar | CST.BlockScalar | undefined,
  span: DocumentSpan,
): SourceScalar['style'] {
  if (token === undefined || span.start === span.end) return 'empty';
  if (token.type === 'single-quoted-scalar') return 'single';
  if (token.type === 'double-quoted-scalar') return 'double';
  return token.type === 'block-scalar' ? 'block' : 'plain';
}

/** A key as it becomes one of a JSON object; undefined for lists and maps as keys, which no pointer can name. */
function keyText(key: unknown): string | undefined {
  if (key === null) return '';
  if (!isScalar(key)) return undefined;
  const { value } = key;
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function endOfFlow(token: CST.FlowCollection): number {
  const bracket = token.end[0];
  return bracket === undefined ? token.offset : bracket.offset + 1;
}

/** In a one-pair map without braces the tokens belong to its key. */
function propsOfItem(token: CST.CollectionItem | undefined): readonly Token[] {
  return token === undefined || token.sep !== undefined ? [] : token.start;
}
