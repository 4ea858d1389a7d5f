import { expect, test } from 'vitest';
import { afterLast, before, withoutTail } from '#kernel/text.ts';

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
