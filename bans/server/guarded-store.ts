/**
 * A store whose every question has an end, and whose failures are answers to whoever asked. What is still going on there is
 * bounded in number, also after nobody waits for it.
 */
import { AppError, messageOf } from '#kernel/errors.ts';
import type { Log } from '#kernel/observe.ts';
import { Problem } from '../service/problem.ts';
import type { BanStore } from '../store/ban-store.ts';

export interface GuardedStoreOptions {
  readonly store: BanStore;
  readonly log: Log;
  /** Milliseconds for each question. */
  readonly deadlineMs: number;
  /** Questions at once. */
  readonly most: number;
  /** Told of each failure that is the store's. */
  readonly onFailure: () => void;
}

export class GuardedStore {
  readonly #options: GuardedStoreOptions;
  #going = 0;

  constructor(options: GuardedStoreOptions) {
    this.#options = options;
  }

  /** @param ask gets the store @throws {Problem} */
  async ask<Answer>(
    ask: (store: BanStore) => Promise<Answer>,
    deadlineMs = this.#options.deadlineMs,
  ): Promise<Answer> {
    const { store, most } = this.#options;
    if (this.#going >= most)
      throw new Problem('store_away', 'the store has too much to do; try again', {
        retryAfterS: 1,
      });
    this.#going += 1;
    const asked = ask(store).finally(() => {
      this.#going -= 1;
    });
    try {
      return await inTime(asked, deadlineMs);
    } catch (thrown) {
      throw this.#problemOf(thrown);
    }
  }

  #problemOf(thrown: unknown): unknown {
    const { store, log, onFailure } = this.#options;
    if (thrown instanceof AppError && thrown.code === 'BAN_INVALID')
      return new Problem('address_invalid', thrown.message, { cause: thrown });
    const isKnown = thrown instanceof AppError || thrown instanceof StoreLate;
    if (!isKnown) return thrown;
    onFailure();
    const isFull = thrown instanceof AppError && thrown.code === 'BAN_STORE_FULL';
    const fault = messageOf(thrown);
    log.error({ store: store.name, fault }, 'the store of bans failed');
    if (isFull)
      return new Problem('store_full', 'nothing was stored: the list is full', { cause: thrown });
    const isForbidden =
      thrown instanceof AppError && /^(?:BAN_STORE|CLUSTER)_FORBIDDEN$/.test(thrown.code);
    const words = isForbidden
      ? 'the store gives this service no right to do that: its log says which'
      : 'the store does not answer, or not as it should; send the request again: no change is made twice';
    return new Problem('store_away', words, { retryAfterS: 2, cause: thrown });
  }
}

class StoreLate extends Error {}

async function inTime<Answer>(asked: Promise<Answer>, deadlineMs: number): Promise<Answer> {
  const late = Promise.withResolvers<never>();
  const deadline = setTimeout(() => {
    late.reject(new StoreLate(`no answer within ${deadlineMs} ms`));
  }, deadlineMs);
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    clearTimeout(deadline);
    // Nobody takes what a late answer rejects with.
    asked.catch(() => undefined);
  }
}
