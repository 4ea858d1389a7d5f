/** Where a store's masters are: a server that is given, the master that Sentinels name, or the masters of a Cluster. */
import type { Timers } from '#kernel/clock.ts';
import { AppError } from '#kernel/errors.ts';
import { isArray } from '#kernel/json.ts';
import {
  redisAddress,
  redisTarget,
  type RedisAddress,
  type RedisSettings,
} from '../config/redis-settings.ts';
import { readClusterMap } from './cluster-slots.ts';
import type { RedisAccess } from './redis-access.ts';
import { errorWord, storeFault } from './redis-faults.ts';
import { openLink, type RedisLink, type RedisPlace } from './redis-link.ts';

export interface Masters {
  readonly places: readonly RedisPlace[];
  /** The place in `places` of the one that has the key; undefined: none has. */
  readonly masterOf: (key: string) => number | undefined;
  /** One command may be about keys of several slots only where there are none. */
  readonly hasSlots: boolean;
}

/** Files are read only where a connection is to be opened. */
export type AskForAccess = () => Promise<RedisAccess>;

export interface MasterFinder {
  /** @param links to masters that are open now. @throws {AppError} BAN_STORE_UNREACHABLE */
  find(access: AskForAccess, links: readonly RedisLink[]): Promise<Masters>;
  /** Milliseconds between two looks; undefined: they never change. */
  readonly everyMs: number | undefined;
  /** What is found may be no master any more. */
  readonly needsProof: boolean;
  readonly database: number;
  readonly name: string;
  close(): void;
}

interface FinderContext {
  readonly timers: Timers;
  readonly signal: AbortSignal;
}

/** Milliseconds */
const lookEveryMs = 2_000;
const answerWithinMs = 1_000;

export function masterFinder(settings: RedisSettings, context: FinderContext): MasterFinder {
  const { url, sentinel, cluster } = settings;
  if (sentinel !== undefined) return new SentinelFinder(sentinel, context);
  if (cluster !== undefined) return new ClusterFinder(cluster.servers, context);
  return givenServer(url ?? '');
}

function givenServer(url: string): MasterFinder {
  const target = redisTarget(url);
  if (target === undefined) throw new TypeError('settings without a server');
  const isSocket = target.kind === 'socket';
  const place: RedisPlace = isSocket ? target : { kind: 'tcp', ...target.address };
  const masters = { places: [place], masterOf: () => 0, hasSlots: false };
  return {
    find: () => Promise.resolve(masters),
    everyMs: undefined,
    needsProof: false,
    database: isSocket ? 0 : target.database,
    name: url,
    close: () => undefined,
  };
}

function placesOf(servers: readonly string[]): readonly RedisPlace[] {
  return servers.flatMap((text) => {
    const address = redisAddress(text);
    return address === undefined ? [] : [{ kind: 'tcp', ...address }];
  });
}

class SentinelFinder implements MasterFinder {
  readonly everyMs = lookEveryMs;
  readonly needsProof = true;
  readonly database = 0;
  readonly name: string;
  readonly #master: string;
  readonly #places: readonly RedisPlace[];
  readonly #context: FinderContext;
  /** The Sentinel that answered first, asked again before others. */
  #kept: RedisLink | undefined;

  constructor({ servers, master }: NonNullable<RedisSettings['sentinel']>, context: FinderContext) {
    this.#master = master;
    this.#places = placesOf(servers);
    this.#context = context;
    this.name = `${master} of the Sentinels ${servers.join(', ')}`;
  }

