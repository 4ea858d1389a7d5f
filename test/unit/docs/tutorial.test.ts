import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { stepsOf } from '../../e2e/harness/console-blocks.ts';
import { textOf } from './pages.ts';

const steps = stepsOf(textOf('docs/tutorial.md'));

test('a command goes over several lines after a backslash, in a quotation and in a loop', () => {
  const page =
    "```console\n$ a \\\n    b\nshown\n$ c '{\n  d}'\n$ for x in 1; do\n  e; done\n```\n";
  expect(stepsOf(page).map(({ command, shown }) => [command, shown])).toEqual([
    ['a b', ['shown']],
    ["c '{\n  d}'", []],
    ['for x in 1; do\n  e; done', []],
  ]);
});

test('docs/tutorial.md: every command is whole', () => {
  expect(steps.length).toBeGreaterThan(40);
  const broken = steps.filter(
    ({ command }) => spawnSync('bash', ['-n', '-c', command]).status !== 0,
  );
  expect(broken).toEqual([]);
});
