import { expect, test } from 'vitest';
import type { Json } from '#kernel/json.ts';
import { copyJson } from '../../../../webhook/editing/copy-json.ts';

test.each<readonly [string, string]>([
  ['a scalar', '"text"'],
  ['null', 'null'],
  ['lists and objects in each other', '{"a": [1, {"b": null}, [true]], "c": {}}'],
  ['a key that names the prototype', '{"__proto__": {"a": 1}, "constructor": 2}'],
])('copies %s', (_what, text) => {
  // JSON.parse gives JSON.
  const value = JSON.parse(text) as Json;
  const copy = copyJson(value);
  expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
  if (typeof value === 'object' && value !== null) expect(copy).not.toBe(value);
});

test('a copy shares nothing with the value', () => {
  const value = { list: [{ key: 'before' }] };
  const copy = copyJson(value);
  value.list.push({ key: 'after' });
  expect(copy).toEqual({ list: [{ key: 'before' }] });
});
