/**
 * `${name}` in scalars. A scalar that is one variable takes the variable's typed value; without a value its key or
 * list item is left out. Inside a longer scalar the value is written as text.
 * `{$each: "${list}", $item: …}` in a list stands for one item for each member of the list, in which `${each.name}` is
 * the member's own; with `$key` as well, the map around it has a member for each. `${cluster:NAME}` is left for the Envoy
 * patcher.
 */
import { own, setMember } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';

/** Values by name; undefined means known but not set. */
export type Variables = Readonly<Record<string, Json | undefined>>;

const whole = /^\$\{((?:each\.)?[A-Za-z][A-Za-z0-9]*)\}$/;
const inner = /\$\{((?:each\.)?[A-Za-z][A-Za-z0-9]*)\}/g;
const eachKey = '$each';
/** Members of a repeated value in which `${each.name}` means something. */
const scoped: ReadonlySet<string> = new Set(['$key', '$item']);

function lookUp(name: string, variables: Variables): Json | undefined {
  if (!Object.hasOwn(variables, name)) {
    throw new AppError(
      'TEMPLATE_INVALID',
      `a template uses the unknown variable \${${name}}; known variables: ${Object.keys(variables).join(', ')}`,
    );
  }
  return own(variables, name);
}

function asText(value: Json | undefined): string {
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value);
}

/** Text with every variable written as text; one without a value leaves nothing. @throws {AppError} TEMPLATE_INVALID */
export function substituteText(text: string, variables: Variables): string {
  return text.replaceAll(inner, (_match, name: string) => asText(lookUp(name, variables)));
}

/** The name in a text that is one variable and nothing else. */
export function onlyVariable(text: string): string | undefined {
  return whole.exec(text)?.[1];
}

function substituteScalar(text: string, variables: Variables): Json | undefined {
  if (!text.includes('${')) return text;
  const only = onlyVariable(text);
  return only === undefined ? substituteText(text, variables) : lookUp(only, variables);
}

/** Undefined where the whole value is a variable without a value. @throws {AppError} TEMPLATE_INVALID for an unknown variable. */
export function substitute(value: Json, variables: Variables): Json | undefined {
  if (typeof value === 'string') return substituteScalar(value, variables);
  if (isArray(value)) {
    return value
      .flatMap((item) =>
        isObject(item) && isRepeated(item)
          ? itemsOf(item, variables)
          : [substitute(item, variables)],
      )
      .filter((item): item is Json => item !== undefined);
  }
  return isObject(value) ? substituteObject(value, variables) : value;
}

/** As {@link substitute}, for an object. */
export function substituteObject(value: JsonObject, variables: Variables): JsonObject {
  const result: Record<string, Json | undefined> = isRepeated(value) ? mapOf(value, variables) : {};
  for (const [key, member] of Object.entries(value)) {
    if (isRepeated(value) && (key === eachKey || scoped.has(key))) continue;
    const replaced = member === undefined ? undefined : substitute(member, variables);
    if (replaced !== undefined) setMember(result, key, replaced);
  }
  return result;
}

function isRepeated(value: JsonObject): boolean {
  return value[eachKey] !== undefined;
}

/** The variables as each member of the list sees them. @throws {AppError} TEMPLATE_INVALID for what is not a list */
function scopesOf(repeated: JsonObject, variables: Variables): readonly Variables[] {
  const list = substitute(repeated[eachKey] ?? null, variables) ?? [];
  if (!isArray(list) || repeated['$item'] === undefined) {
    throw new AppError(
      'TEMPLATE_INVALID',
      `a template's ${eachKey} needs a list, such as \${skipPaths}, and an $item beside it`,
    );
  }
  return list.map((member) => {
    const own = isObject(member) ? Object.entries(member) : [['value', member] as const];
    return { ...variables, ...Object.fromEntries(own.map(([key, each]) => [`each.${key}`, each])) };
  });
}

function itemsOf(repeated: JsonObject, variables: Variables): readonly (Json | undefined)[] {
  return scopesOf(repeated, variables).map((scope) => substitute(repeated['$item'] ?? null, scope));
}

function mapOf(repeated: JsonObject, variables: Variables): JsonObject {
  const entries = scopesOf(repeated, variables).map((scope) => {
    const key = substitute(repeated['$key'] ?? null, scope);
    return [asText(key), substitute(repeated['$item'] ?? null, scope)] as const;
  });
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

/** Names of the variables that a value uses; `${each.name}` of the list `members` counts as `members.name`. */
export function variablesIn(value: Json, found = new Set<string>()): ReadonlySet<string> {
  collect(value, 'each', found);
  return found;
}

/** @param list whose members `${each.name}` means here */
function collect(value: Json, list: string, found: Set<string>): void {
  if (typeof value === 'string') {
    for (const name of namesIn(value)) found.add(name.replace(/^each\./, `${list}.`));
  } else if (isArray(value)) {
    for (const item of value) collect(item, list, found);
  } else if (isObject(value)) {
    const own = listOf(value) ?? list;
    for (const [key, member = null] of Object.entries(value))
      collect(member, scoped.has(key) ? own : list, found);
  }
}

function namesIn(text: string): readonly string[] {
  return [...text.matchAll(inner)].map(([, name = '']) => name);
}

/** The list that a value repeats its item for. */
function listOf(value: Json): string | undefined {
  const each = isObject(value) ? value[eachKey] : undefined;
  return typeof each === 'string' ? onlyVariable(each) : undefined;
}
