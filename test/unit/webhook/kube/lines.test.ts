import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lines } from '../../../../webhook/kube/lines.ts';

test('lines come out whole, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat(20)), (texts, cuts) => {
      const lines = texts.map((text) => text.replaceAll('\n', ' '));
      let rest = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const out: string[] = [];
      const reader = new Lines((line) => out.push(line));
      for (const cut of cuts) {
        reader.push(rest.subarray(0, cut));
        rest = rest.subarray(cut);
      }
      reader.push(rest);
      expect(out).toEqual(lines.filter((line) => line !== ''));
    }),
  );
});

test('a line without an end is refused before it fills the memory', () => {
  const reader = new Lines(() => undefined);
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  expect(() => {
    for (let i = 0; i < 17; i += 1) reader.push(chunk);
  }).toThrow(/exceeds 16777216 bytes/);
});
