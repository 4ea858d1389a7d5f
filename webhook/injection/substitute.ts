/**
 * `${name}` in scalars. A scalar that is one variable takes the variable's typed value; without a value its key or
 * list item is left out. Inside a longer scalar the value is written as text.
 * `${cluster:NAME}` is left for the Envoy patcher.
 */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';

/** Values by name; undefined means known but not set. */
export type Variables = Readonly<Record<string, Json | undefined>>;

const whole = /^\$\{([A-Za-z][A-Za-z0-9]*)\}$/;
const inner = /\$\{([A-Za-z][A-Za-z0-9]*)\}/g;

function lookUp(name: string, variables: Variables): Json | undefined {
  if (!Object.hasOwn(variables, name)) {
    throw new AppError(
      'TEMPLATE_INVALID',
      `a template uses the unknown variable \${${name}}; known are ${Object.keys(variables).join(', ')}`,
    );
  }
  return variables[name];
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
      .map((item) => substitute(item, variables))
      .filter((item): item is Json => item !== undefined);
  }
  return isObject(value) ? substituteObject(value, variables) : value;
}

/** As {@link substitute}, for an object. */
export function substituteObject(value: JsonObject, variables: Variables): JsonObject {
  const result: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value)) {
    const replaced = member === undefined ? undefined : substitute(member, variables);
    if (replaced !== undefined) result[key] = replaced;
  }
  return result;
}

/** Names of the variables that a value uses. */
export function variablesIn(value: Json, found = new Set<string>()): ReadonlySet<string> {
  if (typeof value === 'string') {
    for (const match of value.matchAll(inner)) found.add(match[1] ?? '');
  } else if (isArray(value)) {
    for (const item of value) variablesIn(item, found);
  } else if (isObject(value)) {
    for (const member of Object.values(value)) if (member !== undefined) variablesIn(member, found);
  }
  return found;
}
