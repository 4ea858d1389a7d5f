/** The caches of an engine: created with its library by whoever builds the engine, bounded, and dropped with it. */
import { LRUCache } from 'lru-cache';
import type { Library, NamedTemplate } from '../templates/library.ts';
import type { Variables } from '../templates/substitute.ts';
import { compose, type Composition } from './compose.ts';
import { contentHash, nameHashOf, type HashOf, type NameHashOf } from './hash.ts';
import { PatchedCopies } from './patched-copies.ts';
import { parseStatus, type Status } from './status.ts';

/** The replicas of a rollout need the same results. */
const remembered = {
  /** An entry is some kilobytes. */
  compositions: 500,
  hashes: 2_000,
  /** Characters of all texts together that were hashed. */
  hashedChars: 1_000_000,
  /** Characters of all status annotations together that were parsed: some hundred, each one kept besides as values. */
  statusChars: 1_000_000,
} as const;

export class EngineMemory {
  /** Copies of Envoy configurations, which admission asks about and the controller writes. */
  readonly copies: PatchedCopies;
  readonly #compositions = new LRUCache<string, Composition>({ max: remembered.compositions });
  readonly #hashes = new LRUCache<string, string>({
    max: remembered.hashes,
    maxSize: remembered.hashedChars,
    sizeCalculation: (_hash, text) => text.length + 1,
  });

  readonly #statuses = new LRUCache<string, Status>({
    maxSize: remembered.statusChars,
    sizeCalculation: (_status, text) => text.length + 1,
  });

  /** For names of ConfigMaps. @see nameHashOf */
  readonly nameHashOf: NameHashOf;

  /** @param library the engine's @param revision of the installation; empty for the one without a name */
  constructor(library: Library, revision = '') {
    this.copies = new PatchedCopies(library);
    this.nameHashOf = nameHashOf(revision);
  }

  /** @see compose; compositions are never changed, so they can be shared. @param templates of the engine's library */
  compose(templates: readonly NamedTemplate[], variables: Variables): Composition {
    const key = JSON.stringify([templates.map(({ name }) => name), variables]);
    let composition = this.#compositions.get(key);
    if (composition === undefined) {
      composition = compose(templates, variables, this.nameHashOf);
      this.#compositions.set(key, composition);
    }
    return composition;
  }

  /** For marks of what an injection added. @see contentHash */
  readonly markOf: HashOf = (text) => {
    let found = this.#hashes.get(text);
    if (found === undefined) {
      found = contentHash(text);
      this.#hashes.set(text, found);
    }
    return found;
  };

  /** @see parseStatus; its result is never changed, so it can be shared. */
  readonly parseStatus = (text: string): Status => {
    let status = this.#statuses.get(text);
    if (status === undefined) {
      status = parseStatus(text);
      this.#statuses.set(text, status);
    }
    return status;
  };
}
