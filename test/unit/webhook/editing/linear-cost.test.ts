/** Reading and editing cost no more than in proportion to the text: two sizes are compared, no time is promised. */
import { expect, test } from 'vitest';
import type { Operation } from '../../../../webhook/editing/operation.ts';
import { editText } from '../../../../webhook/editing/edit-text.ts';
import { ownFileLimits } from '../../../../webhook/editing/text-limits.ts';

const sizes = { small: 1_500, large: 12_000 } as const;
/** Eight times the size may cost this many times as much; what is quadratic costs 64 times as much. */
const mostGrowth = 28;

type Write = (count: number) => {
  readonly text: string;
  readonly operations?: readonly Operation[];
};

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_none, index) => line(index)).join('');
}

/** Of the processor, in microseconds. */
function costOf(write: Write, count: number): number {
  const { text, operations = [{ op: 'add', path: '/new', value: 1 }] } = write(count);
  const before = process.cpuUsage();
  editText(text, operations, { where: 'a.yaml', limits: ownFileLimits });
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** The lowest of some runs, as others run beside them; the large ones are repeated only where one was slow. */
function growthOf(write: Write): number {
  const small = Math.min(...Array.from({ length: 4 }, () => costOf(write, sizes.small)));
  let growth = costOf(write, sizes.large) / small;
  for (let run = 0; run < 3 && growth >= mostGrowth; run += 1)
    growth = Math.min(growth, costOf(write, sizes.large) / small);
  return growth;
}

const removals = (count: number, path: string): Operation[] =>
  Array.from({ length: count - 1 }, (_none, index): Operation => ({
    op: 'remove',
    path: `${path}/${count - 1 - index}`,
  }));

test.each<readonly [string, Write]>([
  ['keys of a map', (count) => ({ text: `a:\n${lines(count, (i) => `  k${i}: 1\n`)}` })],
  ['keys of a flow map', (count) => ({ text: `a: {${lines(count, (i) => `k${i}: 1,`)}}\n` })],
  ['anchors', (count) => ({ text: lines(count, (i) => `a${i}: &x${i} 1\nb${i}: *x${i}\n`) })],
  ['aliases of one anchor', (count) => ({ text: `a: &a 1\nb: [${'*a,'.repeat(count)}]\n` })],
  ['lines of a block scalar', (count) => ({ text: `a: |\n${'  text\n'.repeat(count * 4)}` })],
  ['comments', (count) => ({ text: `a: 1\n${'# text\n'.repeat(count * 4)}` })],
  [
    'items of a list on one line that are replaced',
    (count) => ({
      text: `[${lines(count, () => '{a: 1}, ')}]`,
      operations: Array.from({ length: count }, (_none, i) => ({
        op: 'replace' as const,
        path: `/${i}/a`,
        value: 2,
      })),
    }),
  ],
  [
    'removed items of a flow list',
    (count) => ({
      text: `a: [${lines(count, (i) => `${i}, `)}]\n`,
      operations: removals(count, '/a'),
    }),
  ],
  [
    'removed items of a block list',
    (count) => ({
      text: `a:\n${lines(count, (i) => `- ${i}\n`)}`,
      operations: removals(count, '/a'),
    }),
  ],
])('%s', (_what, write) => {
  expect(growthOf(write)).toBeLessThan(mostGrowth);
});
