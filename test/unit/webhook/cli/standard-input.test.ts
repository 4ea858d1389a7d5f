import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const program = `'${process.execPath}' webhook/main.ts`;
const run = (script: string): { status: number | null; stdout: string; stderr: string } =>
  spawnSync('sh', ['-c', script], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
const configMap = 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a}\\n';

test('a writer that begins late is waited for', () => {
  const seen = run(`(sleep 2; printf '${configMap}') | ${program} inject -q -`);
  expect(seen).toMatchObject({ status: 0, stderr: '' });
  expect(seen.stdout).toContain('kind: ConfigMap');
});

test('more than a pipe holds, in pieces', () => {
  const filling = `for each in 1 2 3 4; do sleep 0.4; head -c 100000 /dev/zero | tr '\\0' '#'; echo; done`;
  const seen = run(`(printf '${configMap}'; ${filling}) | ${program} uninject -q -`);
  expect(seen).toMatchObject({ status: 0, stderr: '' });
  expect(seen.stdout.length).toBeGreaterThan(400_000);
});

test('a writer that never ends is told of a limit', () => {
  const seen = run(`cat /dev/zero | ${program} identities --entries - manifests/demo`);
  expect(seen).toMatchObject({ status: 3, stdout: '' });
  expect(seen.stderr).toMatch(/^stdin: it is over 256 MiB, .* \[FILE_UNREADABLE\]\n$/);
});
