/** Reads YAML or JSON text into a tree of positions: usual texts by themselves, all others through the parser. */
import {
  type Alias,
  type CST,
  type Document,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
} from 'yaml';
import type { Json } from '#kernel/json.ts';
import { Anchors } from './anchors.ts';
import type { Dialect, DocumentText } from './document-text.ts';
import {
  envoyPlain,
  envoyValue,
  isLeftOut,
  refuseMerge,
  requireEnvoyForm,
  requireEnvoyTag,
} from './envoy-scalar.ts';
import { jsonValueOf, notJson } from './json-text.ts';
import { kubernetesValue } from './kubernetes-scalar.ts';
import { parseYaml } from './parse-yaml.ts';
import { type NamedKey, isMergeKey, keyFault, standsTwice } from './map-keys.ts';
import { NestedTooDeep, plainValueOf, requireMergeable } from './plain-value.ts';
import {
  type SourceAlias,
  type SourceCollection,
  type SourceDocument,
  type SourceEntry,
  type SourceNode,
  type SourceScalar,
  resolved,
} from './source-tree.ts';
import {
  TextFault,
  requireCharacters,
  requireKnownTag,
  requireSize,
  requireWholeCharacters,
  unparsable,
} from './text-fault.ts';
import { type TextLimits, clusterLimits, collectionCount, maxValueDepth } from './text-limits.ts';
import {
  type YamlToken,
  endOfColon,
  endOfFlow,
  firstMark,
  isComma,
  keyText,
  propsEnd,
  propsOfItem,
  propsStart,
  scalarSpan,
  styleOf,
} from './token-places.ts';
import { usualTree } from './usual-yaml.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Time and memory grow with the size of the text, and are bounded by the limits.
 * @throws {AppError} TEXT_UNPARSABLE with file, line, column and the line itself
 */
export function readSource(input: DocumentText): SourceDocument {
  return readWith(input, (reader) => reader.read());
}

/** {@link readSource} by the parser alone, also for usual YAML: a second way to the same result. */
export function readByParser(input: DocumentText): SourceDocument {
  return readWith(input, (reader) => reader.read('parser'));
}

function readWith(input: DocumentText, read: (reader: Reader) => SourceDocument): SourceDocument {
  try {
    return read(new Reader(input));
  } catch (thrown) {
    if (!(thrown instanceof TextFault)) throw thrown;
    throw unparsable(input, thrown);
  }
}

/** The value alone, by the parser: for a text that is not going to be edited. @throws {AppError} TEXT_UNPARSABLE */
export function readValue(input: DocumentText): Pick<SourceDocument, 'value' | 'isJson'> {
  const slice = input.text.slice(input.span.start, input.span.end);
  const json = input.dialect === 'envoy' ? undefined : jsonValueOf(slice);
  return json === undefined ? readByParser(input) : { value: json.value, isJson: true };
}

class Reader {
  readonly #input: DocumentText;
  readonly #base: number;
  readonly #aliases = new Map<SourceNode, SourceAlias[]>();
  readonly #limits: TextLimits;
  readonly #dialect: Dialect;
  readonly #anchors: Anchors;

  constructor(input: DocumentText) {
    this.#input = input;
    this.#base = input.span.start;
    this.#limits = input.limits ?? clusterLimits;
    this.#dialect = input.dialect ?? 'yaml';
    this.#anchors = new Anchors(this.#limits.maxValues);
  }

