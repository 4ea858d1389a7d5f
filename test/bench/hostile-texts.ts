/**
 * What texts that were made to cost do cost: each in a process of its own, in the heap that the webhook has.
 * Prints a table of size, processor time, peak memory, and what became of the text. Arguments choose cases by name.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { editText } from '../../webhook/editing/edit-text.ts';

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_none, index) => line(index)).join('');
}

const cases: ReadonlyMap<string, () => string> = new Map([
  ['keys', () => `m:\n${lines(20_000, (i) => `  k${i}: 1\n`)}`],
  ['flow-keys', () => `m: {${lines(20_000, (i) => `k${i}: 1,`)}}\n`],
  ['anchors', () => lines(30_000, (i) => `a${i}: &x${i} 1\nb${i}: *x${i}\n`)],
  ['long-list-aliased', () => `a: &a [${'1,'.repeat(70_000)}]\nb: [${'*a,'.repeat(50)}]\n`],
  [
    'merge-keys',
    () => `a: &a {${lines(300, (i) => `k${i}: 1,`)}}\n${lines(300, (i) => `b${i}: {<<: *a}\n`)}`,
  ],
  ['brackets', () => `m: ${'['.repeat(120_000)}`],
  ['dashes', () => `m:\n ${'- '.repeat(100_000)}a\n`],
  ['numbers', () => `m: [${'1,'.repeat(500_000)}]\n`],
  ['empty-maps', () => `m: [${'{},'.repeat(300_000)}]\n`],
  ['most-numbers', () => `m: [${'1,'.repeat(119_000)}]\n`],
  ['blank-lines-and-comments', () => `a:\n  b: c\n${'\n'.repeat(20_000)}${' #\n'.repeat(20_000)}`],
  ['block-scalar', () => `a: |\n${'  x\n'.repeat(250_000)}`],
]);

const inOneProcess = '--one';

function measure(name: string): void {
  const text = cases.get(name)?.() ?? '';
  const before = process.cpuUsage();
  let outcome = 'edited';
  try {
    editText(text, [{ op: 'add', path: '/added', value: 1 }], { where: 'envoy.yaml' });
  } catch (thrown) {
    outcome = String(thrown).split('\n')[0] ?? '';
  }
  const { user, system } = process.cpuUsage(before);
  const cells = [
    name,
    `${Math.round(text.length / 1024)} KiB`,
    `${Math.round((user + system) / 1000)} ms`,
    `${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`,
    outcome,
  ];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

const [first, second = ''] = process.argv.slice(2);
if (first === inOneProcess) measure(second);
else {
  process.stdout.write(
    '| text | size | processor | peak memory | outcome |\n|---|---|---|---|---|\n',
  );
  const chosen = process.argv.slice(2);
  for (const name of chosen.length > 0 ? chosen : cases.keys()) {
    const heap = ['--max-old-space-size=192', '--max-semi-space-size=16'];
    const program = [...heap, fileURLToPath(import.meta.url), inOneProcess, name];
    try {
      process.stdout.write(
        execFileSync(process.execPath, program, { stdio: ['ignore', 'pipe', 'ignore'] }),
      );
    } catch {
      process.stdout.write(`| ${name} | | | | the process ended |\n`);
    }
  }
}
