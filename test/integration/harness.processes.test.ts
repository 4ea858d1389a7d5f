import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runCommand, startProcess, waitUntil } from './harness/processes.ts';
import { createWorkFolder } from './harness/work-folder.ts';

const isRoot = process.getuid?.() === 0;
const sleepers = (uid: number | undefined): string => `
  import { startProcess } from '${new URL('harness/processes.ts', import.meta.url).href}';
  import { createWorkFolder } from '${new URL('harness/work-folder.ts', import.meta.url).href}';
  const { path: folder } = await createWorkFolder('killed');
  const { pid } = startProcess({ name: 'sleep', command: 'sleep', args: ['60'], folder, uid: ${uid} });
  console.log(JSON.stringify({ folder, pid }));
  setInterval(() => undefined, 1000);
`;

/** Whether a process runs; one that has ended but was not waited for by its adoptive parent doesn't. */
function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'));
}

/** Only root can start a program as another user. */
const users: readonly { readonly name: string; readonly uid?: number }[] = [
  { name: 'as this user' },
  ...(isRoot ? [{ name: 'as another user', uid: 31_002 }] : []),
];

describe('a started process', () => {
  test.each(users)(
    'ends and leaves no folder when its starter is killed hard ($name)',
    async ({ uid }) => {
      const starter = spawn(process.execPath, ['--input-type=module', '--eval', sleepers(uid)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(starter.stdout, 'data')) as [Buffer];
      // What the script above prints.
      const { folder, pid } = JSON.parse(line.toString()) as { folder: string; pid: number };
      await waitUntil('it sleeps', () =>
        Promise.resolve(readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('sleep')),
      );
      expect(existsSync(folder)).toBe(true);
      starter.kill('SIGKILL');
      await waitUntil('it is gone', () => Promise.resolve(!isAlive(pid)), { deadlineMs: 5_000 });
      await waitUntil('the folder is gone', () => Promise.resolve(!existsSync(folder)), {
        deadlineMs: 5_000,
      });
    },
  );

  test('that ignores SIGTERM is killed after the grace', async () => {
    const work = await createWorkFolder('stubborn');
    const args = ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'];
    const stubborn = startProcess({ name: 'sh', command: 'sh', args, folder: work.path });
    await waitUntil('it is ready', () => Promise.resolve(stubborn.logTail() === 'ready'));
    await stubborn.stop(200);
    expect(stubborn.isRunning()).toBe(false);
    await work.remove();
    expect(existsSync(work.path)).toBe(false);
  });

  test('that ends too early is reported with its last words', async () => {
    const work = await createWorkFolder('early');
    const args = ['-c', 'echo cannot open the door; exit 3'];
    const early = startProcess({ name: 'sh', command: 'sh', args, folder: work.path });
    const never = waitUntil('it is ready', () => Promise.resolve(false), { processes: [early] });
    await expect(never).rejects.toThrow(/it is ready: sh ended[\s\S]*cannot open the door/);
    await work.remove();
  });
});

describe('a command', () => {
  test('gives its exit code, both outputs and takes input', async () => {
    const result = await runCommand('sh', ['-c', 'cat; echo no >&2; exit 4'], { input: 'yes' });
    expect(result).toEqual({ code: 4, stdout: 'yes', stderr: 'no\n' });
  });

  test('that takes too long is killed', async () => {
    const { code } = await runCommand('sleep', ['60'], { deadlineMs: 100 });
    expect(code).toBe(-1);
  });
});