  read(way?: 'parser'): SourceDocument {
    const { text, span } = this.#input;
    const slice = text.slice(span.start, span.end);
    requireSize(slice, this.#limits);
    const json = jsonValueOf(slice);
    if (json === undefined && this.#dialect === 'json') throw notJson(slice);
    requireWholeCharacters(slice);
    if (json === undefined) requireCharacters(slice);
    // A TAB or CR can only be white space in JSON; as a space it keeps all offsets and is valid for the YAML parser.
    const plain = json === undefined ? slice : slice.replaceAll(/\t|\r(?!\n)/g, ' ');
    const usual = { text: plain, base: this.#base, limits: this.#limits, dialect: this.#dialect };
    const root =
      (way === 'parser' ? undefined : usualTree(usual)) ??
      this.#root(parseYaml(plain, this.#limits));
    const isRead = json === undefined || this.#dialect === 'envoy';
    const value = isRead ? this.#valueOf(root) : json.value;
    return { root, aliases: this.#aliases, value, isJson: json !== undefined };
  }

  #valueOf(root: SourceNode): Json {
    try {
      return plainValueOf(root);
    } catch (thrown) {
      if (!(thrown instanceof NestedTooDeep)) throw thrown;
      const why = `aliases nest more than ${maxValueDepth} levels here; write them flatter`;
      throw new TextFault(thrown.node.start - this.#base, why, 'nested_too_deep');
    }
  }

  #root(document: Document.Parsed): SourceNode {
    const end = document.contents?.range[0] ?? 0;
    return this.#node(document.contents, { props: [], fallback: end, parent: undefined });
  }

  #node(node: unknown, place: NodePlace): SourceNode {
    const outer = propsStart(place.props);
    if (isNode(node)) this.#requireTag(node, outer ?? place.fallback, place);
    if (isAlias(node)) return this.#alias(node, place);
    if (isMap(node)) return this.#map(node, { ...place, outer });
    if (isSeq(node)) return this.#list(node, { ...place, outer });
    // A one-pair map without braces inside a flow list arrives as a map; only scalars are left.
    return this.#scalar(isScalar(node) ? node : undefined, { ...place, outer });
  }

  #requireTag(node: Node, offset: number, { props, isKey = false }: NodePlace): void {
    if (this.#dialect !== 'envoy') {
      requireKnownTag(node.tag, offset);
      return;
    }
    if (isKey && isLeftOut(node.tag, props)) return;
    const text = isScalar(node) ? (node.source ?? '') : undefined;
    const kind = isMap(node) ? 'map' : isSeq(node) ? 'seq' : 'scalar';
    requireEnvoyTag(node.tag, { offset, kind, text, isKey });
  }

  #alias(node: Alias.Parsed | Alias, place: NodePlace): SourceAlias {
    const token = node.srcToken as CST.FlowScalar | undefined;
    const offset = token?.offset ?? node.range?.[0] ?? place.fallback;
    const target = this.#anchors.resolve(node.source, offset);
    const start = this.#base + offset;
    const end = start + node.source.length + 1;
    const alias: SourceAlias = {
      kind: 'alias',
      outer: start,
      start,
      end,
      target,
      parent: place.parent,
    };
    const known = this.#aliases.get(target);
    if (known === undefined) this.#aliases.set(target, [alias]);
    else known.push(alias);
    return alias;
  }

