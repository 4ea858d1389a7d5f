/**
 * The lists of bans in stores, one for each store, kept through reloads. The client of such a store is loaded when the
 * first rule has one: in the image it is a file of its own, which others never open.
 */
import { readFileSync } from 'node:fs';
import type { Timers } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import type { Log, MetricFamily } from '#kernel/observe.ts';
import type { StoredBanList } from '../authz/ban-rule.ts';
import { hmacKeyBytes } from '../config/ban-values.ts';
import type { RedisSettings } from '../config/redis-settings.ts';
import type { BanMirror } from '../redis/mirror.ts';
import type * as OpenMirror from '../redis/open-mirror.ts';
import type { StateOfStore } from '../redis/store-families.ts';
import { listGauges } from './ban-metrics.ts';
import { followFile } from './follow-file.ts';
import { KeptInUse } from './kept-in-use.ts';

type RedisRoom = typeof OpenMirror;

export interface BanStoresContext {
  readonly log: Log;
  readonly timers: Timers;
}

export class BanStores {
  readonly #context: BanStoresContext;
  readonly #held = new KeptInUse<BanStoreInUse>();

  constructor(context: BanStoresContext) {
    this.#context = context;
  }

  /** @see KeptInUse.settingUp */
  settingUp<T>(setUp: () => T): T {
    return this.#held.settingUp(setUp);
  }

  at(settings: RedisSettings): StoredBanList {
    const key = JSON.stringify(settings);
    return this.#held.get(key, () => new BanStoreInUse(settings, this.#context));
  }

  families(): readonly MetricFamily[] {
    const states = new Map<string, StateOfStore>();
    let room: RedisRoom | undefined;
    for (const [, store] of this.#held.entries()) {
      const state = store.state();
      room ??= store.room;
      // Two that differ in their limits alone would be one line twice.
      if (state !== undefined) states.set(JSON.stringify(state.labels), state);
    }
    return room === undefined ? [] : room.storeFamilies([...states.values()], listGauges);
  }

  /** Comes about once a second. */
  tidy(): void {
    for (const [, store] of this.#held.entries()) store.tidy();
  }

  close(): void {
    this.#held.close();
  }
}

class BanStoreInUse implements StoredBanList {
  readonly #settings: RedisSettings;
  readonly #context: BanStoresContext;
  readonly #stopFollowing: () => void;
  #hmacKey: Uint8Array | undefined;
  #mirror: BanMirror | undefined;
  /** Undefined before it is loaded. */
  room: RedisRoom | undefined;
  #isClosed = false;
  #isOpening = false;

  constructor(settings: RedisSettings, context: BanStoresContext) {
    this.#settings = settings;
    this.#context = context;
    const { hmacKeyFile } = settings;
    this.#stopFollowing = hmacKeyFile === undefined ? nothing : this.#followKey(hmacKeyFile);
    if (hmacKeyFile === undefined) this.#open();
    else if (this.#hmacKey === undefined) {
      const words = 'there is no key for hashed bans yet: nobody is banned';
      context.log.warn({ file: hmacKeyFile }, words);
    }
  }

  get isLoaded(): boolean {
    return this.#mirror?.isLoaded === true;
  }

  find(key: string): ReturnType<StoredBanList['find']> {
    return this.#mirror?.find(key);
  }

  async lookUp(keys: ReadonlySet<string>): ReturnType<StoredBanList['lookUp']> {
    return this.#mirror === undefined ? 'store_away' : await this.#mirror.lookUp(keys);
  }

  /** Undefined before it is opened. */
  state(): StateOfStore | undefined {
    const state = this.#mirror?.state();
    return state && { state, labels: { store: state.store, prefix: this.#settings.prefix } };
  }

  tidy(): void {
    this.#mirror?.tidy();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopFollowing();
    this.#mirror?.close();
  }

  /** A new key counts from its next look-up on: whoever changes it writes all bans anew. */
  #followKey(file: string): () => void {
    return followFile(file, {
      known: undefined,
      // Each byte as a character: a key is no text.
      read: (path) => readFileSync(path, 'latin1'),
      onText: (text) => {
        const { least, most } = hmacKeyBytes;
        if (text.length < least || text.length > most) {
          const words = `the key for hashed bans has not ${least} to ${most} bytes, and is not used`;
          this.#context.log.error({ file, bytes: text.length }, words);
          return;
        }
        this.#hmacKey = Buffer.from(text, 'latin1');
        this.#mirror?.takeNewKey();
        this.#open();
      },
    });
  }

  #open(): void {
    if (this.#isOpening) return;
    this.#isOpening = true;
    void this.#load();
  }

  async #load(): Promise<void> {
    const { log, timers } = this.#context;
    try {
      const room = await import('../redis/open-mirror.ts');
      if (this.#isClosed) return;
      // Where the settings name a key, there is one before this is opened.
      const isHashed = this.#settings.hmacKeyFile !== undefined;
      const hmacKey = isHashed ? () => this.#hmacKey ?? new Uint8Array() : undefined;
      this.room = room;
      this.#mirror = room.openMirror(this.#settings, { log, timers, random: Math.random, hmacKey });
    } catch (thrown) {
      const words =
        'the client for Redis could not be loaded: nobody is banned; put redis.cjs of the same release beside helper.cjs, and start the helper again';
      log.error({ fault: messageOf(thrown) }, words);
    }
  }
}

function nothing(): void {
  // There is no file to follow.
}
