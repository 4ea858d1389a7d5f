import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tar } from '../../../scripts/tar.ts';

/** Bytes. YAML and schema are in it; a new package would show here. */
const budget = 520_000;
/** Of the client for Redis, with what the list needs. */
const redisBudget = 870_000;

test('the helper stays one file within its budget, and runs without the client for Redis beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-bundle-'));
  const out = join(folder, 'helper.cjs');
  execFileSync(process.execPath, ['scripts/bundle-helper.ts', out]);
  const redis = join(folder, 'redis.cjs');
  expect(statSync(out).size).toBeLessThan(budget);
  expect(statSync(redis).size).toBeLessThan(redisBudget);
  expect(readFileSync(redis, 'utf8')).toContain('TRACKING');
  expect(readFileSync(out, 'utf8')).not.toContain('TRACKING');
  rmSync(redis);
  expect(execFileSync(process.execPath, [out, '-version'], { encoding: 'utf8' })).toMatch(
    /^auth-helper \d/,
  );
  rmSync(folder, { recursive: true });
});

test('equal content gives equal archives, which tar reads', () => {
  const entries = [
    { path: 'a/', mode: 0o755 },
    { path: 'a/b', mode: 0o644, content: Buffer.from('hello') },
  ];
  expect(tar(entries).equals(tar(entries))).toBe(true);
  const listed = execFileSync('tar', ['-tvf', '-'], { input: tar(entries), encoding: 'utf8' });
  expect(listed).toContain('drwxr-xr-x 0/0');
  expect(listed).toMatch(/-rw-r--r-- 0\/0\s+5 1970-01-01 .* a\/b/);
});
