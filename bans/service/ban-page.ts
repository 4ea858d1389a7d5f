/**
 * A page of a list that has no order and is too long for memory: in the order of a hash of each item, so that a page begins
 * where the last one ended, whatever came and went meanwhile, and the place says nothing of what is there.
 */
import { createHash } from 'node:crypto';

export interface PageWanted {
  /** Items at most. */
  readonly limit: number;
  /** Where the page before ended; undefined: from the beginning. */
  readonly after: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Undefined where this is the last page. */
  readonly next: string | undefined;
}

/** Items between two places at which others get their turn. */
const itemsAtOnce = 1_000;

/** One pass; memory for the page alone. @param nameOf a text that tells each item from the others */
export async function pageOf<Item>(
  all: AsyncIterable<Item>,
  nameOf: (item: Item) => string,
  { wanted, rest }: { readonly wanted: PageWanted; readonly rest: () => Promise<void> },
): Promise<Page<Item>> {
  const { limit, after } = wanted;
  const page = new SmallestFirst<Item>(limit + 1);
  let seen = 0;
  for await (const item of all) {
    const place = createHash('sha256').update(nameOf(item)).digest('base64url');
    if (after === undefined || place > after) page.offer(place, item);
    seen += 1;
    if (seen % itemsAtOnce === 0) await rest();
  }
  const found = page.inOrder();
  const last = found[limit - 1];
  return {
    items: found.slice(0, limit).map(({ item }) => item),
    next: found.length > limit ? last?.place : undefined,
  };
}

interface Placed<Item> {
  readonly place: string;
  readonly item: Item;
}

/** So many with the smallest places, each place once. */
class SmallestFirst<Item> {
  readonly #most: number;
  readonly #kept: Placed<Item>[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  offer(place: string, item: Item): void {
    const at = this.#placeFor(place);
    if (at >= this.#most || this.#kept[at]?.place === place) return;
    this.#kept.splice(at, 0, { place, item });
    if (this.#kept.length > this.#most) this.#kept.pop();
  }

  inOrder(): readonly Placed<Item>[] {
    return this.#kept;
  }

  /** The first that is not smaller. */
  #placeFor(place: string): number {
    let low = 0;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#kept[middle]?.place ?? '') < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
