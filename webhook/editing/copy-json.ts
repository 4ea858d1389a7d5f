/** A copy of a JSON value that shares nothing with it: an order of magnitude faster than structuredClone. */
import { type Json, type JsonObject, isArray } from '#kernel/json.ts';
import { setMember } from '#kernel/members.ts';

export function copyJson(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  return isArray(value) ? value.map(copyJson) : copyObject(value);
}

function copyObject(object: JsonObject): JsonObject {
  const copy: Record<string, Json | undefined> = {};
  for (const [key, value] of Object.entries(object)) {
    setMember(copy, key, value === undefined ? undefined : copyJson(value));
  }
  return copy;
}
