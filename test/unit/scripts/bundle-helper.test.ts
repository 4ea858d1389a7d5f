import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tar } from '../../../scripts/tar.ts';

/** Bytes. An HTTP/2 of ours is in it, both sides of it, neither YAML nor the schema nor a gRPC library; a new package would show here. */
const budget = 212_000;
/** Of what reads YAML, the tutorial's conf and lists of bans. */
const settingsBudget = 420_000;
/** Of the client for Redis, with what the list needs. */
const redisBudget = 870_000;

test('the helper stays within its budget, and runs without what lies beside it for some settings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-bundle-'));
  const out = join(folder, 'helper.cjs');
  execFileSync(process.execPath, ['scripts/bundle-helper.ts', out]);
  const redis = join(folder, 'redis.cjs');
  const settings = join(folder, 'settings.cjs');
  expect(statSync(out).size).toBeLessThan(budget);
  expect(statSync(redis).size).toBeLessThan(redisBudget);
  expect(statSync(settings).size).toBeLessThan(settingsBudget);
  expect(readFileSync(redis, 'utf8')).toContain('TRACKING');
  expect(readFileSync(out, 'utf8')).not.toContain('TRACKING');
  rmSync(redis);
  rmSync(settings);
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
