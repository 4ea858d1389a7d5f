/** A copy of a JSON value that shares nothing with it: an order of magnitude quicker than structuredClone. */
import { type Json, type JsonObject, isArray } from '#kernel/json.ts';

export function copyJson(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  return isArray(value) ? value.map(copyJson) : copyObject(value);
}

const ordinary = { enumerable: true, writable: true, configurable: true } as const;

/** Gives an object a member of its own, whatever the key says. */
export function setMember<T>(object: Record<string, T>, key: string, value: T): void {
  // Assigned, this key would set the prototype instead.
  if (key === '__proto__') Object.defineProperty(object, key, { ...ordinary, value });
  else object[key] = value;
}

function copyObject(object: JsonObject): JsonObject {
  const copy: Record<string, Json | undefined> = {};
  for (const key of Object.keys(object)) {
    const value = object[key];
    setMember(copy, key, value === undefined ? undefined : copyJson(value));
  }
  return copy;
}
