/** Pod templates inside objects of kinds that svidecar does not change: Rollouts, DeploymentConfigs, Knative Services. */
import { isArray, isObject, objectAt, type Json, type JsonObject } from '#kernel/json.ts';
import { isOurs } from './metadata-keys.ts';

export interface ForeignTemplate {
  /** From the object's root to the holder of the annotations, in its `metadata` or directly: `spec.template`. */
  readonly path: string;
  /** Our keys that are there. */
  readonly keys: readonly string[];
  /** `{ metadata, spec }`, where that is what is there. */
  readonly template: JsonObject | undefined;
}

/** Templates are not searched for any deeper, or after so many values. */
const maxDepth = 16;
const maxValues = 50_000;

/** In the order of the text; annotations of the object itself do not count. */
export function foreignTemplates(object: JsonObject): readonly ForeignTemplate[] {
  const found: ForeignTemplate[] = [];
  const waiting: { readonly value: Json; readonly path: readonly string[] }[] = [
    { value: object, path: [] },
  ];
  for (let count = 0; count < maxValues; count += 1) {
    const next = waiting.pop();
    if (next === undefined) break;
    const { value, path } = next;
    if (path.length > 0 && isObject(value)) found.push(...templateIn(value, path));
    if (path.length >= maxDepth) continue;
    for (const [key, member] of membersOf(value).toReversed()) {
      if (isArray(member) || isObject(member))
        waiting.push({ value: member, path: [...path, key] });
    }
  }
  return found;
}

function membersOf(value: Json): readonly (readonly [string, Json | undefined])[] {
  return isObject(value) || isArray(value) ? Object.entries(value) : [];
}

function templateIn(value: JsonObject, path: readonly string[]): readonly ForeignTemplate[] {
  const keys = Object.keys(objectAt(value, 'annotations')).filter(isOurs);
  if (keys.length > 0 && path.at(-1) !== 'metadata')
    return [{ path: path.join('.'), keys, template: undefined }];
  const inner = Object.keys(objectAt(objectAt(value, 'metadata'), 'annotations')).filter(isOurs);
  if (inner.length === 0) return [];
  const template = isObject(value['spec']) ? value : undefined;
  return [{ path: path.join('.'), keys: inner, template }];
}
