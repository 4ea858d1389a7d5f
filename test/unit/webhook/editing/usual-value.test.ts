import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { usualValue } from '../../../../webhook/editing/usual-value.ts';

const templates = join(import.meta.dirname, '../../../../templates');

describe('each built-in template', () => {
  test.each(readdirSync(templates))('%s is usual YAML, and the parser reads the same', (name) => {
    const text = readFileSync(join(templates, name, 'template.yaml'), 'utf8');
    expect(usualValue(text)).toStrictEqual(parse(text));
  });
});

test.each([
  ['a mark before the document', '---\na: 1\n'],
  ['numbers of all forms', 'a: 0x1F\nb: 0o17\nc: 1e3\nd: 2.50\ne: 12:30\n'],
  ['words that older YAML takes for truth', 'a: yes\nb: off\nc: ~\nd: null\ne: True\n'],
  ['texts over several lines', 'a: >-\n  one\n  two\nb: |\n  three\n'],
  ['lists and maps in brackets', '{a: [1, {b: c}], d: []}\n'],
])('%s give the value that the parser gives', (_what, text) => {
  expect(usualValue(text)).toStrictEqual(parse(text));
});

test.each([
  ['nothing', ''],
  ['comments alone', '# a\n'],
  ['two documents', 'a: 1\n---\nb: 2\n'],
  ['a key that stands twice', 'a: 1\na: 2\n'],
  ['anchors', 'a: &x 1\nb: *x\n'],
  ['merge keys', '<<: {a: 1}\n'],
  ['a directive', '%YAML 1.1\n---\na: yes\n'],
  ['tags', 'a: !!str 1\n'],
  ['a byte order mark', '\uFEFFa: 1\n'],
  ['characters that readers differ about', 'a: b\u2028c\n'],
  ['infinity', 'a: .inf\n'],
  ['what is no number', 'a: [1, .nan]\n'],
  ['a number that is too large', 'a: 1e999\n'],
  ['what is no YAML', 'a: [\n'],
])('%s is left to the parser', (_what, text) => {
  expect(usualValue(text)).toBeUndefined();
});
