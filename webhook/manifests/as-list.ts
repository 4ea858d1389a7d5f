/** A stream of documents as one object. */
import { jsonText } from '#kernel/text.ts';
import { parseText } from '../editing/parse-text.ts';
import { isArray, isObject, type Json } from '#kernel/json.ts';

/** All objects of a stream as one `v1` List; Lists inside it are opened, and documents that are no objects left out. */
export function asList(text: string): string {
  const items = parseText(text, 'the output', 'kubernetes').filter(isObject).flatMap(itemsOf);
  return jsonText({ apiVersion: 'v1', kind: 'List', items });
}

function itemsOf(value: Json): readonly Json[] {
  if (value === null) return [];
  const items = isObject(value) && value['kind'] === 'List' ? value['items'] : undefined;
  return isArray(items) ? items.flatMap(itemsOf) : [value];
}
