/** A document as written in the text: every node with its offsets. Built once per edit, never changed by it. */
import type { Json } from '#kernel/json.ts';

export type SourceNode = SourceScalar | SourceAlias | SourceCollection;

interface Placed {
  /** Where anchor and tag begin; the same as `start` without them. */
  readonly outer: number;
  readonly start: number;
  /** After the last character of the content: no comment, no line break. */
  readonly end: number;
}

export interface SourceScalar extends Placed {
  readonly kind: 'scalar';
  readonly value: Json;
  /** `empty`: nothing is written where a null is meant. */
  readonly style: 'plain' | 'single' | 'double' | 'block' | 'empty';
  readonly anchor: string | undefined;
}

export interface SourceAlias extends Placed {
  readonly kind: 'alias';
  readonly target: SourceScalar | SourceCollection;
  readonly parent: SourceCollection | undefined;
}

export interface SourceCollection extends Placed {
  readonly kind: 'map' | 'list';
  readonly isFlow: boolean;
  /** False for the one-pair maps that a flow list may hold without braces. */
  readonly hasBrackets: boolean;
  readonly entries: readonly SourceEntry[];
  /** In flow collections: where a comma after the last entry is. */
  readonly trailingComma: number | undefined;
  readonly anchor: string | undefined;
  readonly parent: SourceCollection | undefined;
}

/** One pair of a map or one item of a list. */
export interface SourceEntry {
  /** The key as JSON would have it; undefined in lists, and where Envoy leaves the pair out (`!ignore`). */
  readonly key: string | undefined;
  /** `<<`: the value's keys count as the map's own. */
  readonly isMerge: boolean;
  /** Where the key, the explicit-key mark, or the dash begins. */
  readonly start: number;
  /** After the colon or the dash; after the key when no colon is written; `start` in flow lists. */
  readonly indicatorEnd: number;
  readonly hasColon: boolean;
  /** In flow collections: where the comma before it is. */
  readonly comma: number | undefined;
  readonly value: SourceNode;
  readonly end: number;
}

/** A document, ready to be edited. */
export interface SourceDocument {
  readonly root: SourceNode;
  /** Every alias of the document, by what it stands for. */
  readonly aliases: ReadonlyMap<SourceNode, readonly SourceAlias[]>;
  /** The plain JSON value, merge keys resolved, aliases written out. */
  readonly value: Json;
  /** The text is JSON, not merely YAML. */
  readonly isJson: boolean;
}

/** The node itself, or what an alias stands for. */
export function resolved(node: SourceNode): SourceScalar | SourceCollection {
  return node.kind === 'alias' ? node.target : node;
}
