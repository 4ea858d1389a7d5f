import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

const work = mkdtempSync(join(tmpdir(), 'svidecar-workbench-'));
afterAll(() => {
  rmSync(work, { recursive: true });
});

test('the page is written, and what to open is said', async () => {
  const file = join(work, 'page.html');
  const { code, out, err } = await runSvidecar(['workbench', '-o', file]);
  expect([code, out]).toEqual([0, `file://${file}\n`]);
  expect(err).toBe('open it in a browser: it needs no server and no network\n');
  expect(readFileSync(file, 'utf8')).toContain('<title>svidecar workbench</title>');
  // One of before is replaced.
  expect((await runSvidecar(['workbench', '-o', file])).code).toBe(0);
});

test('a file of somebody else stays', async () => {
  const file = join(work, 'mine.html');
  writeFileSync(file, 'mine');
  const { code, err } = await runSvidecar(['workbench', '-o', file]);
  expect(code).toBe(2);
  expect(err).toContain('is not a workbench: name another file with -o [USAGE]');
  expect(readFileSync(file, 'utf8')).toBe('mine');
});

test('a file of somebody else stays, also where the title stands further down in it', async () => {
  const file = join(work, 'about.html');
  const text = `${' '.repeat(5_000)}<title>svidecar workbench</title>`;
  writeFileSync(file, text);
  expect((await runSvidecar(['workbench', '-o', file])).code).toBe(2);
  expect(readFileSync(file, 'utf8')).toBe(text);
});

test('an empty file, as mktemp makes it, is written, and of a longer page before nothing is left', async () => {
  const file = join(work, 'empty.html');
  writeFileSync(file, '');
  expect((await runSvidecar(['workbench', '-o', file])).code).toBe(0);
  const page = readFileSync(file, 'utf8');
  expect(page).toContain('<title>svidecar workbench</title>');
  writeFileSync(file, `${page}and more`);
  expect((await runSvidecar(['workbench', '-o', file])).code).toBe(0);
  expect(readFileSync(file, 'utf8')).toBe(page);
});

test.each([
  ['/dev/full', 'a device without an end'],
  ['/dev/zero', 'a device without an end'],
  [work, 'a folder'],
])('%s, %s, is not opened', async (place) => {
  const { code, err } = await runSvidecar(['workbench', '-o', place]);
  expect(code).toBe(2);
  expect(err).toContain('is there and is no regular file: name a file with -o, or -');
});

test('a pipe that nobody reads is not opened', async () => {
  const pipe = join(work, 'pipe');
  execFileSync('mkfifo', [pipe]);
  expect((await runSvidecar(['workbench', '-o', pipe])).code).toBe(2);
});

test('a place that nobody can write to is told, and standard output takes it as well', async () => {
  const { code, err } = await runSvidecar(['workbench', '-o', join(work, 'no/such/page.html')]);
  expect(code).toBe(3);
  expect(err).toContain('[FILE_UNREADABLE]');
  expect((await runSvidecar(['workbench', '-o', '-'])).out).toMatch(/^<!doctype html>/);
});
