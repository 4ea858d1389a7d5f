/** JSON values as parsed: what Kubernetes and Envoy objects are to us, so that unknown fields survive. */
import { own } from './members.ts';

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isArray(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** The object at `key`, or an empty one: for reading only. */
export function objectAt(parent: JsonObject | undefined, key: string): JsonObject {
  const value = own(parent, key);
  return isObject(value) ? value : {};
}

/** The list at `key`, or an empty one: for reading only. */
export function listAt(parent: JsonObject | undefined, key: string): readonly Json[] {
  const value = own(parent, key);
  return isArray(value) ? value : [];
}

/** The string at `key`, or undefined when it is absent or not a string. */
export function stringAt(parent: JsonObject | undefined, key: string): string | undefined {
  const value = own(parent, key);
  return typeof value === 'string' ? value : undefined;
}

/** The members of a map that are texts. */
export function textsAt(object: JsonObject, key: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(objectAt(object, key)).filter(
      (pair): pair is [string, string] => typeof pair[1] === 'string',
    ),
  );
}

/** Deep equality of JSON values; member order does not count. */
export function sameJson(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true;
  if (isArray(left) && isArray(right)) {
    return (
      left.length === right.length && left.every((item, index) => sameJson(item, right[index]))
    );
  }
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && sameJson(own(left, key), own(right, key)))
  );
}
