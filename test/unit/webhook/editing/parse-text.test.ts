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
    [
      'a duplicate key',
      'a: 1\nb: 2\na: 3\n',
      /^f\.yaml:3:1: Map keys must be unique\n {2}a: 3\n {2}\^$/,
    ],
    ['a duplicate key in JSON', '{"a": 1, "a": 2}', /^f\.yaml:1:10: Map keys must be unique/],
    ['an unknown alias', 'a: *x\n', /^f\.yaml:1:4: the alias \*x has no anchor before it/],
    [
      'an alias of itself',
      'a: &x [*x]\n',
      /^f\.yaml:1:8: the alias \*x stands inside its own anchor/,
    ],
    ['a second document', 'a: 1\n---\nb: [\n', /^f\.yaml:\d+:\d+: /],
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
