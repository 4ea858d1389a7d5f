/** Temporary folders that are gone afterwards, even when the process that made them is killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface WorkFolder {
  /** Absolute, and short enough for Unix sockets in it (108 bytes). */
  readonly path: string;
  remove(): Promise<void>;
}

/** Blocks until its standard input closes, which the kernel does for us whatever our end is; then removes. */
const sweep = 'read -r _; rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }';

/**
 * Makes a folder that other users may enter, so that a program under a uid of its own reaches a socket in it.
 * @param name appears in the folder's name.
 */
export async function createWorkFolder(name: string): Promise<WorkFolder> {
  const path = await mkdtemp(join(tmpdir(), `svidecar-${name}-`));
  await chmod(path, 0o755);
  // A session of its own: Ctrl-C on the terminal must not end it before its work is done.
  const sweeper = spawn('sh', ['-c', sweep, 'sweep', path], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const swept = once(sweeper, 'exit');
  sweeper.unref();
  return {
    path,
    async remove(): Promise<void> {
      sweeper.ref();
      sweeper.stdin.end();
      await swept;
    },
  };
}
