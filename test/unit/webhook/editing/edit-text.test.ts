import { describe, expect, test } from 'vitest';
import { editText } from '../../../../webhook/editing/edit-text.ts';
import type { Operation } from '../../../../webhook/editing/operation.ts';

const where = 'deploy.yaml';

function edited(text: string, ...operations: Operation[]): string {
  return editText(text, operations, { where }).text;
}

const pod = { name: 'x', args: ['-p', 'yes'] };

describe('an addition is written in the style that stands there', () => {
  test.each<[string, string, Operation, string]>([
    [
      'indentless lists',
      'a:\n- b # c\nd: 1\n',
      { op: 'add', path: '/a/-', value: pod },
      'a:\n- b # c\n- name: x\n  args:\n  - "-p"\n  - "yes"\nd: 1\n',
    ],
    [
      'indented lists',
      'a:\n    - b\n',
      { op: 'add', path: '/a/-', value: pod },
      'a:\n    - b\n    - name: x\n      args:\n          - "-p"\n          - "yes"\n',
    ],
    [
      'wide dashes',
      'a:\n-   b: 1\n    c: 2',
      { op: 'add', path: '/a/0', value: { k: 1, l: 2 } },
      'a:\n-   k: 1\n    l: 2\n-   b: 1\n    c: 2',
    ],
    [
      'before the first item, under its comment',
      'a:\n  # first\n  - b\n',
      { op: 'add', path: '/a/0', value: 'z' },
      'a:\n  # first\n  - z\n  - b\n',
    ],
    [
      "after an item, above the next one's comment",
      '- a\n\n# about b\n- b\n',
      { op: 'add', path: '/1', value: 'z' },
      '- a\n- z\n\n# about b\n- b\n',
    ],
    [
      'a new key with everything in it',
      'metadata:\n  name: n\n',
      { op: 'add', path: '/metadata/annotations', value: { 'a.b/c': 'true' } },
      'metadata:\n  name: n\n  annotations:\n    a.b/c: "true"\n',
    ],
    [
      'in the place of nothing',
      'a:\n  volumes: # none\n  b: 1\n',
      { op: 'add', path: '/a/volumes', value: ['v'] },
      'a:\n  volumes: # none\n  - v\n  b: 1\n',
    ],
    [
      'in flow lists',
      'a: [b, c] # d\n',
      { op: 'add', path: '/a/1', value: { k: 'a: b' } },
      'a: [b, {k: "a: b"}, c] # d\n',
    ],
    [
      'in empty flow maps',
      'a: {}\n',
      { op: 'add', path: '/a/on', value: null },
      'a: {"on": null}\n',
    ],
    [
      'in padded flow maps',
      'a: { b: 1 }\n',
      { op: 'add', path: '/a/c', value: {} },
      'a: { b: 1, c: {} }\n',
    ],
    [
      'in pretty JSON',
      '{\n\t"a": []\n}',
      { op: 'add', path: '/a/0', value: { b: 'on' } },
      '{\n\t"a": [\n\t\t{\n\t\t\t"b": "on"\n\t\t}\n\t]\n}',
    ],
    [
      'in compact JSON',
      '{"a":[1]}',
      { op: 'add', path: '/a/-', value: { b: [2, 3] } },
      '{"a":[1,{"b":[2,3]}]}',
    ],
    [
      'with Windows line ends',
      'a:\r\n- b\r\n',
      { op: 'add', path: '/a/-', value: 'c' },
      'a:\r\n- b\r\n- c\r\n',
    ],
    ['without a line end at the end', 'a: 1', { op: 'add', path: '/b', value: 2 }, 'a: 1\nb: 2'],
    [
      'after a block scalar',
      'a: |+\n  text\n\nb: 1\n',
      { op: 'add', path: '/c', value: 1 },
      'a: |+\n  text\n\nb: 1\nc: 1\n',
    ],
    [
      'after an item that is a block scalar',
      '- |+\n  text\n\n- b\n',
      { op: 'add', path: '/1', value: 1 },
      '- |+\n  text\n\n- 1\n- b\n',
    ],
    [
      'to an alias of a map',
      'a: &x {b: 1}\nc: *x # d\n',
      { op: 'add', path: '/c/e', value: 'f' },
      'a: &x {b: 1}\nc: {<<: *x, e: f} # d\n',
    ],
  ])('%s', (...[, text, operation, expected]) => {
    const result = edited(text, operation);
    expect(result).toBe(expected);
    // A key that stood there with nothing behind it is not removed by the undoing of this.
    if (!operation.path.endsWith('/volumes')) {
      const path = operation.path.replace('-', '1');
      expect(edited(result, { op: 'remove', path })).toBe(text);
    }
  });
});

