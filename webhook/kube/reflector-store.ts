/** The newest known objects of one kind, and the listeners for changes: a small store for one Reflector. */
import type { FollowedResource } from './followed-resource.ts';

export interface Versioned {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
}

/** Versions of one object are ordered numbers; an event may arrive after the response to our own later write. */
function isOlder(entry: Versioned, known: Versioned | undefined): boolean {
  return known?.uid === entry.uid && Number(entry.version) < Number(known.version);
}

export class ReflectorStore<Entry extends Versioned> {
  /** The handlers for a Reflector that keeps its objects here. */
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

  /** A list is accepted even where its versions are older: etcd may have been restored from a backup. */
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
