/**
 * The JSON Patch that turns a pod template, as it is now, into what is wanted. Emitted from the parsed object;
 * nothing of it is copied. Order: changes in place, additions, removals from the back, insertions by position.
 */
import { own, setMember } from '#kernel/members.ts';
import { isArray, isObject, objectAt, type Json, type JsonObject, sameJson } from '#kernel/json.ts';
import { isFilledIn } from '../objects/filled-in.ts';
import { escapeToken, pointerTokens, type Operation } from '../editing/operation.ts';
import { statusKey } from '../request/metadata-keys.ts';
import { isHashOf, type HashOf } from './hash.ts';
import {
  covers,
  differences,
  find,
  itemToken,
  listKey,
  type Difference,
  type Found,
} from './keyed.ts';
import type { Undo } from './status.ts';

/** A value of the user's that ours replaces, and that `uninject` restores. */
export interface Replacement {
  /** Keyed path. */
  readonly path: string;
  readonly now: Json;
}

/** What the templates want in a pod template. */
export interface WantedTemplate {
  readonly partial: JsonObject;
  readonly replacements: readonly Replacement[];
  /** Keyed path of a list item → name of the item that it must precede. */
  readonly before: ReadonlyMap<string, string>;
  /** Containers that are not there yet and would be completed. */
  readonly awaits: readonly string[];
}

export const nothingWanted: WantedTemplate = {
  partial: {},
  replacements: [],
  before: new Map(),
  awaits: [],
};
export const nothingDone: Undo = { added: {}, created: [], nulls: [], restored: [] };

/** What is missing in the original, how to undo it once it is there, and the keyed paths where the original's value stays. */
export function undoOf(
  original: JsonObject,
  wanted: WantedTemplate,
  markOf: HashOf,
): {
  readonly undo: Undo;
  readonly kept: readonly string[];
  readonly lacking: readonly Difference[];
} {
  const undo: Undo = { added: {}, created: [], nulls: [], restored: [] };
  const kept: string[] = [];
  const lacking = [...differences(original, wanted.partial)];
  for (const difference of lacking) {
    if (difference.kind === 'missing') recordAddition(undo, difference, markOf);
    else kept.push(difference.path);
  }
  for (const { path, now } of wanted.replacements) {
    const was = find(original, path)?.value;
    if (was !== undefined) undo.restored.push({ path, was, now });
  }
  return { undo, kept, lacking };
}

function recordAddition(
  undo: Undo,
  { path, pointer, want, have }: Difference,
  markOf: HashOf,
): void {
  if (have === null) undo.nulls.push(path);
  const members = pointer.endsWith('/-') ? undefined : membersOf(path, want);
  if (members === undefined) {
    setMember(undo.added, path, markOf(JSON.stringify(want)));
    return;
  }
  undo.created.push(path);
  for (const [token, value] of members) {
    setMember(undo.added, `${path}/${escapeToken(token)}`, markOf(JSON.stringify(value)));
  }
}

/** A created map's members or a created keyed list's items by token; undefined for a value that is added as one. */
function membersOf(path: string, value: Json): readonly (readonly [string, Json])[] | undefined {
  if (isObject(value)) return Object.entries(value).map(([key, member]) => [key, member ?? null]);
  const key = listKey(pointerTokens(path).at(-1) ?? '');
  return key !== undefined && isArray(value)
    ? value.map((item) => [itemToken(item, key), item])
    : undefined;
}

/** A pod template on its way from one state to another. */
export interface Transition {
  readonly current: JsonObject;
  readonly wanted: WantedTemplate;
  /** How to undo `wanted`, from the original. */
  readonly undo: Undo;
  /** The undo of the injection that is there now, if any. */
  readonly previous: Undo | undefined;
  /** Text of the status annotation, or undefined to remove it. */
  readonly status: string | undefined;
  /** Keyed paths of what was ours and has become another injector's: they stay. */
  readonly theirs?: readonly string[];
  /** What {@link undoOf} found missing, where `current` is the original itself; computed again otherwise. */
  readonly lacking?: readonly Difference[] | undefined;
}