describe('scalars are safe for YAML 1.1 readers', () => {
  test.each([
    ['yes', '"yes"'],
    ['on', '"on"'],
    ['y', '"y"'],
    ['1_000', '"1_000"'],
    ['0600', '"0600"'],
    ['0o17', '"0o17"'],
    ['1:30', '"1:30"'],
    ['1e3', '"1e3"'],
    ['.5', '".5"'],
    ['~', '"~"'],
    ['', '""'],
    ['<<', '"<<"'],
    ['2026-11-22', '"2026-11-22"'],
    ['a: b', '"a: b"'],
    ['a #b', '"a #b"'],
    [' a', '" a"'],
    ['a\nb', '"a\\nb"'],
    ['\u0085', '"\\u0085"'],
    ['0.25s', '0.25s'],
    ['127.0.0.1', '127.0.0.1'],
    ['two words', 'two words'],
    ['spiffe://example.org/a', 'spiffe://example.org/a'],
  ])('%j becomes %s', (value, expected) => {
    expect(edited('a: 1\n', { op: 'add', path: '/b', value })).toBe(`a: 1\nb: ${expected}\n`);
  });
});

describe('a replaced value', () => {
  test.each<[string, string, Operation['path'], string | number | boolean, string]>([
    ['keeps double quotes', 'a: "b" # c\n', '/a', 'd', 'a: "d" # c\n'],
    ['adds none to a name', 'a: 1-envoy # c\n', '/a', '1-b', 'a: 1-b # c\n'],
    ['adds none to a list', 'a: 80,90\n', '/a', '80, 90,9011', 'a: 80, 90,9011\n'],
    ['adds them to a number', 'a: b\n', '/a', '1e5', 'a: "1e5"\n'],
    ['adds them to a date', 'a: b\n', '/a', '2026-01-02', 'a: "2026-01-02"\n'],
    ['adds them to a word that is read as false', 'a: b\n', '/a', 'No', 'a: "No"\n'],
    ['adds them in a flow map', 'a: {b: c}\n', '/a/b', '80,90', 'a: {b: "80,90"}\n'],
    ['keeps single quotes', "a: 'b'\n", '/a', "it's", "a: 'it''s'\n"],
    ['stays plain where it can', 'a: b\n', '/a', 'c', 'a: c\n'],
    ['is quoted where it must be', 'a: b\n', '/a', 'no', 'a: "no"\n'],
    [
      'keeps the place of a number',
      'replicas: 3 # three\n',
      '/replicas',
      5,
      'replicas: 5 # three\n',
    ],
    [
      'takes the place of a block',
      'a:\n  # why\n  - b\nc: 1\n',
      '/a',
      false,
      'a: false\n  # why\nc: 1\n',
    ],
  ])('%s', (...[, text, path, value, expected]) => {
    expect(edited(text, { op: 'replace', path, value })).toBe(expected);
  });
});

