/**
 * What hostile bodies cost the webhook before anything is known of them, and what they would cost if they were parsed:
 * `node --expose-gc --max-old-space-size=192 --max-semi-space-size=16 test/bench/hostile-bodies.ts [NAME]`, the heap flags
 * of the Deployment. Without a name each body is measured in a process of its own; one that ends is told as such.
 */
import { spawnSync } from 'node:child_process';
import { BodyScan } from '../../webhook/server/body-scan.ts';
import { defaultLimits } from '../../webhook/server/limits.ts';

const bytes = defaultLimits.maxBodyBytes;
const list = (piece: (index: number) => string, count: number): string =>
  `[${Array.from({ length: count }, (_, index) => piece(index)).join()}]`;
const bodies: Readonly<Record<string, () => string>> = {
  'empty objects': () => list(() => '{}', bytes / 3),
  'open brackets': () => '['.repeat(bytes),
  'ever new keys': () => list((index) => `{"k${index}":0}`, bytes / 15),
  'keys of one object': () =>
    `{${Array.from({ length: bytes / 13 }, (_, index) => `"k${index}":0`).join()}}`,
  numbers: () => list(() => '1', bytes / 2),
  'one number': () => `[${'1'.repeat(bytes - 2)}]`,
  'one text': () => `"${'a'.repeat(bytes - 2)}"`,
  escapes: () => `"${String.raw`\u0000`.repeat(bytes / 6 - 1)}"`,
  'as many values as are taken': () => list(() => '1', defaultLimits.maxWeight - 10),
  'as many empty objects': () => list(() => '{}', defaultLimits.maxWeight / 2 - 10),
  'as many new keys': () => list((index) => `{"k${index}":0}`, defaultLimits.maxWeight / 10 - 10),
};

function cpuMs(act: () => void): number {
  const before = process.threadCpuUsage();
  act();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

function measure(name: string, isParsedAnyway: boolean): void {
  const body = Buffer.from(bodies[name]?.() ?? '');
  const scan = new BodyScan(defaultLimits);
  let fault: string | undefined;
  let worst = 0;
  for (let at = 0; at < body.length && fault === undefined; at += 65_536) {
    const piece = cpuMs(() => (fault = scan.add(body.subarray(at, at + 65_536))));
    worst = Math.max(worst, piece);
  }
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  let value: unknown;
  const isParsed = isParsedAnyway || fault === undefined;
  const parseMs = isParsed ? cpuMs(() => void (value = JSON.parse(body.toString()))) : 0;
  const mib = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  const figures = [worst, parseMs, mib].map((figure) => figure.toFixed(1).padStart(8)).join('');
  console.log(`${figures}  ${fault ?? 'taken'}${value === null ? ' ' : ''}`);
}

const [name, mode] = process.argv.slice(2);
if (name === undefined) {
  console.log(`${'body'.padEnd(30)} piece ms  parse ms  heap MiB`);
  for (const body of Object.keys(bodies)) {
    for (const each of ['before', 'after']) {
      const words = [...process.execArgv, import.meta.filename, body, each];
      const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8' });
      const told = status === 0 ? stdout.trimEnd() : '  the process ended, or threw';
      console.log(`${body.padEnd(28)} ${each.padEnd(6)} ${told}`);
    }
  }
} else measure(name, mode === 'before');
