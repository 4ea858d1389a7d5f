import { describe, expect, it, test } from 'vitest';
import { notShown } from '../../../../webhook/console/hide-secrets.ts';
import { shownEnvoy } from '../../../../webhook/console/shown-envoy.ts';
import { shownFiles } from '../../../../webhook/console/shown-files.ts';

const how = { dialect: 'envoy', hide: shownEnvoy } as const;
const good = 'a: {inline_string: LEAK}\n';

describe('a file that cannot be read is not shown, and the page says so', () => {
  it.each([
    ['no YAML', 'a: [LEAK\n'],
    ['a text', 'LEAK\n'],
    ['two documents', 'a: LEAK\n---\nb: LEAK\n'],
    ['a key twice', 'a: LEAK\na: LEAK\n'],
    ['levels without end', `${'['.repeat(10_000)}LEAK`],
  ])('%s', (_name, text) => {
    for (const texts of [
      { before: text, after: good },
      { before: good, after: text },
      { before: '', after: text },
    ]) {
      const { problem, ...shown } = shownFiles(texts, how);
      expect(problem).toContain('not shown');
      expect(JSON.stringify(shown)).not.toContain('LEAK');
      expect(shown.after).toContain(notShown);
    }
  });
});

test('a text keeps its form, on both sides', () => {
  const before = `# LEAK\na:   {b: "x",  inline_string: 'LEAK'} # LEAK\nc: |\n  # no comment\nd: 'it # is'\n`;
  const after = `${before}e: {inline_string: |-\n  LEAK\n  }\n`.replace(
    '{inline_string: |-\n  LEAK\n  }',
    '1',
  );
  const form = `# ${notShown}\na:   {b: "x",  inline_string: '${notShown}'} # ${notShown}\nc: |\n  # no comment\nd: 'it # is'\n`;
  expect(shownFiles({ before, after }, how)).toEqual({ before: form, after: `${form}e: 1\n` });
});

test('where one side loses its form, the other does as well', () => {
  const after = 'a: &LEAK {b: 1}\nc: *LEAK\n';
  const { before, after: shown } = shownFiles({ before: 'a:   {b: 1}\n', after }, how);
  expect(before).toBe('a:\n  b: 1\n');
  expect(shown).not.toContain('LEAK');
});

/** Eight times the text may cost this many times as much; what is quadratic costs 64 times as much. */
const mostGrowth = 28;

test.each<readonly [string, (count: number) => string]>([
  ['secrets', (count) => `a:\n${'- {inline_string: LEAK}\n'.repeat(count)}`],
  ['pairs', (count) => `a:\n${'- {key: x, value: LEAK}\n'.repeat(count)}`],
  ['comments', (count) => `a: 1\n${'# LEAK\n'.repeat(4 * count)}`],
  ['one long text', (count) => `a: "${'eyJa-a://b:token:'.repeat(4 * count)}"\n`],
  ['one long name', (count) => `a: {${'aB_'.repeat(4 * count)}: 1}\n`],
  ['an unclosed list', (count) => `a: [${'"a", '.repeat(count)}`],
])('work for a file of %s grows no faster than the file', (_name, write) => {
  const cost = (count: number): number => {
    const after = write(count);
    const began = process.cpuUsage();
    shownFiles({ before: '', after }, how);
    const { user, system } = process.cpuUsage(began);
    return user + system;
  };
  const small = Math.max(1_000, Math.min(...Array.from({ length: 4 }, () => cost(600))));
  let growth = cost(4_800) / small;
  for (let run = 0; run < 3 && growth >= mostGrowth; run += 1)
    growth = Math.min(growth, cost(4_800) / small);
  expect(growth).toBeLessThan(mostGrowth);
});
