/** The list is what a folder holds, and bounded. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readUnlisted, sumsFile } from '../../../scripts/release.d/listed-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'svidecar-listed-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('a list of any size is not read', () => {
  writeFileSync(join(folder, sumsFile), '');
  truncateSync(join(folder, sumsFile), 3 * 1024 ** 3);
  expect(() => readUnlisted(folder, sumsFile)).toThrow('has 3221225472 bytes');
});
