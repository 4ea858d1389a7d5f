import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseText } from '../../../../webhook/editing/parse-text.ts';

describe('texts become plain values', () => {
  test.each([
    [
      'merge keys resolved',
      'a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n',
      [{ a: { b: 1, c: 2 }, d: { b: 1, c: 3 } }],
    ],
    ['several documents', '# a\n---\n1\n...\n# b\n---\n{}\n', [1, {}]],
    ['an empty text', '', [null]],
    ['nothing but comments', '# a\n', [null]],
    ['JSON indented with TABs', '{\n\t"a": {\n\t\t"b": 1\n\t}\n}', [{ a: { b: 1 } }]],
    ['a byte order mark', '\uFEFFa: 1\n', [{ a: 1 }]],
    ['a marker inside a block scalar of another column', 'a: |\n  ---\n  b\n', [{ a: '---\nb\n' }]],
  ])('%s', (_name, text, expected) => {
    expect(parseText(text, 'f.yaml')).toEqual(expected);
  });

  test.each([
    'a: 1\n---\nb: 2\n',
    '---\n---\n',
    '%YAML 1.2\n---\na: 1\n',
    'a: 1\n...\n---\nb\n',
    '--- a\n--- b\n',
  ])('finds the documents of %j that the parser finds', (text) => {
    expect(parseText(text, 'f')).toEqual(
      parseAllDocuments(text).map((one) => one.toJS() as unknown),
    );
  });
});

describe('a text that cannot be read is refused with its place', () => {
  test.each([
    ['an open quote', 'a: 1\nb: "x\n', /^f\.yaml:\d+:\d+: Missing closing "quote/],
    ['a duplicate key', 'a: 1\nb: 2\na: 3\n', /^f\.yaml:3:1: Map keys must be unique, in "a: 3"$/],
    ['a duplicate key in JSON', '{"a": 1, "a": 2}', /^f\.yaml:1:10: Map keys must be unique/],
    ['an unknown alias', 'a: *x\n', /^f\.yaml:1:4: the alias \*x has no anchor before it/],
    ['an alias of itself', 'a: &x [*x]\n', /^f\.yaml:1:8: the alias \*x is inside its own anchor/],
    ['a second document', 'a: 1\n---\nb: [\n', /^f\.yaml:\d+:\d+: /],
    [
      'a list as a key',
      'a:\n  ? [b, c]\n  : 1\n',
      /^f\.yaml:2:5: a list or map is used as a key here/,
    ],
    [
      'one key as a number and as a text',
      '1: a\n"1": b\n',
      /^f\.yaml:2:1: Map keys must be unique/,
    ],
    ['a merge key that names no map', 'a: &a 1\nb: {<<: *a}\n', /^f\.yaml:2:5: a merge key/],
    ['a tag that makes bytes for some', 'a: !!binary aGk=\n', /^f\.yaml:1:4: the tag !!binary/],
    [
      'a lone carriage return',
      '# a\rb: 1\n',
      /^f\.yaml:1:4: a carriage return without a line feed/,
    ],
    ['a next line mark', 'a: b\u0085c: d\n', /^f\.yaml:1:5: the character U\+0085/],
    ['a line separator in a comment', 'a: 1 # \u2028b: 2\n', /^f\.yaml:1:8: the character U\+2028/],
    ['a NUL byte', 'a: 1\0\n', /^f\.yaml:1:5: the character U\+0000/],
    ['an end of transmission', 'a: 1\n\u0004b: 2\n', /^f\.yaml:2:1: the character U\+0004/],
    ['half of a character', '{"a": "\ud800"}', /^f\.yaml:1:8: half of a character/],
    [
      'a byte order mark in a second document',
      'a: 1\n---\n\ufeffb: 2\n',
      /^f\.yaml:3:1: a byte order/,
    ],
    [
      'the same behind comments',
      'a: 1\r\n--- # b\r\n\r\n# b\r\n\ufeffb: 2\r\n',
      /^f\.yaml:5:1: a byte/,
    ],
    ['a byte order mark behind a comment', '# a\n\ufeffb: 2\n', /^f\.yaml:2:1: a byte order mark/],
    ['two byte order marks', '\ufeff\ufeffb: 2\n', /^f\.yaml:1:2: a byte order mark/],
  ])('%s', (_name, text, message) => {
    expect(() => parseText(text, 'f.yaml')).toThrow(
      expect.objectContaining({
        code: 'TEXT_UNPARSABLE',
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  test('aliases that multiply without bound', () => {
    const levels = Array.from({ length: 9 }, (_none, index) =>
      index === 0
        ? 'l0: &l0 [x, x, x, x, x, x, x, x, x]'
        : `l${index}: &l${index} [${Array(9)
            .fill(`*l${index - 1}`)
            .join(', ')}]`,
    );
    expect(() => parseText(levels.join('\n'), 'bomb.yaml')).toThrow(/alias/i);
  });
});
