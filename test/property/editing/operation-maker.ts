/** Random operations that fit a value, and the operations that undo additions. */
import * as arb from 'fast-check';
import type fc from 'fast-check';
import jsonPatch from 'fast-json-patch';
import { type Json, isArray, isObject } from '#kernel/json.ts';
import { type Operation, pointer } from '../../../webhook/editing/operation.ts';
import { pick } from '../pick.ts';

const freshValues: readonly Json[] = [
  'plain',
  'yes',
  '0600',
  '1_000',
  'a: b # c',
  '${cluster:x}',
  '',
  'line\nbreak',
  -1.5,
  12,
  true,
  null,
  [],
  {},
  ['x', ['y', []], { k: 'v', n: null }],
  {
    name: 'ext',
    typed_config: { '@type': 't', timeout: '0.25s', list: [{ key: 'on', value: 'no' }] },
  },
];

interface Container {
  readonly path: readonly (string | number)[];
  readonly value: Json;
}

function containersOf(value: Json, path: readonly (string | number)[] = []): readonly Container[] {
  if (isArray(value)) {
    return [
      { path, value },
      ...value.flatMap((item, index) => containersOf(item, [...path, index])),
    ];
  }
  if (!isObject(value)) return [];
  const inner = Object.entries(value).flatMap(([key, item]) =>
    item === undefined ? [] : containersOf(item, [...path, key]),
  );
  return [{ path, value }, ...inner];
}

export interface Made {
  readonly operations: readonly Operation[];
  /** Undoes the operations, in order, when all of them are additions in places of their own. */
  readonly inverse: readonly Operation[];
  readonly expected: Json;
}

/** Additions only: list items anywhere, and keys that were not there. */
export function makeAdditions(g: fc.GeneratorValue, value: Json): Made {
  const operations: Operation[] = [];
  const inverse: Operation[] = [];
  let current = value;
  for (let left = g(arb.nat, 3); left >= 0; left -= 1) {
    const operation = additionTo(g, current);
    operations.push(operation);
    inverse.unshift({ op: 'remove', path: operation.path });
    current = after(current, operation);
  }
  return { operations, inverse, expected: current };
}

/** Additions, replacements and removals. */
export function makeOperations(g: fc.GeneratorValue, value: Json): Omit<Made, 'inverse'> {
  const operations: Operation[] = [];
  let current = value;
  for (let left = g(arb.nat, 4); left >= 0; left -= 1) {
    const operation = g(arb.nat, 1) === 0 ? additionTo(g, current) : alterationOf(g, current);
    if (operation === undefined) continue;
    operations.push(operation);
    current = after(current, operation);
  }
  return { operations, expected: current };
}

function additionTo(g: fc.GeneratorValue, value: Json): Extract<Operation, { op: 'add' }> {
  const { path, value: holder } = pick(g, ...containersOf(value));
  const fresh = pick(g, ...freshValues);
  if (isArray(holder)) {
    return { op: 'add', path: pointer(...path, g(arb.nat, holder.length)), value: fresh };
  }
  const key = ['new', 'new-2', 'new/3', 'on', 'n 4'].find(
    (one) => !Object.hasOwn(Object(holder) as object, one),
  );
  return { op: 'add', path: pointer(...path, key ?? `new-${g(arb.nat, 1e9)}`), value: fresh };
}

function alterationOf(g: fc.GeneratorValue, value: Json): Operation | undefined {
  const places = containersOf(value).flatMap(({ path, value: holder }) =>
    Object.keys(Object(holder) as object).map((key) => pointer(...path, key)),
  );
  if (places.length === 0) return undefined;
  const path = pick(g, ...places);
  if (g(arb.nat, 1) === 0) return { op: 'remove', path };
  return { op: 'replace', path, value: pick(g, ...freshValues) };
}

function after(value: Json, operation: Operation): Json {
  const copy = [structuredClone(operation)];
  return jsonPatch.applyPatch<Json>(structuredClone(value), copy, true, true).newDocument;
}
