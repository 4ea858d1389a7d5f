/** What nobody wants any more goes after a grace: who wants it may be about to come, or to come back. A function of its input. */

interface GraceTimes {
  /** Name → when it was first seen unwanted; of the last plan. */
  readonly sinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly graceMs: number;
}

interface Grace<Item> {
  /** Those whose grace is over. */
  readonly over: readonly Item[];
  readonly sinceMs: ReadonlyMap<string, number>;
  /** When the next one ends. */
  readonly againInMs: number | undefined;
}

/** @param unwanted all that nobody wants now */
export function graceOf<Item>(
  unwanted: readonly Item[],
  nameOf: (item: Item) => string,
  times: GraceTimes,
): Grace<Item> {
  const over: Item[] = [];
  const sinceMs = new Map<string, number>();
  let againInMs: number | undefined;
  for (const item of unwanted) {
    const name = nameOf(item);
    const firstMs = times.sinceMs.get(name) ?? times.nowMs;
    sinceMs.set(name, firstMs);
    const leftMs = firstMs + times.graceMs - times.nowMs;
    if (leftMs <= 0) over.push(item);
    else againInMs = Math.min(againInMs ?? leftMs, leftMs);
  }
  return { over, sinceMs, againInMs };
}