/** Operations are relative to the template's root. */
export function reconcile(transition: Transition): readonly Operation[] {
  const restated = restatedParts(transition);
  const removed = removedPaths(transition);
  const inPlace = restated.flatMap(({ found, want }) => replaceAt(found, want));
  const additions: Operation[] = [];
  const insertions: Operation[] = [];
  const lacking = transition.lacking ?? differences(transition.current, transition.wanted.partial);
  for (const difference of lacking) {
    const { path, pointer, want } = difference;
    // A value inside a part of ours that differs was changed since by the API server or somebody else: it stays.
    if (difference.kind === 'differs' || isDropped(difference, transition)) continue;
    if (restated.some((part) => path === part.path || path.startsWith(`${part.path}/`))) continue;
    const before = transition.wanted.before.get(path);
    if (before !== undefined) {
      insertions.push(...insertBefore(transition.current, { path, want, before, removed }));
    } else {
      additions.push(...guardTests(difference.guards), { op: 'add', path: pointer, value: want });
    }
  }
  return [
    ...inPlace,
    ...valueOperations(transition),
    ...additions,
    ...removeOperations(transition.current, removed, transition.previous?.nulls ?? []),
    ...insertions,
    ...statusOperations(transition),
  ];
}

/** Our existing parts that should now be different: they are replaced as a whole. */
function restatedParts({ current, wanted, undo, previous }: Transition): {
  readonly path: string;
  readonly found: Found;
  readonly want: Json;
}[] {
  if (previous === undefined) return [];
  return Object.entries(undo.added).flatMap(([path, hash]) => {
    const before = own(previous.added, path);
    const found = before === undefined || isHashOf(before, hash) ? undefined : find(current, path);
    const want = found === undefined ? undefined : find(wanted.partial, path)?.value;
    return found === undefined || want === undefined || sameJson(found.value, want)
      ? []
      : [{ path, found, want }];
  });
}

/** The API server leaves out zero values when it stores an object: their absence is not a change. */
function isDropped({ path, want }: Difference, { undo, previous }: Transition): boolean {
  const isZero =
    want === false || want === 0 || want === '' || (isContainer(want) && sizeOf(want) === 0);
  return (
    isZero &&
    previous !== undefined &&
    isSameMark(own(previous.added, path), own(undo.added, path)) &&
    previous.created.includes(path) === undo.created.includes(path)
  );
}

function isSameMark(before: string | undefined, now: string | undefined): boolean {
  return before === now || (before !== undefined && now !== undefined && isHashOf(before, now));
}

function isContainer(value: Json): boolean {
  return isObject(value) || isArray(value);
}

function sizeOf(value: Json | undefined): number {
  return value === undefined || value === null ? 0 : Object.keys(value).length;
}

function guardTests(guards: Found['guards']): Operation[] {
  return guards.map(({ pointer, value }) => ({ op: 'test', path: pointer, value }));
}

/** Operations that set another value at an existing place. */
export function replaceAt(place: Pick<Found, 'pointer' | 'guards'>, value: Json): Operation[] {
  return [...guardTests(place.guards), { op: 'replace', path: place.pointer, value }];
}

/** Replacements that are wanted, and earlier ones that no longer are. */
function valueOperations({ current, wanted, previous }: Transition): Operation[] {
  const operations: Operation[] = [];
  for (const { path, now } of wanted.replacements) {
    const found = find(current, path);
    if (found !== undefined && !sameJson(found.value, now))
      operations.push(...replaceAt(found, now));
  }
  for (const { path, was, now } of previous?.restored ?? []) {
    const found = find(current, path);
    const isWanted = wanted.replacements.some((replacement) => replacement.path === path);
    if (found !== undefined && !isWanted && covers(found.value, now)) {
      operations.push(...replaceAt(found, was));
    }
  }
  return operations;
}

