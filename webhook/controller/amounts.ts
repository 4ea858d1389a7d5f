/** How much is held of each namespace, and who gives up how much where it is too much. */

/** Of what a namespace may hold, or holds where it may not: some is given up at once, so that the next one that comes costs no search. */
export const leftAfterShedding = 7 / 8;

export class Amounts {
  /** None is 0. */
  readonly #byNamespace = new Map<string, number>();
  #all = 0;

  get all(): number {
    return this.#all;
  }

  of(namespace: string): number {
    return this.#byNamespace.get(namespace) ?? 0;
  }

  count(namespace: string, change: number): void {
    const amount = this.of(namespace) + change;
    this.#all += change;
    if (amount === 0) this.#byNamespace.delete(namespace);
    else this.#byNamespace.set(namespace, amount);
  }

  /** The namespace with the most. */
  greatest(): string {
    let greatest = '';
    for (const [namespace, amount] of this.#byNamespace)
      if (amount > this.of(greatest)) greatest = namespace;
    return greatest;
  }
}

/** The largest items that together have at least so much; of equal ones the first. */
export function largestOf<Item extends { readonly size: number }>(
  items: readonly Item[],
  surplus: number,
): readonly Item[] {
  let left = surplus;
  const found: Item[] = [];
  for (const item of items.toSorted((a, b) => b.size - a.size)) {
    if (left <= 0) break;
    found.push(item);
    left -= item.size;
  }
  return found;
}
