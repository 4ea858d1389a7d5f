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

test('a place that nobody can write to is told, and standard output takes it as well', async () => {
  const { code, err } = await runSvidecar(['workbench', '-o', join(work, 'no/such/page.html')]);
  expect(code).toBe(3);
  expect(err).toContain('[FILE_UNREADABLE]');
  expect((await runSvidecar(['workbench', '-o', '-'])).out).toMatch(/^<!doctype html>/);
});
