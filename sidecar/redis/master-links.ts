/** Connections to a store's masters, kept as long as anybody wants them: lost ones are looked for and opened again. */
import { backOffMs } from '#kernel/back-off.ts';
import { AppError } from '#kernel/errors.ts';
import type { RedisSettings } from '../config/redis-settings.ts';
import {
  masterFinder,
  type AskForAccess,
  type MasterFinder,
  type Masters,
} from './find-masters.ts';
import { readAccess } from './redis-access.ts';
import { storeFault } from './redis-faults.ts';
import { openLink, placeText, type RedisLink, type RedisPlace } from './redis-link.ts';
import type { RedisContext, StoreEvents } from './store-connection.ts';

const backOff = { firstMs: 100, factor: 2, limitMs: 2_000, jitter: 0.5 } as const;
/** Milliseconds: a connection that lasted so long was a good one, so that its loss is the first. */
const goodAfterMs = 10_000;
/** Milliseconds */
const proofWithinMs = 1_000;
/** Milliseconds after a loss for which somebody waits for the next connection: later, it is not a connection that was lost. */
const waitedForMs = 1_000;
/** Milliseconds between the beginnings of two looks, neither of which waits. */
const apartMs = 100;

/** When a question was asked, and when its answer is to be there. */
export interface AskedWithin {
  readonly beganMs: number;
  readonly endMs: number;
}

export class MasterLinks {
  readonly name: string;
  readonly #settings: RedisSettings;
  readonly #events: StoreEvents;
  readonly #context: RedisContext;
  readonly #finder: MasterFinder;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  /** By the name of its place. */
  readonly #links = new Map<string, RedisLink>();
  #masters: Masters | undefined;
  #isUp = false;
  #why = '';
  #upSinceMs = 0;
  /** From the moment at which masters are said to be others until all of them are connected. */
  #isSought = false;
  #unsettledSinceMs = -Infinity;
  /** The first look after the loss of a good connection, or of a good master, does not wait. */
  #isFirstLook = false;
  #lookedAtMs = 0;
  #told: RedisLink | undefined;
  readonly #waiting = new Set<() => void>();
  #attempt = 0;
  /** Something happened that cannot wait for the time to look again. */
  #isHurried = false;
  #endCalm: () => void = () => undefined;
  #endRest: () => void = () => undefined;

  constructor(settings: RedisSettings, events: StoreEvents, context: RedisContext) {
    this.#settings = settings;
    this.#events = events;
    this.#context = context;
    const { signal } = this.#ending;
    this.#finder = masterFinder(settings, { timers: context.timers, signal });
    this.name = this.#finder.name;
    this.#running = this.#keep();
  }

  /** @see Masters.hasSlots */
  get hasSlots(): boolean {
    return this.#masters?.hasSlots ?? false;
  }

  /** Of every master. @throws {AppError} BAN_STORE_UNREACHABLE, where one is away */
  all(): readonly RedisLink[] {
    const places = this.#masters?.places ?? [];
    const links = places.flatMap((place) => this.#links.get(placeText(place)) ?? []);
    if (places.length === 0 || links.length < places.length) throw this.#away();
    return links;
  }

  /** Of the master that has the key. @throws {AppError} BAN_STORE_UNREACHABLE, where it is away */
  forKey(key: string): RedisLink {
    if (this.#masters === undefined) throw this.#away();
    const place = this.#masters.places[this.#masters.masterOf(key) ?? -1];
    if (place === undefined) {
      const says = 'has no master for some keys: look at CLUSTER INFO';
      throw new AppError('BAN_STORE_UNREACHABLE', `${this.name} ${says}`);
    }
    const link = this.at(placeText(place));
    if (link === undefined) throw this.#away();
    return link;
  }

  at(place: string): RedisLink | undefined {
    return this.#links.get(place);
  }

  /** @param told a server that said that it is not who was meant, and so knows best who is */
  lookNow(told?: RedisLink): void {
    this.#told = told;
    if (this.#isGood()) {
      this.#attempt = 0;
      this.#isFirstLook ||= this.#context.timers.now() - this.#lookedAtMs >= apartMs;
    }
    this.#unsettle();
    this.#isSought = true;
    this.#isHurried = true;
    this.#endCalm();
  }

  /**
   * Whether there is another connection than the one that a question was asked on, since that was lost, or its server is not
   * the key's master any more. Waits for one that was lost just now.
   */
  async isBackFor({ beganMs, endMs }: AskedWithin): Promise<boolean> {
    const { timers } = this.#context;
    const leftMs = Math.min(endMs, this.#unsettledSinceMs + waitedForMs) - timers.now();
    if (leftMs <= 0 || this.#isOver()) return false;
    if (this.#isSettled()) return this.#upSinceMs >= beganMs;
    return await new Promise((resolve) => {
      const end = (): void => {
        callOff();
        this.#waiting.delete(end);
        resolve(this.#isSettled());
      };
      const callOff = timers.after(leftMs, end);
      this.#waiting.add(end);
    });
  }

  async close(): Promise<void> {
    this.#ending.abort();
    this.#isUp = false;
    this.#endWaiting();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#finder.close();
    this.#endCalm();
    this.#endRest();
    await this.#running;
  }

  #away(): AppError {
    const why = this.#why === '' ? `${this.name}: not connected yet` : this.#why;
    return new AppError('BAN_STORE_UNREACHABLE', why);
  }

  #isGood(): boolean {
    return this.#isUp && this.#context.timers.now() - this.#upSinceMs >= goodAfterMs;
  }

  #isOver(): boolean {
    return this.#ending.signal.aborted;
  }

  /** All masters are connected, and nobody says that there are others. */
  #isSettled(): boolean {
    return this.#isUp && !this.#isSought;
  }

  #unsettle(): void {
    if (this.#isSettled()) this.#unsettledSinceMs = this.#context.timers.now();
  }

  async #keep(): Promise<void> {
    while (!this.#isOver()) {
      this.#isHurried = false;
      const fault = await this.#connect();
      if (this.#isOver()) return;
      if (fault === undefined) this.#goUp();
      else this.#goDown(fault.message);
      const isCalm = fault === undefined && (await this.#isCalmFor(this.#finder.everyMs));
      // However often there is reason to look again, there is time between two looks.
      if (!isCalm && !this.#isFirstLook) await this.#rest();
      this.#isFirstLook = false;
    }
  }

  async #rest(): Promise<void> {
    const waitMs = backOffMs(backOff, this.#attempt, this.#context.random());
    this.#attempt += 1;
    await new Promise<void>((resolve) => {
      const callOff = this.#context.timers.after(waitMs, resolve);
      this.#endRest = () => {
        callOff();
        resolve();
      };
    });
  }

  /** @param ms undefined: for ever. @returns false as soon as there is reason to look again */
  async #isCalmFor(ms: number | undefined): Promise<boolean> {
    if (this.#isHurried) return false;
    return await new Promise((resolve) => {
      const callOff =
        ms === undefined
          ? undefined
          : this.#context.timers.after(ms, () => {
              resolve(true);
            });
      this.#endCalm = () => {
        callOff?.();
        resolve(false);
      };
    });
  }