  #scalar(node: Scalar | undefined, place: NodePlace & Outer): SourceScalar {
    const token = node?.srcToken as CST.FlowScalar | CST.BlockScalar | undefined;
    const span = scalarSpan(token, propsEnd(place.props) ?? place.fallback);
    const scalar: SourceScalar = {
      kind: 'scalar',
      outer: this.#base + (place.outer ?? span.start),
      start: this.#base + span.start,
      end: this.#base + this.#withoutLineBreak(span.end, token?.type === 'block-scalar'),
      value:
        this.#dialect === 'kubernetes'
          ? kubernetesValue(node, token?.type === 'scalar')
          : this.#scalarValue(node, token, span.start),
      style: styleOf(token, span),
      anchor: node?.anchor,
    };
    this.#anchors.count(span.start);
    this.#anchors.scalar(scalar);
    return scalar;
  }

  #scalarValue(node: Scalar | undefined, token: ScalarToken | undefined, offset: number): Json {
    // The core schema gives JSON scalars only.
    if (node === undefined || this.#dialect !== 'envoy') return (node?.value ?? null) as Json;
    const { start, end } = scalarSpan(token, offset);
    requireEnvoyForm(this.#input.text.slice(this.#base + start, this.#base + end), offset);
    const text = node.source ?? '';
    if (node.tag !== undefined) return envoyValue(text);
    return token === undefined || token.type === 'scalar' ? envoyPlain(text) : text;
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
    const keys = new Set<string>();
    for (const pair of node.items) map.entries.push(this.#pair(pair, { map: map.node, keys }));
    return this.#close(map, token, node);
  }

  #list(node: YAMLSeq, place: NodePlace & Outer): SourceCollection {
    const token = node.srcToken as CST.BlockSequence | CST.FlowCollection | undefined;
    const list = this.#collection('list', node, { ...place, token });
    node.items.forEach((item, index) => {
      list.entries.push(this.#item(item, token?.items[index], list.node));
    });
    return this.#close(list, token, node);
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
      kind,
      isFlow,
      entries,
      start,
      end: start,
      trailingComma: undefined,
      outer: place.outer === undefined ? start : this.#base + place.outer,
      hasBrackets: place.token !== undefined,
      anchor: node.anchor,
      parent: place.parent,
    };
    this.#anchors.count(start - this.#base, collectionCount);
    this.#anchors.open(collection);
    return { node: collection, entries };
  }

  #close(
    { node, entries }: OpenCollection,
    token: CollectionToken | undefined,
    parsed: YAMLMap | YAMLSeq,
  ): SourceCollection {
    if (token?.type === 'flow-collection') {
      node.end = this.#base + endOfFlow(token);
      node.trailingComma = this.#commaOf(token.items[entries.length]);
    } else {
      node.end = entries.at(-1)?.end ?? node.end;
      // The one-pair map: the parser gives it no token of its own.
      if (token === undefined) node.start = node.outer = entries[0]?.start ?? node.start;
    }
    this.#anchors.close(node);
    // The parser's own trees are three times as large as ours: they are released while ours is built.
    parsed.items.length = 0;
    if (token !== undefined) token.items.length = 0;
    return node;
  }

  #pair(pair: Pair, { map, keys }: Keyed): SourceEntry {
    const token = pair.srcToken;
    const { place, ...key } = this.#key(pair, token);
    const keyStart = place.start - this.#base;
    if (standsTwice(key, keys)) {
      throw new TextFault(keyStart, 'Map keys must be unique', 'key_stands_twice');
    }
    const afterColon = endOfColon(token);
    const indicatorEnd = afterColon ?? place.end - this.#base;
    const value = this.#node(pair.value, {
      props: token?.sep ?? [],
      fallback: indicatorEnd,
      parent: map,
    });
    if (key.isMerge) requireMergeable(value, keyStart);
    return {
      ...key,
      start: this.#base + (firstMark(token?.start) ?? keyStart),
      indicatorEnd: this.#base + indicatorEnd,
      hasColon: afterColon !== undefined,
      comma: this.#commaOf(token),
      value,
      end: value.end,
    };
  }

  /** @throws {TextFault} for a list or map as a key, which neither Kubernetes nor Envoy reads */
  #key(
    { key }: Pair,
    token: CST.CollectionItem | undefined,
  ): NamedKey & { readonly place: SourceNode } {
    const { start = [], sep = [] } = token ?? {};
    const fallback = firstMark(start) ?? sep[0]?.offset ?? 0;
    const place = this.#node(key, { props: start, fallback, parent: undefined, isKey: true });
    if (this.#dialect === 'envoy') return { ...this.#envoyKey(key, place, start), place };
    const named = resolved(place);
    const isMerge = isScalar(key) && isMergeKey(key);
    if (named.kind === 'scalar') return { key: keyText(named.value), isMerge, place };
    throw keyFault(place.start - this.#base);
  }

  /** Envoy reads keys as plain strings. */
  #envoyKey(key: unknown, place: SourceNode, props: readonly YamlToken[]): NamedKey {
    const named = resolved(place);
    if (isScalar(key)) {
      if (isMergeKey(key)) refuseMerge(place.start - this.#base);
      const text = place.kind === 'scalar' && place.value === null ? 'null' : (key.source ?? '');
      return { key: isLeftOut(key.tag, props) ? undefined : text, isMerge: false };
    }
    if (named.kind === 'scalar' && typeof named.value === 'string')
      return { key: named.value, isMerge: false };
    throw keyFault(place.start - this.#base);
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
      key: undefined,
      isMerge: false,
      hasColon: false,
      start,
      value,
      end: value.end,
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

type ScalarToken = CST.FlowScalar | CST.BlockScalar;

interface NodePlace {
  readonly isKey?: boolean;
  /** Tokens before the node, among them its anchor and tag. */
  readonly props: readonly YamlToken[];
  /** The position of a node for which nothing is written. */
  readonly fallback: number;
  readonly parent: SourceCollection | undefined;
}
interface Keyed {
  readonly map: SourceCollection;
  /** Filled. */
  readonly keys: Set<string>;
}
interface Outer {
  readonly outer: number | undefined;
}
interface OpenCollection {
  readonly node: Mutable<SourceCollection>;
  readonly entries: SourceEntry[];
}
