/** Something may have changed in a folder: a ConfigMap or Secret volume swaps a symbolic link beside its files. */
import { watch } from 'node:fs';

/** Milliseconds after an event: a swap is several events. */
const settleMs = 100;

export interface WatchedFolder {
  /** Looks a moment later. */
  readonly lookSoon: () => void;
  readonly stop: () => void;
}

/** A watch can miss an event, or not be had at all (no inotify instance left, say): whoever must know looks now and then, too. */
export function watchFolder(folder: string, look: () => void): WatchedFolder {
  let settle: NodeJS.Timeout | undefined;
  const lookSoon = (): void => {
    // Not put off by further events: a folder may have some all the time.
    settle ??= setTimeout(() => {
      settle = undefined;
      look();
    }, settleMs);
  };
  const stopWatching = onFolderEvent(folder, lookSoon);
  return {
    lookSoon,
    stop: () => {
      stopWatching();
      clearTimeout(settle);
    },
  };
}

/** At once, and as often as there are events. Returns how to stop. */
export function onFolderEvent(folder: string, callback: () => void): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, callback);
    watcher.on('error', () => {
      watcher.close();
    });
    return () => {
      watcher.close();
    };
  } catch {
    // No folder yet, or no watch to be had: the regular looks remain.
    return () => undefined;
  }
}
