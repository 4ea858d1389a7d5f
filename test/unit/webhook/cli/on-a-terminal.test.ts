/** The program on a real terminal (util-linux's script gives it one): what long work shows there, and nowhere else. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'svidecar-terminal-'));
const program = `'${process.execPath}' webhook/main.ts`;
/** Far more than half a second of work, also for a quick machine. */
const copies = 400;
/** Documents of all of them. */
const documents = copies * 4;

beforeAll(() => {
  const text = readFileSync('manifests/demo/frontend.yaml', 'utf8');
  for (let copy = 0; copy < copies; copy += 1)
    writeFileSync(
      join(folder, `${copy}.yaml`),
      text.replaceAll('namespace: demo', `namespace: n${copy}`),
    );
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Standard error as the terminal gets it. */
function onTerminal(line: string, env: Readonly<Record<string, string>> = {}): string {
  const { stdout } = spawnSync(
    'script',
    ['-qec', `stty cols 80; ${program} ${line} > ${folder}/out`, '/dev/null'],
    { encoding: 'utf8', env: { ...process.env, CI: '', NO_COLOR: '', TERM: 'xterm', ...env } },
  );
  return stdout;
}

describe.skipIf(spawnSync('script', ['--version']).status !== 0)('on a terminal', () => {
  test('many files show how far they are, on one line that is gone at the end', () => {
    const seen = onTerminal(`explain ${folder}`);
    expect(seen).toContain(` of ${documents}\u001b[K`);
    expect(seen).toMatch(/\rdocument \d+ of /);
    expect(seen.trimEnd().endsWith('\u001b[K')).toBe(true);
    expect(seen.split('\n').filter((line) => line.trim() !== '')).toHaveLength(1);
  });

  test.each([
    ['with --quiet', `inject --quiet ${folder}`, {}],
    ['in CI', `explain ${folder}`, { CI: 'true' }],
    ['without a cursor', `explain ${folder}`, { TERM: 'dumb' }],
    ['for short work', 'explain manifests/demo/frontend.yaml', {}],
  ])('nothing is shown %s', (_, line, env) => {
    expect(onTerminal(line, env)).not.toContain('document');
  });

  test('in a pipe nothing is shown', () => {
    const { stderr } = spawnSync('sh', ['-c', `${program} explain ${folder} >/dev/null`], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
  });
});
