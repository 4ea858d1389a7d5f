/** A store of bans that is one text, wherever that is kept. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '#kernel/clock.ts';
import type { ListedBan } from '../../sidecar/config/ban-list.ts';
import { hasEnded } from '../../sidecar/config/ban-meaning.ts';
import { kindOfBan } from '../../sidecar/config/ban-records.ts';
import {
  keyOf,
  keyOfBan,
  type BanChange,
  type BanStore,
  type BanToWrite,
  type StoredBan,
} from './ban-store.ts';
import { bansIn, withBan, withoutBan } from './list-text.ts';

/** Where the text of a list is kept. */
export interface ListHome {
  /** For messages: `ConfigMap shop/svidecar-bans`. */
  readonly name: string;
  /** Empty where there is none yet. */
  read(): Promise<string>;
  /**
   * Changes the list in one step: nothing that another writes meanwhile is lost.
   * @param edit is given the newest text, perhaps several times; undefined: there is nothing to change
   */
  change(edit: (text: string) => string | undefined): Promise<void>;
  /** Resolves when the text may be another than the last one read, or after a while. */
  changed(signal: AbortSignal): Promise<void>;
  close(): void;
}

export class ListStore implements BanStore {
  readonly #home: ListHome;
  readonly #clock: Clock;

  constructor(home: ListHome, clock: Clock) {
    this.#home = home;
    this.#clock = clock;
  }

  get name(): string {
    return this.#home.name;
  }

  async put(ban: BanToWrite): Promise<StoredBan> {
    const put = { ban, key: keyOfBan(ban), where: this.name, nowS: this.#nowS() };
    let inForce: StoredBan = ban;
    await this.#home.change((text) => {
      const changed = withBan(text, put);
      inForce = changed.ban;
      return changed.text;
    });
    return inForce;
  }

  async remove(claim: string, value: string): Promise<boolean> {
    const key = keyOf(claim, value);
    let isThere = false;
    await this.#home.change((text) => {
      const changed = withoutBan(text, key, this.name);
      isThere = changed !== undefined;
      return changed;
    });
    return isThere;
  }

  async get(claim: string, value: string): Promise<readonly StoredBan[]> {
    const key = keyOf(claim, value);
    return (await this.#inForce()).filter((ban) => ban.key === key).map(stored);
  }

  async *list(): AsyncGenerator<StoredBan> {
    for (const ban of await this.#inForce()) yield stored(ban);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<BanChange> {
    let known = byMeaning(await this.#inForce());
    while (!signal.aborted) {
      await this.#changedOrEnded(known.values(), signal);
      if (isAborted(signal)) return;
      const now = byMeaning(await this.#inForce());
      yield* this.#changes(known, now);
      known = now;
    }
  }

  close(): Promise<void> {
    this.#home.close();
    return Promise.resolve();
  }

  #nowS(): number {
    return this.#clock.now() / 1_000;
  }

  async #inForce(): Promise<readonly ListedBan[]> {
    const nowS = this.#nowS();
    return [...bansIn(await this.#home.read(), this.name)].filter((ban) => !hasEnded(ban, nowS));
  }

  async #changedOrEnded(bans: Iterable<ListedBan>, signal: AbortSignal): Promise<void> {
    let nextS = Infinity;
    for (const { untilS } of bans) nextS = Math.min(nextS, untilS ?? Infinity);
    const endMs = Math.min(Math.max(nextS * 1_000 - this.#clock.now(), 1), longestWaitMs);
    const other = new AbortController();
    const both = AbortSignal.any([signal, other.signal]);
    try {
      // A wait that is called off rejects.
      const ended = wait(endMs, undefined, { signal: both }).catch(() => undefined);
      await Promise.race([this.#home.changed(both), ended]);
    } finally {
      other.abort();
    }
  }

  *#changes(
    before: ReadonlyMap<string, ListedBan>,
    now: ReadonlyMap<string, ListedBan>,
  ): Generator<BanChange> {
    const nowS = this.#nowS();
    const places = new Set([...now.values()].map(placeOf));
    for (const [meaning, ban] of before) {
      // A changed one is told once.
      if (now.has(meaning) || places.has(placeOf(ban))) continue;
      yield { kind: hasEnded(ban, nowS) ? 'ended' : 'removed', ban: stored(ban) };
    }
    for (const [meaning, ban] of now)
      if (!before.has(meaning)) yield { kind: 'added', ban: stored(ban) };
  }
}

/** What a timer can wait. */
const longestWaitMs = 24 * 3_600_000;

/** Asked through a function: the compiler believes that the signal stays as it was when it was last asked. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** A claim and value has two. */
function placeOf(ban: ListedBan): string {
  return `${kindOfBan(ban)} ${ban.key}`;
}

/** Two bans with one meaning are one. */
function byMeaning(bans: Iterable<ListedBan>): ReadonlyMap<string, ListedBan> {
  const held = new Map<string, ListedBan>();
  for (const ban of bans)
    held.set(JSON.stringify([ban.key, ban.untilS, ban.issuedBeforeS, ban.reason]), ban);
  return held;
}

function stored({ key: _key, ...ban }: ListedBan): StoredBan {
  return ban;
}
