import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { followFolder } from '../../../../webhook/files/follow-folder.ts';

let folder = '';
let end = new AbortController();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'svidecar-follow-'));
  end = new AbortController();
});
afterEach(() => {
  end.abort();
  rmSync(folder, { recursive: true, force: true });
});

/** Longer than any test: what is seen is no poll. */
const never = { pollMs: 600_000 };

test('looks soon, and again once something has changed', async () => {
  const look = vi.fn();
  followFolder({ folder, look, signal: end.signal, ...never });
  expect(look).not.toHaveBeenCalled();
  await expect.poll(() => look.mock.calls.length).toBe(1);
  writeFileSync(join(folder, 'a'), '');
  await expect.poll(() => look.mock.calls.length).toBe(2);
});

test('is not put off by events without end', async () => {
  const look = vi.fn();
  followFolder({ folder, look, signal: end.signal, ...never });
  for (let at = 0; at < 100 && look.mock.calls.length === 0; at += 1) {
    writeFileSync(join(folder, 'a'), `${at}`);
    await wait(10);
  }
  expect(look).toHaveBeenCalled();
});

test('looks now and then where nothing can be watched', async () => {
  const look = vi.fn();
  followFolder({ folder: join(folder, 'absent'), look, signal: end.signal, pollMs: 10 });
  await expect.poll(() => look.mock.calls.length).toBeGreaterThan(2);
});

test('looks no more once it is over', async () => {
  const look = vi.fn();
  followFolder({ folder, look, signal: end.signal, pollMs: 10 });
  end.abort();
  await wait(300);
  expect(look).not.toHaveBeenCalled();
});