  async find(access: AskForAccess): Promise<Masters> {
    const master = (await this.#askKept()) ?? (await this.#askAll(access));
    return { places: [{ kind: 'tcp', ...master }], masterOf: () => 0, hasSlots: false };
  }

  close(): void {
    this.#kept?.close();
    this.#kept = undefined;
  }

  async #askKept(): Promise<RedisAddress | undefined> {
    if (this.#kept === undefined) return undefined;
    try {
      return await this.#ask(this.#kept);
    } catch {
      // All are asked then, this one too: they say what is wrong.
      this.close();
      return undefined;
    }
  }

  /** @throws {AppError} BAN_STORE_UNREACHABLE, of the first of them */
  async #askAll(access: AskForAccess): Promise<RedisAddress> {
    return await firstOf(
      this.#places.map(async (place) => {
        const link = await this.#open(place, await access());
        try {
          const address = await this.#ask(link);
          this.#keep(link);
          return address;
        } catch (thrown) {
          link.close();
          throw thrown;
        }
      }),
    );
  }

  #keep(link: RedisLink): void {
    if (this.#kept === undefined && !this.#context.signal.aborted) this.#kept = link;
    else link.close();
  }

  /** Sentinels often have no password where servers have one: it is given only to one that asks for it. */
  #open(place: RedisPlace, access: RedisAccess): Promise<RedisLink> {
    const { timers, signal } = this.#context;
    const without = { ...access, username: undefined, password: undefined };
    return openLink({ place, access: without, timers }, signal).catch((thrown: unknown) => {
      if (errorWord(thrown) !== 'NOAUTH') throw thrown;
      return openLink({ place, access, timers }, signal);
    });
  }

  async #ask(link: RedisLink): Promise<RedisAddress> {
    const words = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#master];
    const reply = await link.ask(words, answerWithinMs).catch((thrown: unknown) => {
      throw storeFault(`Sentinel ${link.name}`, thrown, words);
    });
    const [host, port] = isArray(reply) ? reply : [];
    if (typeof host === 'string' && host !== '' && Number(port) > 0)
      return { host, port: Number(port) };
    const says = `knows no master called ${this.#master}: check sentinel.master`;
    throw new AppError('BAN_STORE_UNREACHABLE', `Sentinel ${link.name} ${says}`);
  }
}

class ClusterFinder implements MasterFinder {
  readonly everyMs = lookEveryMs;
  readonly needsProof = false;
  readonly database = 0;
  readonly name: string;
  readonly #places: readonly RedisPlace[];
  readonly #context: FinderContext;
  #turn = 0;

  constructor(servers: readonly string[], context: FinderContext) {
    this.#places = placesOf(servers);
    this.#context = context;
    this.name = `the Cluster of ${servers.join(', ')}`;
  }

  /** Asks a master that is connected, each time another one, and otherwise all that are given. */
  async find(access: AskForAccess, links: readonly RedisLink[]): Promise<Masters> {
    const open = links.filter(({ isOpen }) => isOpen);
    this.#turn += 1;
    const link = open[this.#turn % Math.max(1, open.length)];
    if (link === undefined) return this.#askAll(access);
    return askNode(link).catch(() => this.#askAll(access));
  }

  close(): void {
    // What it opens it closes at once.
  }

  async #askAll(access: AskForAccess): Promise<Masters> {
    const { timers, signal } = this.#context;
    return await firstOf(
      this.#places.map(async (place) => {
        const link = await openLink({ place, access: await access(), timers }, signal);
        try {
          return await askNode(link);
        } finally {
          link.close();
        }
      }),
    );
  }
}

async function askNode(link: RedisLink): Promise<Masters> {
  const words = ['CLUSTER', 'SLOTS'];
  const reply = await link.ask(words, answerWithinMs).catch((thrown: unknown) => {
    throw storeFault(link.name, thrown, words);
  });
  const map = link.place.kind === 'tcp' ? readClusterMap(reply, link.place) : undefined;
  if (map === undefined || map.masters.length === 0) {
    const says = 'names no masters of its Cluster: look at CLUSTER SLOTS';
    throw new AppError('BAN_STORE_UNREACHABLE', `${link.name} ${says}`);
  }
  const places = map.masters.map((address) => ({ kind: 'tcp' as const, ...address }));
  return { places, masterOf: map.masterOf, hasSlots: true };
}

/** What is there first; if nothing is, why the first one failed. */
async function firstOf<Value>(attempts: readonly Promise<Value>[]): Promise<Value> {
  try {
    return await Promise.any(attempts);
  } catch {
    // All have failed, so the first throws.
    return (await attempts[0]) ?? Promise.reject(new TypeError('nobody to ask'));
  }
}
