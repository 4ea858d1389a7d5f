/** The systemd unit that runs the helper on a machine, judged by systemd itself where it is installed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCommand } from './harness/processes.ts';
import { createWorkFolder } from './harness/work-folder.ts';

const name = 'svidecar-helper.service';
const unit = readFileSync(join(import.meta.dirname, '../../manifests/sds', name), 'utf8');

describe.skipIf(!existsSync('/usr/bin/systemd-analyze'))('the systemd unit of the helper', () => {
  test('is one that systemd starts, and leaves the helper little', async () => {
    const work = await createWorkFolder('unit');
    try {
      const path = join(work.path, name);
      // The program of the unit is none of this machine.
      writeFileSync(path, unit.replace('/usr/bin/node', process.execPath));
      const verified = await runCommand('systemd-analyze', ['verify', path]);
      expect(verified).toEqual({ code: 0, stdout: '', stderr: '' });
      const offline = ['security', '--offline=true', '--threshold=20', path];
      const { code, stdout } = await runCommand('systemd-analyze', offline);
      expect(code, stdout).toBe(0);
    } finally {
      await work.remove();
    }
  });
});
