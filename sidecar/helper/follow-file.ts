/**
 * Follows a file's text. A ConfigMap volume swaps a symbolic link beside the file, so the folder is watched; and
 * since a watch can miss an event or not be had at all, the file is also read now and then.
 */
import { readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { AppError, messageOf } from '#kernel/errors.ts';

/** Milliseconds between reads that need no event. */
const readEveryMs = 10_000;
/** Milliseconds after an event: a swap is several events. */
const settleMs = 100;

/** @throws {AppError} FILE_UNREADABLE */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}

/** Calls back with each new text; a file that is gone for a moment keeps its last one. Returns how to stop. */
export function followFile(
  file: string,
  known: string,
  onText: (text: string) => void,
): () => void {
  let last = known;
  let settle: NodeJS.Timeout | undefined;
  const look = (): void => {
    let text: string;
    try {
      text = readText(file);
    } catch {
      // Between two states of the folder; the next look finds it.
      return;
    }
    if (text === last) return;
    last = text;
    onText(text);
  };
  const stopWatching = watchFolder(dirname(file), () => {
    clearTimeout(settle);
    settle = setTimeout(look, settleMs);
  });
  const poll = setInterval(look, readEveryMs);
  return () => {
    stopWatching();
    clearTimeout(settle);
    clearInterval(poll);
  };
}

/** Without a watch (no inotify instance left, say) the regular reads remain. */
function watchFolder(folder: string, onEvent: () => void): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent);
    watcher.on('error', () => {
      watcher.close();
    });
    return () => {
      watcher.close();
    };
  } catch {
    return () => undefined;
  }
}
