/** The key under which values of bans are hashed: the bytes of a file as they are, as the helper takes them. */
import { closeSync, openSync, readSync } from 'node:fs';
import { AppError, messageOf } from '#kernel/errors.ts';
import { hmacKeyBytes } from '../../sidecar/config/ban-values.ts';

/** @throws {AppError} FILE_UNREADABLE, also for one that is too short or too long */
export function readHmacKey(file: string): Uint8Array {
  const { least, most } = hmacKeyBytes;
  const key = startOf(file, most + 1);
  if (key.length >= least && key.length <= most) return key;
  const words = `it must have ${least} to ${most} bytes, such as those of: openssl rand -hex 32`;
  throw new AppError('FILE_UNREADABLE', `hmacKeyFile ${file}: ${words}`);
}

function startOf(file: string, mostBytes: number): Uint8Array {
  try {
    const handle = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(mostBytes);
      return bytes.subarray(0, readSync(handle, bytes, 0, mostBytes, 0));
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    const what = `cannot read hmacKeyFile ${file}: ${messageOf(cause)}`;
    throw new AppError('FILE_UNREADABLE', what, { cause });
  }
}
