import { describe, expect, test } from 'vitest';
import { editText } from '../../../../webhook/editing/edit-text.ts';

function without(text: string, ...paths: string[]): string {
  const operations = paths.map((path) => ({ op: 'remove', path }) as const);
  return editText(text, operations, { where: 'deploy.yaml' }).text;
}

describe('the first entries of a block leave together', () => {
  test.each<[string, string, string[], string]>([
    ['without comments', 'm:\n  a: 1\n  b: 2\n  c: 3\n', ['/m/a', '/m/b'], 'm:\n  c: 3\n'],
    [
      'a comment that ends the line of the last one goes too',
      'm:\n   b: {x: 1,\n         y: 2}  \n   l:\n    - s\t# tab\n   a: |-\n',
      ['/m/l', '/m/b'],
      'm:\n   a: |-\n',
    ],
    [
      'a comment above the one that stays stays with it',
      'm:\n- # note\n  a: 1\n- b: 2\n  # why\n- c: 3\n',
      ['/m/1', '/m/0'],
      'm:\n  # why\n- c: 3\n',
    ],
    [
      'what stood behind a dash leaves the dash',
      '- list: 0600\n  x.y: [ text ] # note\n  z: []  \n',
      ['/0/x.y', '/0/list'],
      '-  # note\n  z: []  \n',
    ],
    [
      'items behind a dash leave it as well',
      '- -\t\n  -   "e"\n# between\n  - http://h:1/p\n',
      ['/0/0', '/0/0'],
      '- \n# between\n  - http://h:1/p\n',
    ],
    [
      'each comment between them stays',
      '- a: 1\n  b: 2\n  # one\n  c: 3\n  d: 4\n  # two\n  e: 5\n',
      ['/0/a', '/0/b', '/0/c', '/0/d'],
      '- \n  # one\n  # two\n  e: 5\n',
    ],
    [
      'lines that end in CR and LF',
      'n:\r\n-   l: "q"\r\n    a:\r\n  # indented\r\n    z: 1\r\n',
      ['/n/0/l', '/n/0/a'],
      'n:\r\n-   \r\n  # indented\r\n    z: 1\r\n',
    ],
  ])('%s', (...[, text, paths, expected]) => {
    expect(without(text, ...paths)).toBe(expected);
  });

  test('as they do one by one', () => {
    const text = '-\n  b-c:  \n  z: {b-c: "a # b"}\n# between\n  name: {}\t';
    const together = without(text, '/0/b-c', '/0/z');
    expect(together).toBe('-\n# between\n  name: {}\t');
    expect(without(without(text, '/0/b-c'), '/0/z')).toBe(together);
  });
});
