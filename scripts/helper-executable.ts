/**
 * The helper as one executable: Bun with all of the helper's bundles inside, and their bytecode, so that nothing is parsed or
 * compiled at a start, nor read from disk later. Nothing is downloaded: the Bun of the lock file copies itself.
 * @see docs/adr/0154-the-helper-is-one-executable.md
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { bundleHelper } from './bundle.ts';

/** Its package; optional: where it cannot be had, there is no such folder. */
export const folderOfBun = `node_modules/@oven/${process.arch === 'arm64' ? 'bun-linux-aarch64' : 'bun-linux-x64'}`;
export const bunBinary = `${folderOfBun}/bin/bun`;

/** The bundles are minified already, with their names kept. Whatever lies in the folder where it runs must not matter. */
const options = [
  '--compile',
  '--bytecode',
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
];

/** Equal input gives equal bytes, wherever it is made. @returns as `bundleHelper` */
export async function buildExecutable(out: string): Promise<readonly string[]> {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-executable-'));
  try {
    const packages = await bundleHelper(join(work, 'helper.cjs'));
    mkdirSync(dirname(out), { recursive: true });
    execFileSync(
      resolve(bunBinary),
      ['build', ...options, 'helper.cjs', '--outfile', resolve(out)],
      // No variables of Bun's: they would change what is made.
      { cwd: work, env: { PATH: process.env['PATH'] }, stdio: 'pipe' },
    );
    return packages;
  } finally {
    rmSync(work, { recursive: true });
  }
}
