/** A new release takes the place of an older one, and of nothing else. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  provenanceFile,
  sumsFile,
  sumsOf,
  sumsText,
} from '../../../scripts/release.d/listed-files.ts';
import {
  folderBeside,
  inWords,
  refuseForeignFiles,
  replaceFolder,
} from '../../../scripts/release.d/replaced-folder.ts';

let work: string;
let out: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'svidecar-replaced-'));
  out = join(work, 'out');
});
afterEach(() => {
  rmSync(work, { recursive: true });
});

const ours = { predicate: { runDetails: { builder: { id: 'urn:svidecar:scripts/release' } } } };

function makeRelease(statement: object = ours): void {
  mkdirSync(join(out, 'npm'), { recursive: true });
  writeFileSync(join(out, 'npm/a.tgz'), 'a');
  writeFileSync(join(out, provenanceFile), JSON.stringify(statement));
  writeFileSync(join(out, sumsFile), sumsText(sumsOf(out)));
}

const refuse = (): void => {
  refuseForeignFiles(out);
};

test('a folder that is not there, is empty or holds a release is replaced', () => {
  refuse();
  mkdirSync(out);
  refuse();
  makeRelease();
  const made = folderBeside(out);
  writeFileSync(join(made, 'new'), '');
  replaceFolder(out, made);
  expect(readdirSync(work)).toEqual(['out']);
  expect(readdirSync(out)).toEqual(['new']);
});

test("somebody's folder is not", () => {
  mkdirSync(join(out, 'letters'), { recursive: true });
  expect(refuse).toThrow('holds no release (it has no SHA256SUMS), so it is not replaced');
});

test('nor one with sums and a statement of its own', () => {
  makeRelease({ subject: [] });
  expect(refuse).toThrow("holds no release of svidecar's");
});

test('nor is a release with a file of somebody beside it, or instead of one of its own', () => {
  makeRelease();
  writeFileSync(join(out, 'npm/notes'), '');
  expect(refuse).toThrow('holds npm/notes, which is no file of a release');
  rmSync(join(out, 'npm/notes'));
  writeFileSync(join(out, 'npm/a.tgz'), 'mine');
  expect(refuse).toThrow('holds npm/a.tgz, which was changed since');
});

test('what was put there meanwhile stays where it is', () => {
  makeRelease();
  const made = folderBeside(out);
  writeFileSync(join(out, 'thesis.txt'), '');
  expect(() => {
    replaceFolder(out, made);
  }).toThrow(`${out} holds thesis.txt`);
  expect(existsSync(join(out, 'thesis.txt'))).toBe(true);
  expect(existsSync(made)).toBe(true);
});

test('where there can be no folder it is said, with what to do', () => {
  writeFileSync(out, '');
  expect(refuse).toThrow(`${out} is there and is no folder`);
  expect(() => folderBeside(join(out, 'a/b'))).toThrow(`${out} is no folder; name another`);
  expect(() => folderBeside('/proc/none/out')).toThrow('name another folder with --out');
});

test('a full disk is said, with what to do', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  expect(String(inWords(full, out))).toContain('make room, or name others with --out and TMPDIR');
});
