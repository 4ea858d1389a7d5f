/** A new release takes the place of an older one, and of nothing else. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  readUnlisted,
  refuseForeignFiles,
  sumsFile,
  sumsOf,
  sumsText,
} from '../../../scripts/release.d/listed-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'svidecar-listed-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function makeRelease(): void {
  mkdirSync(join(folder, 'npm'));
  writeFileSync(join(folder, 'npm/a.tgz'), 'a');
  writeFileSync(join(folder, sumsFile), sumsText(sumsOf(folder)));
  writeFileSync(join(folder, 'provenance.json'), '{}');
}

const refuse = (): void => {
  refuseForeignFiles(folder);
};

test('a folder that is not there, is empty or holds a release is replaced', () => {
  refuse();
  makeRelease();
  refuse();
  // Cut or changed, it is still none of anybody else.
  writeFileSync(join(folder, 'npm/a.tgz'), 'b');
  refuse();
  refuseForeignFiles(join(folder, 'none'));
});

test("somebody's folder is not", () => {
  mkdirSync(join(folder, 'letters'));
  expect(refuse).toThrow('holds no release (it has no SHA256SUMS), so it is not replaced');
});

test('nor is a release with a file of somebody beside it', () => {
  makeRelease();
  writeFileSync(join(folder, 'npm/notes'), '');
  expect(refuse).toThrow('holds npm/notes, which is no file of a release');
  expect(readdirSync(folder)).toContain('npm');
});

test('a list of any size is not read', () => {
  writeFileSync(join(folder, sumsFile), '');
  truncateSync(join(folder, sumsFile), 3 * 1024 ** 3);
  expect(() => readUnlisted(folder, sumsFile)).toThrow('has 3221225472 bytes');
});
