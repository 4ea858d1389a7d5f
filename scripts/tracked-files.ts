/** What git tracks is what is shipped: an editor's copy or a note that git was told to ignore lies in the same folders. */
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { filesIn, from } from './image-layers.ts';
import type { TarEntry } from './tar.ts';

/**
 * The files of a folder that git tracks, in order; outside a clone, where nobody can tell, all of them.
 * @param root of the repository; the folder is one of its
 */
export function trackedFilesIn(folder: string, target: string, root = '.'): readonly TarEntry[] {
  if (!isClone(root)) return filesIn(join(root, folder), target);
  return git(root, 'ls-files', '-z', '--', folder)
    .split('\0')
    .filter((path) => lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true)
    .sort()
    .map((path) => from(join(target, path.slice(folder.length)), join(root, path), 0o644));
}

function isClone(root: string): boolean {
  return existsSync(join(root, '.git'));
}

/** The commit that the tree is of. @throws {Error} where a file differs from it, or git was told not to look */
export function cleanCommit(root = '.'): string {
  if (!isClone(root))
    throw new Error('a release is made in a clone, and this folder is none: clone the repository');
  const hidden = git(root, 'ls-files', '-v')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('H '));
  refuse(hidden, 'git was told not to look at', 'see `git update-index --no-assume-unchanged`');
  // Whoever makes a release may have told git to say less.
  const asWithoutSettings = ['-c', 'core.fsmonitor=false', '-c', 'core.ignoreStat=false'];
  const status = ['status', '--porcelain', '--untracked-files=all', '--ignore-submodules=none'];
  const changed = git(root, ...asWithoutSettings, ...status).split('\n');
  refuse(changed.filter(Boolean), 'not committed are', 'commit them, or put them elsewhere');
  return git(root, 'rev-parse', 'HEAD').trim();
}

function refuse(files: readonly string[], why: string, next: string): void {
  if (files.length === 0) return;
  const some = files.slice(0, 5).join(', ');
  throw new Error(
    `a release is made of what is committed, and ${why} ${files.length} files: ${some}; ${next}`,
  );
}

/** The tree of a commit, as a tar. @returns undefined where the clone does not have it, or is none */
export function archiveOf(commit: string, root = '.'): Buffer | undefined {
  if (!isClone(root)) return undefined;
  try {
    return execFileSync('git', ['archive', '--format=tar', `${commit}^{commit}`], {
      ...ownRepository(root),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    // Not there, as in a shallow clone.
    return undefined;
  }
}

/** Whatever repository a hook or a caller is about, this is about the one in the folder. */
function ownRepository(root: string) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  return { cwd: root, env: Object.fromEntries(own), maxBuffer: 256 * 1024 * 1024 };
}

function git(root: string, ...args: readonly string[]): string {
  return execFileSync('git', args, { ...ownRepository(root), encoding: 'utf8' });
}
