/** By which labels other objects select the pods of a workload. */
import { objectAt, type JsonObject } from '#kernel/json.ts';
import type { Located } from '../request/locate.ts';

/** Those that never change, or all that the pod template has; empty when nothing could select them. */
export function podLabelsOf({ selector, template }: Located): JsonObject {
  const selected = objectAt(selector, 'matchLabels');
  return Object.keys(selected).length > 0
    ? selected
    : objectAt(objectAt(template, 'metadata'), 'labels');
}
