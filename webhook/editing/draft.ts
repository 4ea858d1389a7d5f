/** The document after the operations: what stays keeps its position in the text, what is new is a value. */
import jsonPatch from 'fast-json-patch';
import { type Json, sameJson } from '#kernel/json.ts';
import { type Operation, pointer, pointerTokens } from './operation.ts';
import {
  type SourceCollection,
  type SourceEntry,
  type SourceNode,
  resolved,
} from './source-tree.ts';

export type Draft = Kept | Fresh | Edited;

/** As written in the text. */
export interface Kept {
  readonly kind: 'kept';
  readonly node: SourceNode;
}

/** A new value, in the place of an old one or in a place of its own. */
export interface Fresh {
  readonly kind: 'fresh';
  readonly value: Json;
}

/** A collection of which some entries are removed, new, or edited themselves. */
export interface Edited {
  readonly kind: 'edited';
  readonly node: SourceCollection;
  /** Where the path led: the collection itself, or an alias that stands for it. */
  readonly site: SourceNode;
  readonly slots: Slot[];
  /** Of a list: the slots that are not removed, which is what positions count. */
  readonly live: Slot[];
  /** Slots by key; removed ones stay, to be filled again. */
  readonly byKey: Map<string, Slot>;
}

export interface Slot {
  readonly key: string | undefined;
  /** Undefined for what is new. */
  readonly entry: SourceEntry | undefined;
  content: Draft;
  isRemoved: boolean;
}

type Change = Exclude<Operation, { readonly op: 'test' }>;

/** A path leads into something that the text has elsewhere. */
export class MergedPlace extends Error {
  readonly node: SourceNode;
  readonly key: string;
  constructor(node: SourceNode, key: string) {
    super(`"${key}" comes from a merge key`);
    this.node = node;
    this.key = key;
  }
}

/**
 * Applies the operations to the tree. They must have succeeded on the plain value before: paths are not checked again.
 * @throws {MergedPlace}
 */
export function draftOf(root: SourceNode, operations: readonly Operation[]): Draft {
  let draft: Draft = { kind: 'kept', node: root };
  for (const operation of operations) {
    if (operation.op !== 'test') draft = change(draft, pointerTokens(operation.path), operation);
  }
  return draft;
}

export function isChanged(draft: Draft): boolean {
  if (draft.kind === 'kept') return false;
  if (draft.kind === 'fresh') return true;
  return draft.slots.some(
    (slot) => slot.isRemoved || slot.entry === undefined || isChanged(slot.content),
  );
}

/** Whether two places that share a node are changed in the same way. */
export function sameDraft(one: Draft, other: Draft): boolean {
  if (one.kind === 'fresh' && other.kind === 'fresh') return sameJson(one.value, other.value);
  if (one.kind === 'edited' && other.kind === 'edited') {
    return (
      one.slots.length === other.slots.length &&
      one.slots.every((slot, index) => sameSlot(slot, other.slots[index]))
    );
  }
  return !isChanged(one) && !isChanged(other);
}

/** The value of a draft in which nothing of the source is left. */
export function freshValueOf(edited: Edited): Json {
  const live = edited.slots.filter((slot) => !slot.isRemoved);
  const values = live.map(({ content }): Json => (content.kind === 'fresh' ? content.value : null));
  if (edited.node.kind === 'list') return values;
  return Object.fromEntries(live.map(({ key = '' }, index) => [key, values[index]]));
}

function sameSlot(one: Slot, other: Slot | undefined): boolean {
  return (
    other !== undefined &&
    one.entry === other.entry &&
    one.key === other.key &&
    one.isRemoved === other.isRemoved &&
    (one.isRemoved || sameDraft(one.content, other.content))
  );
}

function change(draft: Draft, tokens: readonly string[], operation: Change): Draft {
  const [head, ...rest] = tokens;
  if (head === undefined) {
    return { kind: 'fresh', value: operation.op === 'remove' ? null : operation.value };
  }
  if (draft.kind === 'fresh')
    return { kind: 'fresh', value: valueAfter(draft.value, tokens, operation) };
  const edited = draft.kind === 'edited' ? draft : opened(draft.node);
  if (rest.length === 0) {
    if (edited.node.kind === 'list') changeItem(edited, head, operation);
    else changePair(edited, head, operation);
    return edited;
  }
  const slot = edited.node.kind === 'list' ? edited.live[Number(head)] : pairAt(edited, head);
  if (slot === undefined) throw new MergedPlace(edited.site, head);
  slot.content = change(slot.content, rest, operation);
  return edited;
}

function valueAfter(value: Json, tokens: readonly string[], operation: Change): Json {
  const holder = { value };
  const inside = { ...operation, path: pointer('value', ...tokens) };
  // Not in place: the caller's value must stay as it is.
  return jsonPatch.applyOperation(holder, inside, false, false).newDocument.value;
}

function opened(site: SourceNode): Edited {
  const node = resolved(site);
  if (node.kind === 'scalar') throw new TypeError('a path leads through a scalar');
  const slots = node.entries.map((entry): Slot => ({
    key: entry.isMerge ? undefined : entry.key,
    entry,
    content: { kind: 'kept', node: entry.value },
    isRemoved: false,
  }));
  const byKey = new Map(
    slots.flatMap((slot): [string, Slot][] => (slot.key === undefined ? [] : [[slot.key, slot]])),
  );
  return { kind: 'edited', node, site, slots, live: node.kind === 'list' ? [...slots] : [], byKey };
}

function pairAt(edited: Edited, key: string): Slot | undefined {
  const slot = edited.byKey.get(key);
  return slot?.isRemoved === true ? undefined : slot;
}

function changePair(edited: Edited, key: string, operation: Change): void {
  const slot = edited.byKey.get(key);
  if (operation.op === 'remove') {
    if (slot === undefined || slot.isRemoved) throw new MergedPlace(edited.site, key);
    removeSlot(edited, slot);
    return;
  }
  const content: Fresh = { kind: 'fresh', value: operation.value };
  if (slot === undefined) {
    const fresh: Slot = { key, entry: undefined, content, isRemoved: false };
    edited.slots.push(fresh);
    edited.byKey.set(key, fresh);
  } else {
    slot.content = content;
    slot.isRemoved = false;
  }
}

function changeItem(edited: Edited, token: string, operation: Change): void {
  const index = token === '-' ? edited.live.length : Number(token);
  const slot = edited.live[index];
  if (operation.op === 'remove') {
    if (slot !== undefined) removeSlot(edited, slot);
    return;
  }
  const content: Fresh = { kind: 'fresh', value: operation.value };
  if (operation.op === 'replace' && slot !== undefined) {
    slot.content = content;
    return;
  }
  const fresh: Slot = { key: undefined, entry: undefined, content, isRemoved: false };
  const at = slot === undefined ? edited.slots.length : edited.slots.indexOf(slot);
  edited.slots.splice(at, 0, fresh);
  edited.live.splice(index, 0, fresh);
}

function removeSlot(edited: Edited, slot: Slot): void {
  if (edited.node.kind === 'list') edited.live.splice(edited.live.indexOf(slot), 1);
  if (slot.entry !== undefined) {
    slot.isRemoved = true;
    return;
  }
  edited.slots.splice(edited.slots.indexOf(slot), 1);
  if (slot.key !== undefined) edited.byKey.delete(slot.key);
}
