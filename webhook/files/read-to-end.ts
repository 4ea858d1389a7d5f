/** All bytes of a file or a pipe, up to a limit. */
import { readSync } from 'node:fs';
import { AppError } from '#kernel/errors.ts';

const mebibyte = 1024 * 1024;
/** Bytes: far more than manifests or entries of a whole cluster take, and half of what the longest text of Node holds. */
const maxBytes = 256 * mebibyte;
/** Milliseconds between questions to a pipe that has nothing yet. */
const waitMs = 20;

/**
 * A pipe that somebody made non-blocking has nothing to read while its writer is slow (EAGAIN): it is asked again.
 * @throws {AppError} FILE_UNREADABLE as soon as there is more than the limit
 */
export function readToEnd(descriptor: number, where: string, most: number = maxBytes): Buffer {
  const parts: Buffer[] = [];
  let total = 0;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const part = Buffer.allocUnsafe(65_536);
    try {
      const length = readSync(descriptor, part);
      if (length === 0) return Buffer.concat(parts);
      parts.push(part.subarray(0, length));
      total += length;
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EAGAIN')) throw thrown;
      Atomics.wait(pause, 0, 0, waitMs);
    }
    if (total > most) throw tooLarge(where, most);
  }
}

function tooLarge(where: string, most: number): AppError {
  const limit = most < mebibyte ? `${most} bytes` : `${most / mebibyte} MiB`;
  return new AppError(
    'FILE_UNREADABLE',
    `${where}: it is over ${limit}, which is the most that is read; split it, or give what is needed of it only`,
  );
}
