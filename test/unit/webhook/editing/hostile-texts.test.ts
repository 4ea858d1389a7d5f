/** Texts that were made to cost: each is refused, in words, before it does. */
import { describe, expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import { editText } from '../../../../webhook/editing/edit-text.ts';
import { parseText } from '../../../../webhook/editing/parse-text.ts';
import { clusterLimits } from '../../../../webhook/editing/text-limits.ts';

const where = 'envoy.yaml';

function refusalOf(text: string): string {
  try {
    parseText(text, where);
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    expect(thrown.code).toBe('TEXT_UNPARSABLE');
    return thrown.message;
  }
  return 'read';
}

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_none, index) => line(index)).join('');
}

describe('a text that costs more than it is worth is refused with the place where that shows', () => {
  const many = clusterLimits.maxValues;
  test.each<readonly [string, () => string, RegExp]>([
    [
      'brackets inside brackets',
      () => `a: ${'['.repeat(100_000)}`,
      /^envoy\.yaml:1:202: more than 200 levels are nested here/,
    ],
    [
      'the same as JSON',
      () => `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
      /^envoy\.yaml:1:201: more than 200 levels/,
    ],
    [
      'dashes in a row',
      () => `a:\n ${'- '.repeat(50_000)}b\n`,
      /^envoy\.yaml:2:\d+: more than 200/,
    ],
    ['question marks in a row', () => `${'? '.repeat(50_000)}b\n`, /more than 200 levels/],
    ['colons in a row', () => `a:\n ${': '.repeat(50_000)}b\n`, /more than 200 levels/],
    [
      'lines that each stand deeper',
      () => lines(400, (index) => `${' '.repeat(index)}a:\n`),
      /^envoy\.yaml:200:201: more than 200 levels/,
    ],
    [
      'few aliases of a long list',
      () => `a: &a [${'1,'.repeat(40_000)}]\nb: [${'*a,'.repeat(50)}]\n`,
      /^envoy\.yaml:2:8: .*aliases written out/,
    ],
    [
      'few aliases of a long text',
      () => `a: &a ${'x'.repeat(900_000)}\nb: [${'*a,'.repeat(50)}]\n`,
      /aliases written out/,
    ],
    [
      'aliases of aliases of aliases',
      () =>
        `a0: &a0 [1,1,1,1,1,1,1,1,1]\n${lines(9, (index) => `a${index + 1}: &a${index + 1} [${`*a${index},`.repeat(9)}]\n`)}`,
      /^envoy\.yaml:\d:\d+: .*aliases written out/,
    ],
    [
      'merge keys of a long map',
      () =>
        `a: &a {${lines(400, (index) => `k${index}: 1,`)}}\n${lines(400, (index) => `b${index}: {<<: *a}\n`)}`,
      /aliases written out/,
    ],
    [
      'a chain of anchors, each around the one before',
      () => `a0: &a0 [1]\n${lines(450, (index) => `a${index + 1}: &a${index + 1} [*a${index}]\n`)}`,
      /aliases nest more than 400 levels here/,
    ],
    ['too many numbers', () => `[${'1,'.repeat(many + 1)}]`, /at most 120,000 keys and values/],
    ['too many empty maps', () => `[${'{},'.repeat(many / 2 + 1)}]`, /at most 120,000 keys and/],
    ['too many dashes', () => '-\n'.repeat(many + 1), /at most 120,000 keys and values/],
    [
      'blank lines before comments',
      () => `a:\n  b: 1\n${'\n'.repeat(20_000)}${' #\n'.repeat(20_000)}c: 1\n`,
      /too many blank lines and comments in a row/,
    ],
    ['too many characters', () => `a: ${'x'.repeat(3_000_000)}`, /at most 2,097,152 characters/],
  ])('%s', (_what, text, message) => {
    expect(refusalOf(text())).toMatch(message);
  });
});

test('too many line ends, as blank lines are tokens too', () => {
  const limits = { ...clusterLimits, maxTokens: 5_000 };
  const edit = (): unknown => editText(`a: 1\n${'\n'.repeat(6_000)}`, [], { where, limits });
  expect(edit).toThrow(/^envoy\.yaml:\d+:1: a document may have at most 5,000 words and marks/);
});

describe('what honest files hold is read', () => {
  test.each<readonly [string, () => string]>([
    ['a map of 20,000 keys', () => `a:\n${lines(20_000, (index) => `  k${index}: 1\n`)}`],
    [
      '10,000 anchors with an alias each',
      () => lines(10_000, (i) => `a${i}: &x${i} 1\nb${i}: *x${i}\n`),
    ],
    ['100 aliases of a small map', () => `a: &a {b: 1, c: 2}\nl: [${'*a,'.repeat(100)}]\n`],
    ['a block scalar of half a megabyte', () => `a: |\n${'  some text\n'.repeat(45_000)}`],
    ['2,000 lines of comments at its head', () => `\n\n${'# licence\n'.repeat(2_000)}\na: 1\n`],
    ['30 levels', () => lines(30, (index) => `${'  '.repeat(index)}a:\n`)],
  ])('%s', (_what, text) => {
    expect(refusalOf(text())).toBe('read');
  });
});

test('keys that objects have from their prototype are keys like others, byte for byte', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  for (const name of names) {
    const text = `${name}:\n  a: 1 # kept\nb: {${name}: [1]}\n`;
    expect(parseText(text, where)).toEqual([JSON.parse(`{"${name}":{"a":1},"b":{"${name}":[1]}}`)]);
    expect(editText(text, [{ op: 'add', path: '/c', value: 1 }], { where }).text).toBe(
      `${text}c: 1\n`,
    );
    const twice = `${name}: 1\n${name}: 2\n`;
    expect(refusalOf(twice)).toMatch(/^envoy\.yaml:2:1: Map keys must be unique/);
  }
});
