/** Calls back when files of a folder may have changed. */
import { watch } from 'node:fs';

export interface FollowOptions {
  /** A mounted Secret or ConfigMap, whose symlinks the kubelet swaps: so the folder is watched, not a file. */
  readonly folder: string;
  /** Checks whether anything is new; must not throw. */
  readonly look: () => void;
  readonly signal: AbortSignal;
  /** Milliseconds between polls; the watch alone misses changes on some file systems. */
  readonly pollMs?: number;
}

/** As cert-manager's and controller-runtime's watchers do. */
const defaultPollMs = 10_000;
/** One swap is several file events. */
const settleMs = 50;

/** Checks once now, then after each change and at each poll, until the signal aborts. */
export function followFolder({ folder, look, signal, pollMs }: FollowOptions): void {
  let settling: NodeJS.Timeout | undefined;
  const soon = (): void => {
    clearTimeout(settling);
    settling = setTimeout(look, settleMs);
  };
  const poll = setInterval(soon, pollMs ?? defaultPollMs);
  poll.unref();
  const watcher = watch(folder, soon);
  // The folder may vanish for a moment; the poll goes on.
  watcher.on('error', () => undefined);
  // A change between the caller's first read and the watch would otherwise wait for the poll.
  soon();
  signal.addEventListener('abort', () => {
    clearInterval(poll);
    clearTimeout(settling);
    watcher.close();
  });
}
