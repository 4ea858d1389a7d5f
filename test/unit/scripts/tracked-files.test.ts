/** What lies in a folder and is not in git gets into nothing that is shipped. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cleanCommit, trackedFilesIn } from '../../../scripts/tracked-files.ts';

let root: string;
const git = (...args: readonly string[]): string =>
  execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=e@example.org', ...args], {
    cwd: root,
    encoding: 'utf8',
  });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'svidecar-tracked-'));
  mkdirSync(join(root, 'demo/sub'), { recursive: true });
  for (const path of ['demo/b.yaml', 'demo/ä.yaml', 'demo/sub/a.yaml', 'other'])
    writeFileSync(join(root, path), path);
  git('init', '--quiet');
  git('add', '.');
  git('commit', '--quiet', '--message', 'first');
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const paths = (): readonly string[] =>
  trackedFilesIn('demo', 'package/demo', root).map(({ path }) => path);
const tracked = ['package/demo/b.yaml', 'package/demo/sub/a.yaml', 'package/demo/ä.yaml'];

test('what git ignores is in no archive', () => {
  appendFileSync(join(root, '.git/info/exclude'), '*.swp\n');
  writeFileSync(join(root, 'demo/secret.swp'), 'TOKEN');
  expect(cleanCommit(root)).toBe(git('rev-parse', 'HEAD').trim());
  expect(paths()).toEqual(tracked);
});

test('outside a clone all files are taken, and no release is made', () => {
  rmSync(join(root, '.git'), { recursive: true });
  expect(paths()).toEqual(tracked);
  expect(() => cleanCommit(root)).toThrow('made in a clone');
});

test('settings of git hide nothing from a release', () => {
  git('config', 'status.showUntrackedFiles', 'no');
  writeFileSync(join(root, 'demo/stray'), '');
  expect(() => cleanCommit(root)).toThrow('not committed are 1 files: ?? demo/stray; commit them');
  rmSync(join(root, 'demo/stray'));
  git('update-index', '--assume-unchanged', 'demo/b.yaml');
  writeFileSync(join(root, 'demo/b.yaml'), 'changed');
  expect(() => cleanCommit(root)).toThrow('git was told not to look at 1 files: h demo/b.yaml');
});
