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
  /** @param links to masters that are open now, and may be asked. @throws {AppError} BAN_STORE_UNREACHABLE */
  find(access: AskForAccess, links: readonly RedisLink[]): Promise<Masters>;
  /** What was found last cannot be connected to, or is no master: whoever said so may know less than others. */
  doubt(): void;
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
    doubt: () => undefined,
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
  /** A Sentinel that named the master, asked again before others. */
  #kept: RedisLink | undefined;
  #found: RedisAddress | undefined;
  #doubted: RedisAddress | undefined;

  constructor({ servers, master }: NonNullable<RedisSettings['sentinel']>, context: FinderContext) {
    this.#master = master;
    this.#places = placesOf(servers);
    this.#context = context;
    this.name = `${master} of the Sentinels ${servers.join(', ')}`;
  }

  async find(access: AskForAccess): Promise<Masters> {
    const master = (await this.#askKept()) ?? (await this.#askAll(access));
    this.#found = master;
    return { places: [{ kind: 'tcp', ...master }], masterOf: () => 0, hasSlots: false };
  }

  /** A Sentinel that is cut off from the others, or from the servers, goes on naming the master before. */
  doubt(): void {
    this.#doubted = this.#found;
    this.close();
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

  /** What most of them say. @throws {AppError} BAN_STORE_UNREACHABLE, of the first of them */
  async #askAll(access: AskForAccess): Promise<RedisAddress> {
    const asked = this.#places.map((place) => this.#askAt(place, access));
    const said = await enoughOf(asked);
    const chosen = mostNamed(said, this.#doubted) ?? (await firstOf(asked));
    if (!this.#context.signal.aborted) this.#kept = chosen.link;
    for (const one of asked)
      void one.then(
        ({ link }) => {
          this.#letGo(link);
        },
        () => undefined,
      );
    return chosen.address;
  }

  #letGo(link: RedisLink): void {
    if (link !== this.#kept) link.close();
  }

  async #askAt(place: RedisPlace, access: AskForAccess): Promise<NamedMaster> {
    const link = await this.#open(place, await access());
    try {
      return { link, address: await this.#ask(link) };
    } catch (thrown) {
      link.close();
      throw thrown;
    }
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

interface NamedMaster {
  /** The Sentinel that names it. */
  readonly link: RedisLink;
  readonly address: RedisAddress;
}

/** Who has said the same. */
function agreeing(said: readonly NamedMaster[], { host, port }: RedisAddress): number {
  return said.filter(({ address }) => address.host === host && address.port === port).length;
}

/** Answers, until more than half of all agree: no more are waited for then. */
async function enoughOf(asked: readonly Promise<NamedMaster>[]): Promise<readonly NamedMaster[]> {
  const said: NamedMaster[] = [];
  await new Promise<void>((resolve) => {
    const listen = async (one: Promise<NamedMaster>): Promise<void> => {
      const named = await one;
      said.push(named);
      if (2 * agreeing(said, named.address) > asked.length) resolve();
    };
    void Promise.allSettled(asked.map(listen)).then(() => {
      resolve();
    });
  });
  return said;
}

/** Of two that as many name, the one that is not doubted. */
function mostNamed(
  said: readonly NamedMaster[],
  doubted: RedisAddress | undefined,
): NamedMaster | undefined {
  const weightOf = ({ address }: NamedMaster): number => {
    const isDoubted = address.host === doubted?.host && address.port === doubted.port;
    return agreeing(said, address) - (isDoubted ? 0.5 : 0);
  };
  return said.toSorted((a, b) => weightOf(b) - weightOf(a))[0];
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

  doubt(): void {
    // Each look asks another master.
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
