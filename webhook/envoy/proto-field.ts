/** Fields of a protobuf message written as YAML or JSON: `http_filters` and `httpFilters` are the same field. */
import { own } from '#kernel/members.ts';
import { type Json, type JsonObject, isArray, isObject } from '#kernel/json.ts';

/** The key under which a field is written; its proto name when it is absent. */
export function fieldKey(message: JsonObject, field: string): string {
  // Nearly every read of a configuration goes through here: the other spelling is built only where it can matter.
  if (Object.hasOwn(message, field) || !field.includes('_')) return field;
  const camel = camelCase(field);
  return Object.hasOwn(message, camel) ? camel : field;
}

/** The other spelling of a field. */
export function camelCase(field: string): string {
  return field.replaceAll(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

/** The proto's name of a field, in whichever spelling it is written. */
export function protoName(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * The first key of a message, as it is written, that is not a known field. What is null or an empty list
 * is absent to Envoy. @param known proto names
 */
export function strangeKey(message: JsonObject, known: ReadonlySet<string>): string | undefined {
  return Object.keys(message).find((key) => {
    const value = own(message, key) ?? null;
    if (value === null || (isArray(value) && value.length === 0)) return false;
    return !known.has(protoName(key));
  });
}

/** Undefined where it is absent, or null, which is the same to Envoy. */
export function fieldOf(
  message: JsonObject | undefined,
  field: string,
): Exclude<Json, null> | undefined {
  return message === undefined ? undefined : (own(message, fieldKey(message, field)) ?? undefined);
}

/** A message field, or an empty message: for reading only. */
export function messageOf(message: JsonObject | undefined, field: string): JsonObject {
  const value = fieldOf(message, field);
  return isObject(value) ? value : {};
}

export function textOf(message: JsonObject | undefined, field: string): string | undefined {
  const value = fieldOf(message, field);
  return typeof value === 'string' ? value : undefined;
}

/** The strings of a repeated field. */
export function textsOf(holder: Placed, field: string): readonly string[] {
  return textsIn(fieldOf(holder.message, field));
}

function textsIn(value: Json | undefined): readonly string[] {
  if (isArray(value)) return value.flatMap((item) => textsIn(item));
  return typeof value === 'string' ? [value] : [];
}

/**
 * The messages of a repeated field, each with its JSON Pointer. Envoy reads a single map as a list of one, and lists
 * in the list as their items.
 */
export function repeatedOf(holder: Placed, field: string): readonly Placed[] {
  const key = fieldKey(holder.message, field);
  return messagesIn(own(holder.message, key), `${holder.path}/${key}`);
}

function messagesIn(value: Json | undefined, path: string): readonly Placed[] {
  if (isObject(value)) return [{ message: value, path }];
  if (!isArray(value)) return [];
  return value.flatMap((item, index) =>
    isObject(item)
      ? { message: item, path: `${path}/${index}` }
      : messagesIn(item, `${path}/${index}`),
  );
}

/** A message field with its JSON Pointer; undefined when it is absent or not a message. */
export function placedField(holder: Placed, field: string): Placed | undefined {
  const key = fieldKey(holder.message, field);
  const message = own(holder.message, key);
  return isObject(message) ? { message, path: `${holder.path}/${key}` } : undefined;
}

/** A message and where it is in its document (RFC 6901). */
export interface Placed {
  readonly message: JsonObject;
  readonly path: string;
}

/** The message name in an Any: `type.googleapis.com/NAME` without the host. */
export function typeNameOf(any: JsonObject | undefined): string | undefined {
  const type = any?.['@type'];
  return typeof type === 'string' ? type.slice(type.lastIndexOf('/') + 1) : undefined;
}
