import { existsSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { programPath } from './harness/components.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

describe('npm start', () => {
  test('shows the webhook at work on the demo, and ends with 0 where there is no terminal', async () => {
    const { stdout, stderr } = await run('bash', ['scripts/start'], {
      cwd: root,
      timeout: 120_000,
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/The webhook listens on https:\/\/127\.0\.0\.1:\d+\/mutate/);
    expect(stdout).toMatch(/── Deployment demo\/frontend {2}HTTP 200, injected/);
    expect(stdout).toMatch(/── Deployment demo\/backend {2}HTTP 200, injected/);
    expect(stdout).toMatch(/── Deployment demo\/frontend-2 {2}HTTP 200, skipped/);
    expect(stdout).toContain('+        - name: auth-helper');
    expect(stdout).toContain('+                  - name: svidecar.jwt-inject');
    expect(stdout).toContain('+    - name: ext-authz');
    expect(stdout).toContain('added svidecar.jwt-validate for jwt-validate before');
    if (existsSync(programPath('envoy')))
      expect(stdout).toMatch(
        /HTTP 200 {2}frontend asks backend through its own Envoy\n +HTTP 401 .*\n +HTTP 401 .*\n +HTTP 403 /,
      );
  });
});