  /** Undefined: each master is connected. */
  async #connect(): Promise<AppError | undefined> {
    try {
      this.#lookedAtMs = this.#context.timers.now();
      const access = onceAsked(() => readAccess(this.#settings));
      const masters = await this.#find(access);
      const wanted = new Map(masters.places.map((place) => [placeText(place), place]));
      const missing = [...wanted].filter(([name]) => !this.#links.has(name));
      const unwanted = [...this.#links].filter(([name]) => !wanted.has(name));
      if (missing.length > 0 || unwanted.length > 0) {
        this.#unsettle();
        this.#isUp = false;
      }
      for (const [name, link] of unwanted) {
        link.close();
        this.#links.delete(name);
      }
      this.#masters = masters;
      const opened = await Promise.allSettled(
        missing.map(([name, place]) => this.#open(name, place, access)),
      );
      const failed = opened.find((one) => one.status === 'rejected');
      if (failed === undefined) return undefined;
      this.#finder.doubt();
      return storeFault(this.name, failed.reason);
    } catch (thrown) {
      return storeFault(this.name, thrown);
    }
  }

  /** Who cannot be asked where masters are, does not take away those that are connected. */
  async #find(access: AskForAccess): Promise<Masters> {
    const told = this.#told?.isOpen === true ? [this.#told] : undefined;
    this.#told = undefined;
    try {
      return await this.#finder.find(access, told ?? [...this.#links.values()]);
    } catch (thrown) {
      if (this.#masters === undefined || !this.#isUp) throw thrown;
      return this.#masters;
    }
  }

  async #open(name: string, place: RedisPlace, ask: AskForAccess): Promise<void> {
    const { signal } = this.#ending;
    const access = await ask();
    const link = await openLink(
      {
        place,
        access,
        database: this.#finder.database,
        tracked: this.#settings.prefix,
        timers: this.#context.timers,
        onLost: (fault) => {
          this.#lose(name, link, fault);
        },
        onChanged: (keys) => {
          if (!this.#isOver()) this.#events.onChanged(keys);
        },
      },
      signal,
    );
    if (this.#finder.needsProof) await this.#prove(link);
    // Meanwhile it may have been lost, or nobody wants it any more.
    if (this.#isOver()) link.close();
    if (!link.isOpen)
      throw new AppError('BAN_STORE_UNREACHABLE', `${link.name} closed the connection`);
    this.#links.set(name, link);
  }

  /** What Sentinels call the master may be one no more, or not yet. */
  async #prove(link: RedisLink): Promise<void> {
    try {
      const reply = await link.ask(['INFO', 'replication'], proofWithinMs);
      if (typeof reply === 'string' && /^role:master\s*$/m.test(reply)) return;
    } catch (thrown) {
      link.close();
      throw storeFault(link.name, thrown, ['INFO']);
    }
    link.close();
    const says = 'is no master, although Sentinels say so: it is asked again';
    throw new AppError('BAN_STORE_UNREACHABLE', `${link.name} ${says}`);
  }

  #lose(name: string, link: RedisLink, fault: AppError): void {
    if (this.#isOver() || this.#links.get(name) !== link) return;
    this.#links.delete(name);
    this.#isFirstLook ||= this.#isGood();
    this.lookNow();
    this.#goDown(fault.message);
  }

  #goUp(): void {
    if (this.#isHurried) return;
    this.#isSought = false;
    if (!this.#isUp) {
      this.#isUp = true;
      this.#why = '';
      this.#upSinceMs = this.#context.timers.now();
      this.#events.onUp();
    }
    this.#endWaiting();
  }

  #endWaiting(): void {
    for (const end of this.#waiting) end();
  }

  #goDown(why: string): void {
    this.#unsettle();
    this.#isUp = false;
    if (this.#why === why) return;
    this.#why = why;
    this.#events.onDown(why);
  }
}

/** One reading for all who ask. */
function onceAsked<Value>(ask: () => Promise<Value>): () => Promise<Value> {
  let asked: Promise<Value> | undefined;
  return () => (asked ??= ask());
}
