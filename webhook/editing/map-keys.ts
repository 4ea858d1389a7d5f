/** What the keys of a map may be. */
import type { SourceEntry } from './source-tree.ts';
import { TextFault } from './text-fault.ts';

export type NamedKey = Pick<SourceEntry, 'key' | 'isMerge'>;

export function isMergeKey({
  source,
  type,
}: {
  readonly source?: unknown;
  readonly type?: unknown;
}): boolean {
  return source === '<<' && type === 'PLAIN';
}

/** @param keys of the same map; filled */
export function standsTwice({ key, isMerge }: NamedKey, keys: Set<string>): boolean {
  return !isMerge && key !== undefined && keys.size === keys.add(key).size;
}

export function keyFault(offset: number): TextFault {
  const why =
    'a list or map is used as a key here; neither Kubernetes nor Envoy accepts that, so write a string';
  return new TextFault(offset, why, 'key_not_a_text');
}
