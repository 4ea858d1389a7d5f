import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonFault } from '../../../../sidecar/kernel/json-fault.ts';

test.each([
  ['{"a":\n xyz}', 'unexpected character at line 2, column 2 (character 8 of 11); expected value'],
  ['{"a" 1}', 'unexpected character at line 1, column 6 (character 6 of 7); expected :'],
  ['{"a":1', 'the text ends too early at line 1, column 7 (character 7 of 6); expected , or end'],
  ['{"a":1,}', 'unexpected character at line 1, column 8 (character 8 of 8); expected key'],
  ['[1,2}', 'unexpected character at line 1, column 5 (character 5 of 5); expected , or end'],
  ['{} {}', 'unexpected character at line 1, column 4 (character 4 of 5); expected end of text'],
  ['["a\nb"]', 'unexpected character at line 1, column 4 (character 4 of 7); expected value or ]'],
  ['["a\\x"]', 'unexpected character at line 1, column 4 (character 4 of 7); expected value or ]'],
  ['', 'the text ends too early at line 1, column 1 (character 1 of 0); expected value'],
])('finds the fault in %j', (text, words) => {
  expect(jsonFault(text)).toBe(words);
});

test('the fault of a text with one broken character is found at that character or before it', () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(), (text, seed) => {
      const at = seed % text.length;
      const broken = `${text.slice(0, at)}\u0001${text.slice(at + 1)}`;
      const found = Number(/\(character (\d+) of/.exec(jsonFault(broken))?.[1]) - 1;
      expect(found).toBeLessThanOrEqual(at);
    }),
  );
});

test('every JSON text is read to its end', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(jsonFault(text)).toMatch(/^the text ends too early .*; expected end of text$/);
    }),
  );
});