/** Keyed paths that were ours and no longer are; a map or list that would be left empty is removed as a whole. */
function removedPaths({ current, undo, previous, theirs = [] }: Transition): readonly string[] {
  const gone = Object.keys(previous?.added ?? {}).filter(
    (path) => !isOurs(path, undo) && !theirs.includes(path) && find(current, path) !== undefined,
  );
  const emptied = (previous?.created ?? []).filter((path) => {
    const parent = undo.created.includes(path) ? undefined : find(current, path)?.value;
    const children = gone.filter((child) => isMember(child, path));
    return children.length > 0 && parent !== undefined && isOnly(children, parent, path);
  });
  return [...gone.filter((path) => !emptied.some((parent) => isMember(path, parent))), ...emptied];
}

/** Whether a map or list at a path holds nothing but those members, and what the API server fills in. */
function isOnly(children: readonly string[], parent: Json, path: string): boolean {
  if (!isObject(parent)) return children.length === sizeOf(parent);
  const names = new Set(children.map((child) => pointerTokens(child).at(-1)));
  const rest = Object.entries(parent).filter(([name]) => !names.has(name));
  return isFilledIn(pointerTokens(path).at(-1) ?? '', Object.fromEntries(rest), parent);
}

/** Also where a map that was added is completed now, or one that was completed is added: somebody has begun, or ended, it. */
function isOurs(path: string, { added, created }: Undo): boolean {
  if (own(added, path) !== undefined || created.includes(path)) return true;
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
    if (own(added, path.slice(0, end)) !== undefined) return true;
  return false;
}

function isMember(path: string, parent: string): boolean {
  return path.startsWith(`${parent}/`) && !path.slice(parent.length + 1).includes('/');
}

/** Restores an explicit null where there was one. */
function removeOperations(
  current: JsonObject,
  paths: readonly string[],
  nulls: readonly string[],
): Operation[] {
  return paths
    .map((path) => ({ found: find(current, path), wasNull: nulls.includes(path) }))
    .filter((place): place is { found: Found; wasNull: boolean } => place.found !== undefined)
    .sort((left, right) => comparePointers(right.found.pointer, left.found.pointer))
    .flatMap(({ found, wasNull }): Operation[] =>
      wasNull
        ? replaceAt(found, null)
        : [...guardTests(found.guards), { op: 'remove', path: found.pointer }],
    );
}

/** Orders pointers so that, read backwards, a list is emptied from its end. */
function comparePointers(left: string, right: string): number {
  const other = pointerTokens(right);
  for (const [depth, token] of pointerTokens(left).entries()) {
    const against = other[depth];
    if (against === undefined) return 1;
    if (token === against) continue;
    const numbers = Number(token) - Number(against);
    return Number.isNaN(numbers) ? (token < against ? -1 : 1) : numbers;
  }
  return -1;
}

interface Insertion {
  readonly path: string;
  readonly want: Json;
  readonly before: string;
  readonly removed: readonly string[];
}

/** Inserts a list item before a named one, counting positions as they are after the removals. */
function insertBefore(
  current: JsonObject,
  { path, want, before, removed }: Insertion,
): Operation[] {
  const parent = path.slice(0, path.lastIndexOf('/'));
  const list = find(current, parent);
  if (list === undefined) return [];
  const names = (isArray(list.value) ? list.value : [])
    .map((item) => itemToken(item, 'name'))
    .filter((token) => !removed.includes(`${parent}/${escapeToken(token)}`));
  const index = names.indexOf(`name=${before}`);
  if (index === -1) return [{ op: 'add', path: `${list.pointer}/-`, value: want }];
  return [
    { op: 'test', path: `${list.pointer}/${index}/name`, value: before },
    { op: 'add', path: `${list.pointer}/${index}`, value: want },
  ];
}

function statusOperations({ current, status }: Transition): Operation[] {
  const annotations = objectAt(objectAt(current, 'metadata'), 'annotations');
  const have = annotations[statusKey];
  const path = `/metadata/annotations/${escapeToken(statusKey)}`;
  if (status === undefined) return have === undefined ? [] : [{ op: 'remove', path }];
  if (have === undefined) return [{ op: 'add', path, value: status }];
  return have === status ? [] : [{ op: 'replace', path, value: status }];
}
