import { describe, expect, test } from 'vitest';
import { BodyScan } from '../../../../webhook/server/body-scan.ts';

const limits = { maxDepth: 100, maxWeight: 1_000_000 };

interface Scanned {
  readonly weight: number;
  readonly fault: string | undefined;
}

function scan(text: string, chunk = Infinity, bounds = limits): Scanned {
  const bytes = Buffer.from(text);
  const body = new BodyScan(bounds);
  const step = Math.min(chunk, bytes.length);
  for (let at = 0; at < bytes.length; at += step) {
    const fault = body.add(bytes.subarray(at, at + step));
    if (fault !== undefined) return { weight: body.weight, fault };
  }
  return { weight: body.weight, fault: undefined };
}

function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, each) => sum + valuesIn(each), 1);
}

const texts = [
  'null',
  '[]',
  '{}',
  '[1,2,3]',
  '[[],[],{}]',
  '{"a":{"b":[1,"two",null,true]},"c":"{[,:]}"}',
  '{"quote \\" , inside":"back\\\\","x":[ "\\u005d" ]}',
  '"only a text, with commas, and [brackets]"',
  '[{"a":1},{"a":2},{"b":3}]',
  `{"${'long key '.repeat(50)}":"é\u4e00😀,,,"}`,
];

describe('never counts less than there is, however the bytes are cut', () => {
  test.each(texts)('%s', (text) => {
    const whole = scan(text);
    expect(whole.weight).toBeGreaterThanOrEqual(valuesIn(JSON.parse(text)));
    for (const chunk of [1, 2, 3, 7]) expect(scan(text, chunk)).toEqual(whole);
  });
});

test('a pod of usual shape is counted nearly exactly', () => {
  const pod = {
    spec: { containers: Array.from({ length: 50 }, (_, at) => ({ name: `c${at}`, image: 'i' })) },
  };
  const { weight } = scan(JSON.stringify(pod));
  const values = valuesIn(pod);
  expect(weight - values).toBeLessThan(50);
});

test('a sequence of keys counts once, and each new one eight more', () => {
  const same = scan(`[${Array.from({ length: 1000 }, () => '{"a":1,"b":2}').join()}]`);
  const other = scan(`[${Array.from({ length: 1000 }, (_, at) => `{"a${at}":1,"b":2}`).join()}]`);
  expect(other.weight - same.weight).toBeGreaterThan(8 * 1_900);
});

test('the same few keys in ever new orders are new sequences', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const orders = names.flatMap((x) => names.flatMap((y) => names.map((z) => [x, y, z])));
  const text = orders
    .filter((order) => new Set(order).size === 3)
    .map((order) => `{${order.map((key) => `"${key}":0`).join()}}`)
    .join();
  expect(scan(`[${text}]`).weight).toBeGreaterThan(8 * 140);
});

test.each([
  ['brackets', '['.repeat(101)],
  ['braces', '{"a":'.repeat(101)],
  ['both, in chunks', '[{"a":'.repeat(51)],
])('101 levels of %s are too deep', (_name, text) => {
  expect(scan(text, 5).fault).toBe('too_deep');
});

test('a hundred levels beside each other, and brackets in strings, are not', () => {
  const nested = '['.repeat(99) + ']'.repeat(99);
  expect(scan(`[${nested},${nested},"${'['.repeat(500)}"]`).fault).toBeUndefined();
});

test.each([
  ['empty objects', '{},'],
  ['numbers', '1,'],
  ['empty lists', '[],'],
  ['texts', '"",'],
  ['members of one object', '"k":0,'],
  ['nothing but commas', ','],
])('too many %s are a fault before their end', (_name, piece) => {
  const bounds = { maxDepth: 100, maxWeight: 1_000 };
  expect(scan(`[${piece.repeat(1_001)}`, 64, bounds).fault).toBe('too_many_values');
});

test('closing brackets that were never opened do no harm', () => {
  expect(scan(']}'.repeat(1_000)).fault).toBeUndefined();
});
