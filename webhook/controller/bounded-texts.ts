/**
 * ConfigMaps with their texts, within bounds: whoever has the largest loses first. One that loses stays known, without its
 * texts, so that those who need it can be told.
 */
import { Amounts, largestOf, leftAfterShedding } from './amounts.ts';
import type { ConfigMapEntry } from './kept-objects.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import { NamespaceIndex } from './namespace-index.ts';

export type HeldTextLimits = Pick<ClusterLimits, 'namespaceTextBytes' | 'allTextBytes'>;

export class BoundedTexts {
  readonly #limits: HeldTextLimits;
  /** Called for a namespace that has lost a text. */
  readonly #lost: (namespace: string) => void;
  readonly #shelf = new NamespaceIndex<ConfigMapEntry>();
  readonly #bytes = new Amounts();

  constructor(limits: HeldTextLimits, lost: (namespace: string) => void) {
    this.#limits = limits;
    this.#lost = lost;
  }

  get size(): number {
    return this.#shelf.size;
  }

  get(namespace: string, name: string): ConfigMapEntry | undefined {
    return this.#shelf.get(namespace, name);
  }

  of(namespace: string): ReadonlyMap<string, ConfigMapEntry> {
    return this.#shelf.of(namespace);
  }

  all(): readonly ConfigMapEntry[] {
    return this.#shelf.all();
  }

  put(entry: ConfigMapEntry): void {
    const { namespace, name } = entry;
    const { namespaceTextBytes, allTextBytes } = this.#limits;
    this.#set(name, entry);
    while (this.#bytes.of(namespace) > namespaceTextBytes) this.#shed(namespace);
    while (this.#bytes.all > allTextBytes) this.#shed(this.#bytes.greatest());
  }

  /** @returns whether it was there */
  drop(namespace: string, name: string): boolean {
    this.#bytes.count(namespace, -textBytes(this.get(namespace, name)));
    return this.#shelf.drop(namespace, name);
  }

  /** Whether a text that was lost would be held now. */
  hasRoomFor(namespace: string): boolean {
    const { namespaceTextBytes, allTextBytes } = this.#limits;
    const lost = [...this.of(namespace).values()].flatMap((each) => each.withheldBytes ?? []);
    if (lost.length === 0) return false;
    const bytes = this.#bytes.of(namespace) + lost.reduce((a, b) => Math.min(a, b));
    if (bytes > namespaceTextBytes) return false;
    const all = this.#bytes.all + bytes - this.#bytes.of(namespace);
    return all <= allTextBytes || bytes < this.#bytes.of(this.#bytes.greatest());
  }

  #set(name: string, entry: ConfigMapEntry): void {
    const { namespace } = entry;
    this.#bytes.count(namespace, textBytes(entry) - textBytes(this.get(namespace, name)));
    this.#shelf.put(name, entry);
  }

  /** Its largest texts, of equal ones the newest. */
  #shed(namespace: string): void {
    const held = this.#bytes.of(namespace);
    const most = Math.min(held, this.#limits.namespaceTextBytes) * leftAfterShedding;
    const entries = [...this.of(namespace).values()].map((entry) => ({
      entry,
      size: textBytes(entry),
    }));
    for (const { entry } of largestOf(entries.toReversed(), held - most))
      this.#set(entry.name, withheld(entry));
    this.#lost(namespace);
  }
}

/** Bounds what one list gathers before it is in the store, where fairness is; what it leaves out is read once more. */
export function listSifter(limits: HeldTextLimits): (entry: ConfigMapEntry) => ConfigMapEntry {
  const bytes = new Amounts();
  return (entry) => {
    const own = textBytes(entry);
    const { namespaceTextBytes, allTextBytes } = limits;
    if (bytes.of(entry.namespace) + own > namespaceTextBytes || bytes.all + own > allTextBytes)
      return withheld(entry);
    bytes.count(entry.namespace, own);
    return entry;
  };
}

/** The entry without its texts. */
export function withheld(entry: ConfigMapEntry): ConfigMapEntry {
  const { binaryData: _bytes, ...rest } = entry;
  const withheldBytes = textBytes(entry);
  const nothing = { data: {}, labels: {}, annotations: {}, owners: [] };
  return withheldBytes === 0 ? entry : { ...rest, ...nothing, withheldBytes };
}

/** V8 holds a character as one byte, or as two where the text has any beyond Latin-1: limits are made for two. */
function textBytes(entry: ConfigMapEntry | undefined): number {
  if (entry === undefined) return 0;
  const { data, binaryData = {}, labels, annotations, owners } = entry;
  const all = [data, binaryData, labels, annotations].flatMap(Object.entries<string>);
  const texts = [...all.flat(), ...owners.flatMap(({ kind, name, uid }) => [kind, name, uid])];
  return texts.reduce((sum, text) => sum + text.length, 0);
}
