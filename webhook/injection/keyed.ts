/**
 * Kubernetes' keyed lists: which field names an item, paths that name items instead of counting them, and a
 * structural comparison of a partial object with a whole one. Nothing is copied.
 * A keyed path is a JSON Pointer whose list tokens read `key=value`: `/spec/containers/name=auth-helper`.
 * @see Kubernetes API conventions, patchMergeKey of PodSpec and Container
 */
import { own, setMember } from '#kernel/members.ts';
import { isArray, isObject, type Json, type JsonObject, sameJson } from '#kernel/json.ts';
import { escapeToken, pointerTokens } from '../editing/operation.ts';

const listKeys: ReadonlyMap<string, string> = new Map([
  ['containers', 'name'],
  ['initContainers', 'name'],
  ['ephemeralContainers', 'name'],
  ['volumes', 'name'],
  ['env', 'name'],
  ['volumeMounts', 'mountPath'],
  ['volumeDevices', 'devicePath'],
  ['ports', 'containerPort'],
  ['imagePullSecrets', 'name'],
]);

/** Lists whose items are one statement each: half of one's own and half of another's would mean something else. */
const wholeItems: ReadonlySet<string> = new Set(['env', 'volumeMounts', 'volumeDevices']);

/** The field that names an item of the list at this key; undefined for an atomic list. */
export function listKey(field: string): string | undefined {
  return listKeys.get(field);
}

/** The item's token in a keyed path. */
export function itemToken(item: Json, key: string): string {
  const name = isObject(item) ? own(item, key) : undefined;
  return `${key}=${typeof name === 'string' || typeof name === 'number' ? String(name) : ''}`;
}

/** Position of the item that a token names, or -1. A token of digits counts, for lists without keys. */
function indexOfItem(list: readonly Json[], token: string): number {
  const equals = token.indexOf('=');
  if (equals === -1) return /^\d+$/.test(token) && Number(token) < list.length ? Number(token) : -1;
  const key = token.slice(0, equals);
  return list.findIndex((item) => itemToken(item, key) === token);
}

/** A keyed path resolved in a value: its JSON Pointer and the value there. */
export interface Found {
  readonly pointer: string;
  readonly value: Json;
  /** `test` operations' subjects: pointers to the key fields of the items on the way, with their values. */
  readonly guards: readonly { readonly pointer: string; readonly value: Json }[];
}

/** Undefined where a step of the path is missing. */
export function find(root: Json, path: string): Found | undefined {
  let value: Json = root;
  let pointer = '';
  const guards: { pointer: string; value: Json }[] = [];
  for (const token of pointerTokens(path)) {
    const next = step(value, token);
    if (next === undefined) return undefined;
    pointer += `/${escapeToken(next.at)}`;
    value = next.value;
    const guard = guardOf(value, token, pointer);
    if (guard !== undefined && typeof next.at === 'number') guards.push(guard);
  }
  return { pointer, value, guards };
}

function step(value: Json, token: string): { at: string | number; value: Json } | undefined {
  if (isArray(value)) {
    const at = indexOfItem(value, token);
    const item = value[at];
    return item === undefined ? undefined : { at, value: item };
  }
  const member = isObject(value) ? own(value, token) : undefined;
  return member === undefined ? undefined : { at: token, value: member };
}

function guardOf(
  item: Json,
  token: string,
  pointer: string,
): { pointer: string; value: Json } | undefined {
  const equals = token.indexOf('=');
  if (equals === -1 || !isObject(item)) return undefined;
  const key = token.slice(0, equals);
  const name = own(item, key);
  return name === undefined
    ? undefined
    : { pointer: `${pointer}/${escapeToken(key)}`, value: name };
}

/**
 * The value with a change at a keyed path; untouched parts are shared with the input. A change to undefined removes.
 * A path that leads nowhere changes nothing.
 */
export function changeAt(
  value: Json,
  tokens: readonly string[],
  change: (value: Json) => Json | undefined,
): Json | undefined {
  const [token, ...rest] = tokens;
  if (token === undefined) return change(value);
  const next = step(value, token);
  if (next === undefined) return value;
  const changed = changeAt(next.value, rest, change);
  if (changed === next.value) return value;
  if (isArray(value)) {
    return changed === undefined
      ? value.filter((_, index) => index !== next.at)
      : value.map((item, index) => (index === next.at ? changed : item));
  }
  if (!isObject(value)) return value;
  if (changed !== undefined) return { ...value, [next.at]: changed };
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== next.at));
}

