import { readFile, readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Json } from '../../../../sidecar/kernel/json.ts';
import { repeatedOf, textsOf } from '../../../../webhook/envoy/proto-field.ts';
import { isOff, isOn, isOneOf, isSet, numberOf } from '../../../../webhook/envoy/proto-scalar.ts';

const room = 'webhook/envoy';

test.each<readonly [Json, 'on' | 'off' | 'absent']>([
  [true, 'on'],
  ['true', 'on'],
  ['TRUE', 'on'],
  ['T', 'on'],
  ['yes', 'on'],
  ['Y', 'on'],
  ['1', 'on'],
  [{ value: true }, 'on'],
  [{ value: 'yes' }, 'on'],
  ['on', 'on'],
  [1, 'on'],
  [false, 'off'],
  ['false', 'off'],
  ['No', 'off'],
  ['0', 'off'],
  [{ value: false }, 'off'],
  [{ value: null }, 'off'],
  [{}, 'off'],
  [null, 'absent'],
])('the boolean %j is %s', (value, expected) => {
  const message = { a_field: value };
  expect([isOn(message, 'a_field'), isOff(message, 'a_field'), isSet(message, 'a_field')]).toEqual([
    expected === 'on',
    expected === 'off',
    expected !== 'absent',
  ]);
});

const inbound = [{ name: 'INBOUND', number: 1 }];

test.each<readonly [Json, boolean]>([
  ['INBOUND', true],
  ['inbound', true],
  ['Inbound', true],
  [1, true],
  ['1', true],
  ['01', true],
  [' 1', true],
  ['+1', true],
  ['OUTBOUND', false],
  [2, false],
  ['', false],
  [null, false],
  [true, false],
])('the enum %j is INBOUND: %j', (value, expected) => {
  expect(isOneOf({ trafficDirection: value }, 'traffic_direction', inbound)).toBe(expected);
});

test.each<readonly [Json, number | undefined]>([
  [3, 3],
  ['3', 3],
  ['0x10', 16],
  ['010', 10],
  ['1e2', 100],
  [{ value: 3 }, 3],
  [{ value: '3' }, 3],
  [{}, 0],
  ['', undefined],
  ['x', undefined],
  [null, undefined],
])('the number %j is %j', (value, expected) => {
  expect(numberOf({ port: value }, 'port')).toBe(expected);
});

test('lists in a list are its items, and a single item is a list of one', () => {
  const message = { all: [[{ a: 1 }, [{ a: 2 }]], { a: 3 }], texts: [['a'], 'b'], one: { a: 4 } };
  const holder = { message, path: '/x' };
  expect(repeatedOf(holder, 'all').map(({ path }) => path)).toEqual([
    '/x/all/0/0',
    '/x/all/0/1/0',
    '/x/all/1',
  ]);
  expect(repeatedOf(holder, 'one').map(({ path }) => path)).toEqual(['/x/one']);
  expect(textsOf(holder, 'texts')).toEqual(['a', 'b']);
});

/** A boolean, a number or the name of an enum compared with a field, or what was taken from one; codes of errors are none. */
const comparison =
  /fieldOf\([^;]*?\)\s*[!=]==\s*(?:true|false|'|-?\d)|Number\(fieldOf|(?<!\.code )[!=]==\s*'[A-Z][A-Z0-9_]*'/;

test('booleans, numbers and enums of a message are read in one file alone', async () => {
  const names = (await readdir(room)).filter((name) => name !== 'proto-scalar.ts');
  const texts = await Promise.all(names.map((name) => readFile(`${room}/${name}`, 'utf8')));
  expect(names.filter((_name, index) => comparison.test(texts[index] ?? ''))).toEqual([]);
  expect(comparison.test("fieldOf(message, 'bind_to_port') !== false")).toBe(true);
  expect(comparison.test("type === 'ORIGINAL_DST' || type === 4")).toBe(true);
});
