/** Objects of one kind, newest first known, and who wants to know of changes: a small store for one Reflector. */
import type { FollowedResource } from './followed-resource.ts';

export interface Versioned {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
}

/** Versions of one object are ordered numbers; an event may come after the answer to our own later write. */
function isOlder(entry: Versioned, known: Versioned | undefined): boolean {
  return known?.uid === entry.uid && Number(entry.version) < Number(known.version);
}

export class ReflectorStore<Entry extends Versioned> {
  /** What a Reflector that keeps its objects here is given. */
  readonly sink: Pick<FollowedResource<Entry>, 'replace' | 'put' | 'drop'> = {
    replace: (entries) => {
      this.replace(entries);
    },
    put: (entry) => {
      this.put(entry);
    },
    drop: (_namespace, name) => {
      this.drop(name);
    },
  };
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();

  all(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  put(entry: Entry): void {
    const known = this.#entries.get(entry.name);
    if (isOlder(entry, known) || known?.version === entry.version) return;
    this.#entries.set(entry.name, entry);
    this.#tell();
  }

  drop(name: string): void {
    if (this.#entries.delete(name)) this.#tell();
  }

  /** A list is believed even where it goes back: the store of the cluster may have been restored from a backup. */
  replace(entries: readonly Entry[]): void {
    this.#entries.clear();
    for (const entry of entries) this.#entries.set(entry.name, entry);
    this.#tell();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
