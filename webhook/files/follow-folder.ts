/** Calls back when files of a folder may have changed. */
import { watchFolder } from '../../sidecar/helper/watch-folder.ts';

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

/** Checks once soon, then after each change and at each poll, until the signal aborts. */
export function followFolder({ folder, look, signal, pollMs }: FollowOptions): void {
  const watched = watchFolder(folder, look);
  const poll = setInterval(look, pollMs ?? defaultPollMs);
  poll.unref();
  // A change between the caller's first read and the watch would otherwise wait for the poll.
  watched.lookSoon();
  signal.addEventListener('abort', () => {
    clearInterval(poll);
    watched.stop();
  });
}
