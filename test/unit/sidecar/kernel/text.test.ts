import { expect, test } from 'vitest';
import { afterLast, before, inOneLine, withoutTail } from '#kernel/text.ts';

test.each([
  ['/a/b///', '/a/b'],
  ['///', ''],
  ['/a//b', '/a//b'],
  ['', ''],
])('%j without its last slashes is %j', (text, cut) => {
  expect(withoutTail(text, '/')).toBe(cut);
});

test('cuts at the first mark, and after the last', () => {
  expect(before('envoy@sha256:1@2', '@')).toBe('envoy');
  expect(before('envoy', '@')).toBe('envoy');
  expect(afterLast('r.test/shop/envoy:1', '/')).toBe('envoy:1');
  expect(afterLast('envoy', '/')).toBe('envoy');
});

test.each([
  ['one fault', '✖ Invalid input\n  → at rules[0].name', 'Invalid input at rules[0].name'],
  [
    'several faults',
    '✖ two rules have the same name\n  → at rules\n✖ Unrecognized key: "a"\n✖ Too small\n  → at b.c',
    'two rules have the same name at rules; Unrecognized key: "a"; Too small at b.c',
  ],
])('%s of the schema library in one line', (_name, faults, line) => {
  expect(inOneLine(faults)).toBe(line);
});
