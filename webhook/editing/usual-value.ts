/** The value of a text of ours, or of an administrator's: read without the parser where it is usual YAML. */
import type { Json } from '#kernel/json.ts';
import { NestedTooDeep, plainValueOf } from './plain-value.ts';
import { TextFault, requireCharacters, requireSize, requireWholeCharacters } from './text-fault.ts';
import { clusterLimits } from './text-limits.ts';
import type { SourceNode } from './source-tree.ts';
import { usualTree } from './usual-yaml.ts';

/**
 * Undefined where the parser must read the text, as it must say what is wrong with it.
 * @see docs/adr/0157-usual-yaml-is-read-without-the-parser.md
 */
export function usualValue(text: string): Json | undefined {
  try {
    requireSize(text, clusterLimits);
    requireWholeCharacters(text);
    requireCharacters(text);
    const root = usualTree({ text, base: 0, limits: clusterLimits, dialect: 'yaml' });
    return root === undefined || !isJson(root) ? undefined : plainValueOf(root);
  } catch (thrown) {
    if (thrown instanceof TextFault || thrown instanceof NestedTooDeep) return undefined;
    throw thrown;
  }
}

/** Infinity and what is no number would become null, as in a JSON Patch. */
function isJson(node: SourceNode): boolean {
  if (node.kind === 'scalar') return typeof node.value !== 'number' || Number.isFinite(node.value);
  return node.kind !== 'alias' && node.entries.every(({ value }) => isJson(value));
}