/** One place where a whole object lacks, or differs from, a partial one. */
export interface Difference {
  readonly kind: 'missing' | 'differs';
  /** Keyed path and JSON Pointer of the place. A missing list item's pointer ends in `/-`. */
  readonly path: string;
  readonly pointer: string;
  readonly want: Json;
  readonly guards: Found['guards'];
  /** What the place holds when it differs; null where an explicit null stands for a missing value. */
  readonly have?: Json;
}

interface Place {
  readonly path: string;
  readonly pointer: string;
  readonly guards: Found['guards'];
}

const root: Place = { path: '', pointer: '', guards: [] };

/** What `whole` lacks of `partial`, in the partial's order. Extra members and items of the whole do not count. */
export function* differences(
  whole: JsonObject,
  partial: JsonObject,
  place: Place = root,
): Generator<Difference> {
  for (const [key, want] of Object.entries(partial)) {
    if (want === undefined) continue;
    const have = own(whole, key);
    const here = at(place, key, key);
    if (have === undefined) yield { kind: 'missing', ...here, want };
    else if (have === null) yield { kind: 'missing', ...here, want, have };
    else yield* valueDifferences(have, want, { place: here, field: key });
  }
}

function* valueDifferences(
  have: Json,
  want: Json,
  { place, field }: { readonly place: Place; readonly field: string },
): Generator<Difference> {
  const key = listKey(field);
  if (isObject(have) && isObject(want)) yield* differences(have, want, place);
  else if (isArray(have) && isArray(want) && key !== undefined) {
    yield* itemDifferences(have, want, { key, place, isWhole: wholeItems.has(field) });
  } else if (!sameJson(have, want)) yield { kind: 'differs', ...place, want, have };
}

function* itemDifferences(
  have: readonly Json[],
  want: readonly Json[],
  list: { readonly key: string; readonly place: Place; readonly isWhole: boolean },
): Generator<Difference> {
  for (const item of want) {
    const token = itemToken(item, list.key);
    const index = indexOfItem(have, token);
    const there = have[index];
    if (!isObject(there) || !isObject(item)) {
      yield { kind: 'missing', ...at(list.place, token, '-'), want: item };
      continue;
    }
    const place = at(list.place, token, index);
    if (list.isWhole) {
      if (!covers(there, item)) yield { kind: 'differs', ...place, want: item, have: there };
      continue;
    }
    const guard = guardOf(there, token, place.pointer);
    yield* differences(there, item, {
      ...place,
      guards: guard === undefined ? place.guards : [...place.guards, guard],
    });
  }
}

function at(place: Place, pathToken: string, pointerToken: string | number): Place {
  return {
    path: `${place.path}/${escapeToken(pathToken)}`,
    pointer: `${place.pointer}/${escapeToken(pointerToken)}`,
    guards: place.guards,
  };
}

/** Whether the whole value contains everything in the partial one. */
export function covers(whole: Json, partial: Json): boolean {
  if (isObject(whole) && isObject(partial)) return differences(whole, partial).next().done === true;
  return sameJson(whole, partial);
}

/** Two objects as one; keyed lists are joined by key, the first one's scalars win, its nulls count as missing. */
export function mergePartial(first: JsonObject, second: JsonObject): JsonObject {
  const merged: Record<string, Json | undefined> = { ...first };
  for (const [key, value] of Object.entries(second)) {
    const have = own(merged, key);
    if (have === undefined || have === null) setMember(merged, key, value);
    else if (isObject(have) && isObject(value)) setMember(merged, key, mergePartial(have, value));
    else if (isArray(have) && isArray(value)) setMember(merged, key, mergeList(have, value, key));
  }
  return merged;
}

function mergeList(
  first: readonly Json[],
  second: readonly Json[],
  field: string,
): readonly Json[] {
  const key = listKey(field);
  if (key === undefined) return first;
  const merged = [...first];
  for (const item of second) {
    const index = indexOfItem(merged, itemToken(item, key));
    const have = merged[index];
    if (index === -1) merged.push(item);
    else if (isObject(have) && isObject(item) && !wholeItems.has(field)) {
      merged[index] = mergePartial(have, item);
    }
  }
  return merged;
}
