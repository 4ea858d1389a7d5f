import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unifiedDiff } from '../../../../webhook/manifests/unified-diff.ts';

const labels = { before: 'a', after: 'b' };

/** Carries a unified diff out, by its own rules: an independent reader of the format. */
function patched(before: string, diff: string): string {
  const lines = linesOf(before);
  const result: string[] = [];
  let at = 0;
  const [, , ...parts] = linesOf(diff.replaceAll('\n\\ No newline at end of file\n', '\u0000\n'));
  for (const line of parts) {
    const from = /^@@ -(\d+),(\d+)/.exec(line);
    if (from !== null) {
      const start = Number(from[1]) - (from[2] === '0' ? 0 : 1);
      result.push(...lines.slice(at, start));
      at = start;
      continue;
    }
    const text = line.slice(1).replace('\u0000\n', '');
    if (!line.startsWith('+')) expect(lines[at++]).toBe(text);
    if (!line.startsWith('-')) result.push(text);
  }
  return [...result, ...lines.slice(at)].join('');
}

function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

const texts = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', 'c', '', 'a\r')), fc.boolean())
  .map(([lines, hasEnd]) => lines.join('\n') + (hasEnd ? '\n' : ''));

describe('a unified diff', () => {
  test('carried out on the one text gives the other', () => {
    fc.assert(
      fc.property(texts, texts, (before, after) => {
        expect(patched(before, unifiedDiff({ before, after }, labels))).toBe(after);
      }),
    );
  });

  test('of equal texts is empty', () => {
    expect(unifiedDiff({ before: 'a\n', after: 'a\n' }, labels)).toBe('');
  });

  test('shows three lines around a change, with line numbers of the file', () => {
    const before = '1\n2\n3\n4\n5\n6\n7\n8\n';
    const after = before.replace('5\n', '5\nnew\n');
    expect(unifiedDiff({ before, after }, { ...labels, firstLine: 101 })).toBe(
      '--- a\n+++ b\n@@ -103,6 +103,7 @@\n 3\n 4\n 5\n+new\n 6\n 7\n 8\n',
    );
  });

  test('shows texts without anything in common as replaced', () => {
    const lines = (word: string): string => `${word}\n`.repeat(600);
    const diff = unifiedDiff({ before: lines('old'), after: lines('new') }, labels);
    expect(diff.split('\n').filter((line) => line === '-old')).toHaveLength(600);
    expect(diff).toContain(' @@ more than 1,000 lines differ, so all are shown as replaced\n');
    const before = `${lines('old')}end`;
    const after = lines('new');
    expect(patched(before, unifiedDiff({ before, after }, labels))).toBe(after);
  });
});