describe('several operations in one edit', () => {
  test('may build on each other', () => {
    const text = 'a:\n- b\n';
    const result = edited(
      text,
      { op: 'test', path: '/a/0', value: 'b' },
      { op: 'add', path: '/m', value: {} },
      { op: 'add', path: '/m/list', value: [] },
      { op: 'add', path: '/m/list/-', value: { k: 1 } },
      { op: 'add', path: '/a/0', value: 'x' },
      { op: 'remove', path: '/a/1' },
    );
    expect(result).toBe('a:\n- x\nm:\n  list:\n  - k: 1\n');
  });

  test('leave a document that they do not change byte for byte', () => {
    const text = 'big: 12345678901234567890\nf: 1.50\n# end';
    expect(edited(text, { op: 'add', path: '/x', value: 1 }, { op: 'remove', path: '/x' })).toBe(
      text,
    );
  });

  test('edit one document of several', () => {
    const text = '# one\na: 1\n---\nb: 2\n...\n# three\n---\nc: 3\n';
    const operation: Operation = { op: 'add', path: '/new', value: true };
    const result = editText(text, [operation], { where, document: 1 });
    expect(result.text).toBe('# one\na: 1\n---\nb: 2\nnew: true\n...\n# three\n---\nc: 3\n');
    expect(result.insertions).toEqual([{ offset: 19, length: 10 }]);
  });

  test('keep numbers that JavaScript cannot hold', () => {
    const text = '{"id": 12345678901234567890, "a": []}';
    expect(edited(text, { op: 'add', path: '/a/-', value: 1 })).toBe(
      '{"id": 12345678901234567890, "a": [1]}',
    );
  });
});

describe('places that share one text', () => {
  const shared = 'a: &x\n- 1\nb: *x\n';

  test('are changed once when the operations do the same to each', () => {
    const operations = ['/a/-', '/b/-'].map((path): Operation => ({ op: 'add', path, value: 2 }));
    expect(edited(shared, ...operations)).toBe('a: &x\n- 1\n- 2\nb: *x\n');
  });

  test.each<[string, string, Operation[], string]>([
    ['one of two lists', shared, [{ op: 'add', path: '/b/-', value: 2 }], 'deploy.yaml:3:4: '],
    ['the anchored one', shared, [{ op: 'add', path: '/a/-', value: 2 }], 'deploy.yaml:2:1: '],
    [
      'differently',
      shared,
      [
        { op: 'add', path: '/a/-', value: 2 },
        { op: 'add', path: '/b/-', value: 3 },
      ],
      'deploy.yaml:2:1: ',
    ],
    ['what an alias stands for', shared, [{ op: 'remove', path: '/a' }], 'deploy.yaml:2:1: '],
    [
      'inside what a merge key brings',
      'a: &x {b: {c: 1}}\nd: {<<: *x}\n',
      [{ op: 'add', path: '/d/b/e', value: 1 }],
      'deploy.yaml:2:4: ',
    ],
  ])(
    'are not changed when that would change another place: %s',
    (...[, text, operations, place]) => {
      expect(() => edited(text, ...operations)).toThrow(
        expect.objectContaining({
          code: 'EDIT_IMPOSSIBLE',
          message: expect.stringContaining(place) as string,
        }),
      );
    },
  );
});

test.each<[string, Operation, RegExp]>([
  ['a path that is not there', { op: 'remove', path: '/x/y' }, /^deploy\.yaml: /],
  ['a failed test', { op: 'test', path: '/a', value: 2 }, /^deploy\.yaml: /],
  ['an index beyond the end', { op: 'add', path: '/l/5', value: 2 }, /^deploy\.yaml: /],
])('%s is refused', (_name, operation, message) => {
  expect(() => edited('a: 1\nl: []\n', operation)).toThrow(
    expect.objectContaining({
      code: 'EDIT_IMPOSSIBLE',
      message: expect.stringMatching(message) as string,
    }),
  );
});

test.each([
  ['a key', 'a: |+\n  x\nb: 1\n\n', '/b'],
  ['an item', '- |+\n  x\n- 1\n\n', '/1'],
])(
  'a removal after which blank lines would count to a block scalar is refused: %s',
  (...[, text, path]) => {
    expect(() => edited(text, { op: 'remove', path })).toThrow(
      /^deploy\.yaml:1:1: .* without changing /,
    );
  },
);
