/** Follows a file's text: its folder is watched, and since a watch can miss an event, the file is also read now and then. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError, messageOf } from '#kernel/errors.ts';
import { watchFolder } from './watch-folder.ts';

/** Milliseconds between reads that need no event. */
const readEveryMs = 10_000;

/** @throws {AppError} FILE_UNREADABLE */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * What a file begins with, up to one byte more than `mostBytes`: whoever is given that much can tell that it is too large.
 * @throws {Error} as Node's own
 */
export function readStart(file: string, mostBytes: number): string {
  const handle = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(Math.min(fstatSync(handle).size, mostBytes + 1));
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(handle, bytes, length, bytes.length - length, null);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(handle);
  }
}

interface FollowOptions {
  /** What was read before; undefined: it is read at once. */
  readonly known: string | undefined;
  readonly onText: (text: string) => void;
  /** Comes with each look, after `onText`. */
  readonly onLook?: (isReadable: boolean) => void;
  readonly read?: (file: string) => string;
}

/** Calls back with each new text; a file that is gone for a moment keeps its last one. Returns how to stop. */
export function followFile(
  file: string,
  { known, onText, onLook, read = readText }: FollowOptions,
): () => void {
  let last = known;
  const look = (): void => {
    let text: string;
    try {
      text = read(file);
    } catch {
      // Between two states of the folder; the next look finds it.
      onLook?.(false);
      return;
    }
    if (text !== last) {
      last = text;
      onText(text);
    }
    onLook?.(true);
  };
  if (known === undefined) look();
  const watched = watchFolder(dirname(file), look);
  const poll = setInterval(look, readEveryMs);
  return () => {
    watched.stop();
    clearInterval(poll);
  };
}
