/** What a connection to Redis tells, for whoever waits for it. */
import { AppError } from '#kernel/errors.ts';
import type { StoreEvents } from '../../sidecar/redis/store-connection.ts';
import type { OnTrouble } from './ban-store.ts';

/** Changes since the last look. */
export interface Changed {
  /** All must be read again. */
  readonly isAll: boolean;
  readonly keys: readonly string[];
}

/** Keys that are told one by one; with more, all are read again. */
const maxKeys = 10_000;

export class StoreFeed implements StoreEvents {
  readonly #patienceMs: number;
  readonly #waiting = new Set<() => void>();
  readonly #watchers = new Set<Watcher>();
  #wasUp = false;
  #isEnded = false;
  #why = 'nobody answers';

  /** @param patienceMs until a first connection that is not there is a failure */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  onUp(): void {
    this.#wasUp = true;
    for (const settle of this.#waiting) settle();
    for (const watcher of this.#watchers) watcher.note('all');
  }

  onDown(why: string): void {
    this.#why = why;
    for (const watcher of this.#watchers) watcher.onTrouble(why);
  }

  onChanged(keys: readonly string[] | 'all'): void {
    for (const watcher of this.#watchers) watcher.note(keys);
  }

  /** Resolves once the store has been there; from then on each command tells by itself. @throws {AppError} BAN_STORE_UNREACHABLE */
  async firstUp(): Promise<void> {
    if (!this.#wasUp && !this.#isEnded)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(settle, this.#patienceMs);
        const waiting = this.#waiting.add(settle);
        function settle(): void {
          clearTimeout(timer);
          waiting.delete(settle);
          resolve();
        }
      });
    if (!this.#wasUp) throw new AppError('BAN_STORE_UNREACHABLE', this.#why);
  }

  watcher(onTrouble: OnTrouble): Watcher {
    const watcher = new Watcher(onTrouble, () => this.#watchers.delete(watcher));
    this.#watchers.add(watcher);
    return watcher;
  }

  end(): void {
    this.#isEnded = true;
    for (const settle of this.#waiting) settle();
  }
}

/** Gathers changes until they are taken. */
export class Watcher {
  readonly onTrouble: OnTrouble;
  readonly #onEnd: () => void;
  #keys = new Set<string>();
  #isAll = false;
  #wake: () => void = () => undefined;

  constructor(onTrouble: OnTrouble, onEnd: () => void) {
    this.onTrouble = onTrouble;
    this.#onEnd = onEnd;
  }

  note(keys: readonly string[] | 'all'): void {
    if (keys === 'all') this.#isAll = true;
    else for (const key of keys) this.#keys.add(key);
    if (this.#keys.size > maxKeys) this.#isAll = true;
    if (this.#isAll) this.#keys.clear();
    this.#wake();
  }

  /** What has changed; waits for it, but not longer than `mostMs`. */
  async changed(mostMs: number, signal: AbortSignal): Promise<Changed> {
    if (this.#keys.size === 0 && !this.#isAll && !signal.aborted)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, mostMs);
        this.#wake = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', this.#wake);
          resolve();
        };
        signal.addEventListener('abort', this.#wake);
      });
    this.#wake = () => undefined;
    const changed = { isAll: this.#isAll, keys: [...this.#keys] };
    this.#keys = new Set();
    this.#isAll = false;
    return changed;
  }

  end(): void {
    this.#onEnd();
  }
}
