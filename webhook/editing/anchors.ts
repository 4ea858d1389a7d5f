/** The anchors of a document while it is read, and what aliases make of them: values are counted as if written out. */
import type { SourceCollection, SourceNode, SourceScalar } from './source-tree.ts';
import { TextFault, tooMuch } from './text-fault.ts';

type Target = SourceScalar | SourceCollection;

/** A long text counts as several values where it is repeated: characters a value. */
const charactersAValue = 100;

/** Offsets are those of faults. */
export class Anchors {
  readonly #maxValues: number;
  readonly #byName = new Map<string, Target>();
  /** Anchored collections that are being read, with the count at their start. */
  readonly #open = new Map<SourceNode, number>();
  readonly #weights = new Map<SourceNode, number>();
  #values = 0;

  constructor(maxValues: number) {
    this.#maxValues = maxValues;
  }

  /** One more value, key or collection. @throws {TextFault} when there are too many */
  count(offset: number, values = 1): void {
    this.#values += values;
    if (this.#values <= this.#maxValues) return;
    throw tooMuch(offset, this.#maxValues, 'keys and values, aliases written out');
  }

  scalar(scalar: SourceScalar): void {
    if (scalar.anchor === undefined) return;
    this.#byName.set(scalar.anchor, scalar);
    this.#weights.set(scalar, 1 + Math.floor((scalar.end - scalar.start) / charactersAValue));
  }

  open(collection: SourceCollection): void {
    if (collection.anchor === undefined) return;
    this.#byName.set(collection.anchor, collection);
    this.#open.set(collection, this.#values);
  }

  close(collection: SourceCollection): void {
    const before = this.#open.get(collection);
    if (before === undefined) return;
    this.#open.delete(collection);
    const characters = collection.end - collection.start;
    this.#weights.set(
      collection,
      1 + this.#values - before + Math.floor(characters / charactersAValue),
    );
  }

  /** What an alias stands for, counted. @throws {TextFault} */
  resolve(name: string, offset: number): Target {
    const target = this.#byName.get(name);
    if (target === undefined) {
      throw new TextFault(offset, `the alias *${name} has no anchor before it`, 'alias_unknown');
    }
    if (this.#open.has(target)) {
      throw new TextFault(offset, `the alias *${name} is inside its own anchor`, 'alias_unknown');
    }
    this.count(offset, this.#weights.get(target));
    return target;
  }
}
