/** How large a status may be to be undone: it may be forged, or from a backup. */
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';

/** Places that a status may name. */
const maxStatusValues = 2_000;

/** Levels of a status; ours has six, and the values that it restores a few more. */
const maxStatusDepth = 60;

/** Looking a place up costs as much as the longest list or map of the template has entries, at worst. */
const maxLookups = 50_000;

/** Which part of a status exceeds the limits by itself. */
export function statusFault(status: Json): string | undefined {
  const { values, depth } = sizeOf(status);
  if (depth > maxStatusDepth) return `it is nested more than ${maxStatusDepth} levels deep`;
  return values > maxStatusValues * 4
    ? `it has ${values} values; the limit is ${maxStatusValues * 4}`
    : undefined;
}

/** Whether what a status names can be looked up in a template with bounded work. */
export function lookupFault(undo: Json, template: JsonObject): string | undefined {
  const { values } = sizeOf(undo);
  const longest = sizeOf(template).longest;
  const lookups = values * longest;
  if (values <= maxStatusValues && lookups <= maxLookups) return undefined;
  return `it names ${values} places, too many to look for in a template with ${longest} entries in one list or map`;
}

interface Size {
  readonly values: number;
  readonly depth: number;
  readonly longest: number;
}

/** Without recursion, so that no depth is too deep for it. */
function sizeOf(root: Json): Size {
  let values = 0;
  let depth = 0;
  let longest = 0;
  const open: { readonly value: Json | undefined; readonly level: number }[] = [
    { value: root, level: 1 },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    values += 1;
    depth = Math.max(depth, next.level);
    const { value, level } = next;
    const members = isArray(value) ? value : isObject(value) ? Object.values(value) : [];
    longest = Math.max(longest, members.length);
    for (const member of members) open.push({ value: member, level: level + 1 });
  }
  return { values, depth, longest };
}
