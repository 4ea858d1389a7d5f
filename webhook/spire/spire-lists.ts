/** Lists of SPIRE's server, page by page. */
import { AppError } from '#kernel/errors.ts';

/** One page, and the token of the next; empty: there is none. */
interface ListPage<Item> {
  readonly items: readonly Item[];
  readonly nextToken: string;
}

interface PagedOptions<Item> {
  /** What is listed, for messages. */
  readonly what: string;
  /** Items; more of them are a failure, not a list that is cut off. */
  readonly limit: number;
  readonly page: (token: string) => Promise<ListPage<Item>>;
}

/** More than a list within its limit can have, even one of many pages that are empty. */
const maxPages = 10_000;

/**
 * All of them. A page may be empty with more to come: SPIRE leaves its own bundle out of a page of federated ones.
 * @throws {AppError} SPIRE_FAILED when there are too many, or the pages do not end
 */
export async function wholeList<Item>(options: PagedOptions<Item>): Promise<readonly Item[]> {
  const { what, limit, page } = options;
  const all: Item[] = [];
  let token = '';
  for (let pages = 1; pages <= maxPages; pages += 1) {
    const { items, nextToken } = await page(token);
    for (const item of items) all.push(item);
    if (all.length > limit) throw unlistable(`SPIRE has over ${limit} ${what}`);
    if (nextToken === '') return all;
    if (nextToken === token) break;
    token = nextToken;
  }
  throw unlistable(`SPIRE's list of ${what} does not end`);
}

/** The batches one after the other, so that SPIRE's store is not asked for all at once. */
export async function inBatches<Item, Result>(
  items: readonly Item[],
  batchSize: number,
  write: (batch: readonly Item[]) => Promise<readonly Result[]>,
): Promise<readonly Result[]> {
  const all: Result[] = [];
  for (let begin = 0; begin < items.length; begin += batchSize) {
    const batch = items.slice(begin, begin + batchSize);
    const results = await write(batch);
    if (results.length !== batch.length) {
      throw unlistable(`SPIRE answered ${results.length} times to a batch of ${batch.length}`);
    }
    all.push(...results);
  }
  return all;
}

function unlistable(what: string): AppError {
  return new AppError('SPIRE_FAILED', `${what}; nothing is concluded from such an answer`);
}
