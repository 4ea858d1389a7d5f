/**
 * The helper as one executable: Bun with all of the helper's bundles inside, and their bytecode, so that nothing is parsed or
 * compiled at a start, nor read from disk later. Nothing is downloaded: this machine's Bun writes it, around itself or around
 * the Bun of the other architecture.
 * @see docs/adr/0154-the-helper-is-one-executable.md
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { bunBinary, bunRuntime, ownArchitecture, type Architecture } from './architectures.ts';
import { bundleHelper } from './bundle.ts';

const run = promisify(execFile);

/** The bundles are minified already, with their names kept. Whatever lies in the folder where it runs must not matter. */
const options = [
  '--compile',
  '--bytecode',
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
];

const targets = { amd64: 'bun-linux-x64', arm64: 'bun-linux-arm64' } as const;

/** Equal input gives equal bytes, wherever it is made. @returns as `bundleHelper` */
export async function buildExecutable(
  out: string,
  architecture: Architecture,
): Promise<readonly string[]> {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-executable-'));
  try {
    const packages = await bundleHelper(join(work, 'helper.cjs'));
    mkdirSync(dirname(out), { recursive: true });
    await run(
      resolve(bunBinary),
      ['build', ...options, ...foreign(architecture), 'helper.cjs', '--outfile', resolve(out)],
      // No variables of Bun's: they would change what is made.
      { cwd: work, env: { PATH: process.env['PATH'] } },
    );
    return packages;
  } finally {
    rmSync(work, { recursive: true });
  }
}

function foreign(architecture: Architecture): readonly string[] {
  if (architecture === ownArchitecture) return [];
  const { binary } = bunRuntime(architecture);
  return [`--target=${targets[architecture]}`, `--compile-executable-path=${binary}`];
}
