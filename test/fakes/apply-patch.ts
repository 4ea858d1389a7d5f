/** RFC 6902, written from the text of the standard and nothing else: a second opinion on the patches that we emit. */
import type { Json, JsonObject } from '#kernel/json.ts';
import { isArray, isObject } from '#kernel/json.ts';

/** One operation as it travels; the kinds that we never emit are refused. */
export interface PlainOperation {
  readonly op: string;
  readonly path: string;
  readonly value?: Json | undefined;
}

/** The document with all operations carried out; the input stays as it was. @throws {Error} where the standard demands one. */
export function applyPatch(document: Json, operations: readonly PlainOperation[]): Json {
  return operations.reduce(applyOne, document);
}

function applyOne(document: Json, operation: PlainOperation): Json {
  const tokens = tokensOf(operation.path);
  switch (operation.op) {
    case 'add':
      return change(document, tokens, (parent, key) => add(parent, key, valueOf(operation)));
    case 'replace':
      return change(document, tokens, (parent, key) => {
        member(parent, key);
        return isArray(parent)
          ? parent.with(Number(key), valueOf(operation))
          : add(parent, key, valueOf(operation));
      });
    case 'remove':
      return change(document, tokens, (parent, key) => {
        member(parent, key);
        return isArray(parent)
          ? parent.toSpliced(Number(key), 1)
          : Object.fromEntries(Object.entries(parent).filter(([name]) => name !== key));
      });
    case 'test':
      return tested(document, operation);
    default:
      throw new Error(`operation ${operation.op} is not one of ours`);
  }
}

function tested(document: Json, operation: PlainOperation): Json {
  const there = tokensOf(operation.path).reduce<Json>(
    (value, token) => member(container(value), token),
    document,
  );
  if (canonical(there) !== canonical(valueOf(operation))) {
    throw new Error(`test failed at ${operation.path}`);
  }
  return document;
}

/** RFC 6901 §4. */
function tokensOf(path: string): readonly string[] {
  if (path === '') return [];
  if (!path.startsWith('/')) throw new Error(`${path} is no JSON Pointer`);
  return path
    .slice(1)
    .split('/')
    .map((token) => token.replace(/~1/g, '/').replace(/~0/g, '~'));
}

type Container = JsonObject | readonly Json[];

function container(value: Json): Container {
  if (isArray(value) || isObject(value)) return value;
  throw new Error('a scalar has no members');
}

function index(list: readonly Json[], key: string): number {
  if (!/^(0|[1-9]\d*)$/.test(key) || Number(key) >= list.length) {
    throw new Error(`the list has no position ${key}`);
  }
  return Number(key);
}

function member(parent: Container, key: string): Json {
  const value = isArray(parent)
    ? parent[index(parent, key)]
    : Object.hasOwn(parent, key)
      ? parent[key]
      : undefined;
  if (value === undefined) throw new Error(`there is no ${key}`);
  return value;
}

function add(parent: Container, key: string, value: Json): Json {
  if (!isArray(parent)) return Object.fromEntries([...Object.entries(parent), [key, value]]);
  if (key === '-' || Number(key) === parent.length) return [...parent, value];
  return parent.toSpliced(index(parent, key), 0, value);
}

function change(
  value: Json,
  tokens: readonly string[],
  by: (parent: Container, key: string) => Json,
): Json {
  const [key, ...rest] = tokens;
  if (key === undefined) throw new Error('the whole document is never the target');
  const parent = container(value);
  if (rest.length === 0) return by(parent, key);
  const inner = change(member(parent, key), rest, by);
  return isArray(parent)
    ? parent.with(Number(key), inner)
    : Object.fromEntries(
        Object.entries(parent).map(([name, old]) => [name, name === key ? inner : old]),
      );
}

function valueOf(operation: PlainOperation): Json {
  if (operation.value === undefined) throw new Error(`${operation.op} without a value`);
  return operation.value;
}

/** Text in which member order does not count; a member called `constructor` or `__proto__` counts like any other. */
export function canonical(value: Json): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}
