/** Pages about a release name its files as its list does, so that a file beside the list is not installed. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sumsFile, sumsOf, sumsText } from '../../../scripts/release.d/listed-files.ts';

const pages = ['README.md', 'docs/install.md', 'docs/releases.md', 'docs/upgrade.md'];
const textOf = (page: string): string => readFileSync(page, 'utf8');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'svidecar-names-'));
  for (const path of ['npm/svidecar-1.2.3.tgz', 'npm/svidecar-1.2.3.spdx.json', 'cli/a b.tgz'])
    put(path);
  writeFileSync(join(folder, sumsFile), sumsText(sumsOf(folder)));
  put('SHA256SUMS.sig');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function put(path: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), '');
}

const sh = (command: string): string =>
  execFileSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8' });

test.each(pages)('%s has no pattern for files of a release', (page) => {
  const commands = textOf(page)
    .split('\n')
    .filter((line) => /\b(npm|images|chart|cli)\/[^ ']*\*/.test(line));
  // Those of grep are about lines of the list.
  expect(commands.filter((line) => !line.includes('grep -o'))).toEqual([]);
});

test('what docs/install.md installs is in the list', () => {
  put('npm/svidecar-9.tgz');
  const [, name = ''] = /^\$ npm install -g (.*)$/m.exec(textOf('docs/install.md')) ?? [];
  expect(sh(`printf %s ${name}`)).toBe('./npm/svidecar-1.2.3.tgz');
});

test("docs/releases.md's command prints what is beside the list", () => {
  const [command = ''] = /^find \. .*$/m.exec(textOf('docs/releases.md')) ?? [];
  expect(sh(`${command} || true`)).toBe('');
  put('npm/svidecar-9.tgz');
  put('cli/a');
  expect(sh(`${command} | sort`)).toBe('cli/a\nnpm/svidecar-9.tgz\n');
});
