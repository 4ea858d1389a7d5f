/**
 * The release before this one, as a clean checkout of its own commit with its own packages:
 *
 *     const older = olderVersion();
 *     execFileSync(join(older.folder, 'scripts/release'), [older.version, '--out', folder]);
 *     startProcess({ command: process.execPath, args: [join(older.folder, 'test/fakes/webhook-program.ts'), …] });
 *
 * It is made once below `dist`, for all tests and both lanes, and kept: nobody may write into it but its own scripts,
 * whose output goes elsewhere. Where the commit is not in the clone (a shallow one), it is this tree's HEAD, and says so.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '../../..');
/** What 0.1.0 is made of; with each release this becomes the commit of the one before (docs/releases.md). */
const olderCommit = '9b87ed4b952465bc5d3abcc6622e0455d7591366';
/** By `scripts/setup`: the sum of the lock file whose packages are there. */
const stampFile = 'node_modules/.svidecar-lock';

export interface OlderVersion {
  readonly folder: string;
  /** Such as `0.1.0`. */
  readonly version: string;
  /** Whether it is this tree's own HEAD, for want of the older commit. */
  readonly isSame: boolean;
}

export function olderVersion(): OlderVersion {
  const isSame = !hasCommit(olderCommit);
  const commit = isSame ? git('rev-parse', 'HEAD') : olderCommit;
  if (isSame)
    console.warn(
      `commit ${olderCommit.slice(0, 12)}, the release before, is not in this clone: HEAD stands in for it (git fetch --unshallow gets it)`,
    );
  const folder = join(repository, 'dist/older-version', commit);
  if (!existsSync(folder)) make(folder, commit);
  return { folder, version: versionOf(folder), isSame };
}

function hasCommit(commit: string): boolean {
  try {
    git('cat-file', '-e', `${commit}^{commit}`);
    return true;
  } catch {
    return false;
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, {
    cwd: repository,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

/** Made elsewhere and renamed: two lanes may want it at once. */
function make(folder: string, commit: string): void {
  mkdirSync(join(folder, '..'), { recursive: true });
  const work = mkdtempSync(join(folder, '..', 'making-'));
  const tree = join(work, 'tree');
  git('clone', '--quiet', '--local', '--no-checkout', repository, tree);
  git('-C', tree, '-c', 'advice.detachedHead=false', 'checkout', '--quiet', commit);
  install(tree);
  try {
    renameSync(tree, folder);
  } catch (thrown) {
    // The other lane was quicker.
    if (!existsSync(folder)) throw thrown;
  }
  rmSync(work, { recursive: true, force: true });
}

/** The same packages are shared as hard links; others are fetched as the lock file of that commit has them. */
function install(tree: string): void {
  if (packagesOf(tree) === packagesOf(repository)) {
    // A link to the folder would be followed by what makes images.
    execFileSync('cp', ['-al', join(repository, 'node_modules'), join(tree, 'node_modules')]);
    // Written anew: the linked one is this tree's.
    rmSync(join(tree, stampFile), { force: true });
    const lock = readFileSync(join(tree, 'package-lock.json'));
    writeFileSync(join(tree, stampFile), createHash('sha256').update(lock).digest('hex'));
  } else
    execFileSync('bash', ['scripts/setup'], { cwd: tree, stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The lock file without svidecar's own version, which stands twice at its beginning. */
function packagesOf(tree: string): string {
  const lock = readFileSync(join(tree, 'package-lock.json'), 'utf8');
  return lock.replaceAll(/(?<="name": "svidecar",\s+"version": ")[^"]+/g, '');
}

function versionOf(tree: string): string {
  // The package.json of a commit of ours.
  return (JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8')) as { version: string })
    .version;
}
