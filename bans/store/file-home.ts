/**
 * A list of bans in a file. It is replaced in one step, so that whoever follows it reads the old list or the new one; and a
 * lock file beside it (`FILE.lock`) lets one writer after the other.
 */
import { randomUUID } from 'node:crypto';
import { open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AppError, messageOf } from '#kernel/errors.ts';
import { banListLimits } from '../../sidecar/config/ban-values.ts';
import { onFolderEvent } from '../../sidecar/helper/watch-folder.ts';
import type { ListHome } from './list-store.ts';
import { full } from './list-text.ts';

export interface FileTimes {
  /** Milliseconds between two tries to get the lock. */
  readonly retryMs: number;
  /** A lock that was seen unchanged for so long was left by a writer that died: writing takes a second at most. */
  readonly staleMs: number;
  /** Milliseconds until a writer gives up. */
  readonly patienceMs: number;
  /** Milliseconds between looks that need no event. */
  readonly lookMs: number;
}

const defaultTimes: FileTimes = Object.freeze({
  retryMs: 20,
  staleMs: 10_000,
  patienceMs: 30_000,
  lookMs: 1_000,
});

export class FileHome implements ListHome {
  readonly name: string;
  readonly #file: string;
  readonly #times: FileTimes;
  /** Of the file that was read last. */
  #readMark: string | undefined;

  constructor(file: string, times: FileTimes = defaultTimes) {
    this.name = file;
    this.#file = file;
    this.#times = times;
  }

  async read(): Promise<string> {
    // Before the text: what is written in between then counts as a change.
    this.#readMark = await markOf(this.#file);
    return textOf(this.#file);
  }

  async change(edit: (text: string) => string | undefined): Promise<void> {
    // A link stays a link: what it points to is replaced.
    const file = await realpath(this.#file).catch(() => this.#file);
    await refuseOther(file);
    const lock = await this.#lock(`${file}.lock`);
    try {
      const text = edit(await textOf(file));
      if (text !== undefined) await replace(file, text, lock);
    } finally {
      await lock.release();
    }
  }

  async changed(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const stop = onFolderEvent(dirname(this.#file), () => {
      woken.abort();
    });
    try {
      if ((await markOf(this.#file)) !== this.#readMark) return;
      // Aborted: woken, or no longer wanted.
      const either = AbortSignal.any([signal, woken.signal]);
      await wait(this.#times.lookMs, undefined, { signal: either }).catch(() => undefined);
    } finally {
      stop();
    }
  }

  close(): void {
    // Nothing is held between two calls.
  }

  /** @throws {AppError} BAN_STORE_UNREACHABLE */
  async #lock(path: string): Promise<FileLock> {
    const { retryMs, staleMs, patienceMs } = this.#times;
    const beganMs = performance.now();
    let seen: { readonly mark: string; readonly sinceMs: number } | undefined;
    for (;;) {
      const taken = await FileLock.tryTake(path);
      if (taken !== undefined) return taken;
      const nowMs = performance.now();
      const mark = await markOf(path);
      if (mark === undefined || mark !== seen?.mark)
        seen = mark === undefined ? undefined : { mark, sinceMs: nowMs };
      else if (nowMs - seen.sinceMs >= staleMs) await takeAway(path, mark);
      if (nowMs - beganMs > patienceMs) throw locked(path);
      await wait(retryMs * (1 + Math.random()));
    }
  }
}

/** The lock of one writer. */
class FileLock {
  readonly #path: string;
  readonly #mark: string;

  private constructor(path: string, mark: string) {
    this.#path = path;
    this.#mark = mark;
  }

  /** Undefined while another has it. @throws {AppError} BAN_STORE_UNREACHABLE */
  static async tryTake(path: string): Promise<FileLock | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'wx');
    } catch (thrown) {
      if (codeOf(thrown) === 'EEXIST') return undefined;
      throw unwritable(path, thrown);
    }
    try {
      return new FileLock(path, markIn(await handle.stat({ bigint: true })));
    } finally {
      await handle.close();
    }
  }

  /** False after another took it for one that was left behind. */
  async isHeld(): Promise<boolean> {
    return (await markOf(this.#path)) === this.#mark;
  }

  async release(): Promise<void> {
    if (await this.isHeld()) await rm(this.#path, { force: true });
  }
}

/** Another file under the same name has another mark. */
function markIn({ ino, mtimeNs }: { readonly ino: bigint; readonly mtimeNs: bigint }): string {
  return `${ino} ${mtimeNs}`;
}

async function markOf(path: string): Promise<string | undefined> {
  try {
    return markIn(await stat(path, { bigint: true }));
  } catch {
    // It has just been released, or cannot be looked at: the next try tells.
    return undefined;
  }
}

/** Of several that find a lock left behind, one moves it away; who moved a newer one puts that back. */
async function takeAway(path: string, mark: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await markOf(aside)) === mark) await rm(aside, { force: true });
    else await rename(aside, path);
  } catch {
    // Another was faster.
  }
}

/** A device or a pipe would be replaced by a file. @throws {AppError} BAN_STORE_UNREACHABLE */
async function refuseOther(file: string): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  if (there?.isFile() === false) throw unwritable(file, new Error('it is no regular file'));
}

/** @throws {AppError} FILE_UNREADABLE, BAN_STORE_FULL for one that no helper would read */
async function textOf(file: string): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    // Not by its size: a device has none, and no end.
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of handle.createReadStream({ autoClose: false })) {
      // A stream without an encoding gives bytes.
      pieces.push(piece as Buffer);
      size += (piece as Buffer).length;
      if (size > banListLimits.bytes) throw full(file, `${banListLimits.bytes / 1024 / 1024} MiB`);
    }
    return Buffer.concat(pieces).toString('utf8');
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return '';
    if (thrown instanceof AppError) throw thrown;
    const what = `cannot read ${file}: ${messageOf(thrown)}`;
    throw new AppError('FILE_UNREADABLE', what, { cause: thrown });
  } finally {
    await handle?.close();
  }
}

/** With the permissions of the file before. @throws {AppError} BAN_STORE_UNREACHABLE */
async function replace(file: string, text: string, lock: FileLock): Promise<void> {
  const aside = `${file}.${randomUUID()}.new`;
  try {
    const before = await stat(file).catch(() => undefined);
    const handle = await open(aside, 'wx', 0o644);
    try {
      if (before !== undefined) await handle.chmod(before.mode & 0o7777);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (!(await lock.isHeld())) throw new Error('another writer took the lock; try again');
    await rename(aside, file);
  } catch (thrown) {
    await rm(aside, { force: true });
    throw unwritable(file, thrown);
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

function unwritable(file: string, thrown: unknown): AppError {
  const what = `cannot write ${file}: ${messageOf(thrown)}`;
  return new AppError('BAN_STORE_UNREACHABLE', what, { cause: thrown });
}

function locked(path: string): AppError {
  const words = 'other writers keep the lock; if none is running, delete it and try again';
  return new AppError('BAN_STORE_UNREACHABLE', `${path}: ${words}`);
}
