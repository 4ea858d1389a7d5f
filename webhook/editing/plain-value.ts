/** The plain value of a document, read off its tree of places: no second walk over the parser's own nodes. */
import type { Json } from '#kernel/json.ts';
import { setMember } from '#kernel/members.ts';
import {
  type SourceCollection,
  type SourceEntry,
  type SourceNode,
  resolved,
} from './source-tree.ts';
import { TextFault } from './text-fault.ts';
import { maxValueDepth } from './text-limits.ts';

/** A chain of aliases that nests deeper than its text does. */
export class NestedTooDeep extends Error {
  readonly node: SourceNode;
  constructor(node: SourceNode) {
    super('nested too deep');
    this.node = node;
  }
}

/**
 * Every place gets a value of its own, also in place of an alias, so the cost is that of the document with its
 * aliases written out: the reader of the tree limits it.
 * @throws {NestedTooDeep}
 */
export function plainValueOf(root: SourceNode): Json {
  return valueOf(root, 0);
}

function valueOf(node: SourceNode, depth: number): Json {
  if (depth > maxValueDepth) throw new NestedTooDeep(node);
  if (node.kind === 'alias') return valueOf(node.target, depth);
  if (node.kind === 'scalar') return scalarOf(node.value);
  if (node.kind === 'list') return node.entries.map(({ value }) => valueOf(value, depth + 1));
  const members = new Map<string, Json>();
  for (const entry of node.entries) addEntry(members, entry, depth);
  const value: Record<string, Json> = {};
  for (const [key, member] of members) setMember(value, key, member);
  return value;
}

/** The JSON value of a scalar. */
function scalarOf(value: Json): Json {
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) return null;
  return value === 0 ? 0 : value;
}

function addEntry(members: Map<string, Json>, entry: SourceEntry, depth: number): void {
  if (entry.isMerge) {
    for (const source of mergeSources(entry.value)) merge(members, source, depth);
  } else if (entry.key !== undefined) members.set(entry.key, valueOf(entry.value, depth + 1));
}

/** Keys of the map itself, and of sources before, take precedence over those of a source. */
function merge(members: Map<string, Json>, source: SourceCollection, depth: number): void {
  if (depth > maxValueDepth) throw new NestedTooDeep(source);
  const merged = new Map<string, Json>();
  for (const entry of source.entries) addEntry(merged, entry, depth + 1);
  for (const [key, value] of merged) if (!members.has(key)) members.set(key, value);
}

/** The maps that a merge key names: one, or a list of them. */
function mergeSources(node: SourceNode): readonly SourceCollection[] {
  const source = resolved(node);
  if (source.kind === 'map') return [source];
  if (source.kind === 'scalar') return [];
  return source.entries.flatMap(({ value }) => {
    const one = resolved(value);
    return one.kind === 'map' ? [one] : [];
  });
}

/** @param offset of the merge key @throws {TextFault} where it names anything but maps */
export function requireMergeable(node: SourceNode, offset: number): void {
  const source = resolved(node);
  const named = source.kind === 'list' ? source.entries.map(({ value }) => value) : [source];
  if (named.every((one) => resolved(one).kind === 'map')) return;
  throw new TextFault(
    offset,
    'a merge key (<<) takes a map, an alias of one, or a list of these',
    'merge_key_refused',
  );
}
