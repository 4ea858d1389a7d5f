/** The plain value of a document, read off its tree of places: no second walk over the parser's own nodes. */
import type { Json } from '#kernel/json.ts';
import type { SourceCollection, SourceNode } from './source-tree.ts';

/** An alias below an anchor, or more of them than this, may multiply: the parser's own guard must see them. */
const maxPlainAliases = 50;

/** Thrown and caught in this file only. */
class NotPlain extends Error {}

/**
 * Every place gets a value of its own, also where an alias stands. Undefined for a document whose value is not
 * simply what stands there (merge keys, collections as keys, numbers that JSON lacks, nested aliases).
 */
export function plainValueOf(
  root: SourceNode,
  aliasCount: number,
): { readonly value: Json } | undefined {
  if (aliasCount > maxPlainAliases) return undefined;
  try {
    return { value: valueOf(root, false) };
  } catch (thrown) {
    if (thrown instanceof NotPlain) return undefined;
    throw thrown;
  }
}

function valueOf(node: SourceNode, isAliased: boolean): Json {
  if (node.kind === 'alias') {
    if (isAliased) throw new NotPlain();
    return valueOf(node.target, true);
  }
  if (node.kind === 'scalar') return scalarOf(node.value);
  if (node.kind === 'list') return node.entries.map(({ value }) => valueOf(value, isAliased));
  return mapOf(node, isAliased);
}

function scalarOf(value: Json): Json {
  if (typeof value === 'object' && value !== null) throw new NotPlain();
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    throw new NotPlain();
  }
  return value;
}

function mapOf(node: SourceCollection, isAliased: boolean): Json {
  const value: Record<string, Json> = {};
  for (const { key, isMerge, value: member } of node.entries) {
    // An empty one may be a null, a merge key in disguise, or truly empty.
    if (key === undefined || isMerge || key === '' || key === '__proto__') throw new NotPlain();
    value[key] = valueOf(member, isAliased);
  }
  return value;
}
