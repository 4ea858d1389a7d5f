/** Reads that fail although the store is there, such as for want of rights: each reason once, until reads work again. */
import { messageOf } from '#kernel/errors.ts';
import type { Log } from '#kernel/observe.ts';

export interface ReadFaultsOptions {
  /** Of the store, for the log. */
  readonly store: string;
  /** While it is away, that is said already. */
  readonly isUp: () => boolean;
  /** What comes of it. */
  readonly harm: string;
  readonly log: Log;
}

/** Different reasons that are told. */
const maxTold = 16;

export class ReadFaults {
  readonly #options: ReadFaultsOptions;
  readonly #told = new Set<string>();

  constructor(options: ReadFaultsOptions) {
    this.#options = options;
  }

  note(thrown: unknown): void {
    const { store, isUp, harm, log } = this.#options;
    const fault = messageOf(thrown);
    if (!isUp() || this.#told.has(fault) || this.#told.size >= maxTold) return;
    this.#told.add(fault);
    log.warn({ store, fault }, `the store of bans could not be read, and ${harm}`);
  }

  /** All that was asked for has been read. */
  end(): void {
    if (this.#told.size === 0) return;
    this.#told.clear();
    const { store, log } = this.#options;
    log.info({ store }, 'the store of bans can be read again');
  }
}
