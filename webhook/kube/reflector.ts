/**
 * Follows one resource: list, then watch from there, again and again; failures only delay it.
 * @see docs/adr/0092-an-api-client-with-a-reflector-of-our-own.md
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import { objectAt, stringAt } from '#kernel/json.ts';
import type { JsonObject } from '#kernel/json.ts';
import { ApiRefusal } from './kubernetes-api.ts';
import type { KubernetesApi, WatchEvent } from './kubernetes-api.ts';
import { retryDelayMs } from './api-limits.ts';
import type { ApiLimits } from './api-limits.ts';
import { readPages } from './paged-list.ts';
import type { Log } from '#kernel/observe.ts';
import type { Availability, FollowedResource } from './followed-resource.ts';

export interface ReflectorOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ApiLimits;
  /** Gives [0, 1). */
  readonly random: () => number;
}

export interface ReflectorCounts {
  lists: number;
  events: number;
  failures: number;
  /** Objects that could not be read. */
  unreadable: number;
}

/** The version that we watched from is gone (HTTP 410): only a new list helps. */
const gone = 410;
/** No such resource is served. */
const notFound = 404;
const forbidden = 403;
/** A watch that ends sooner than this counts as failed, whatever its status. */
const shortestWatchMs = 1_000;

/** A reflector, whatever it follows. */
export interface Follower {
  readonly name: string;
  readonly isSynced: boolean;
  readonly isCurrent: boolean;
  readonly counts: Readonly<ReflectorCounts>;
  /** When the API server last sent something about it, in Unix milliseconds; undefined before the first time. */
  readonly heardAtMs: number | undefined;
  run(signal: AbortSignal): Promise<void>;
  synced(): Promise<void>;
}

export class Reflector<Entry> implements Follower {
  readonly counts: ReflectorCounts = { lists: 0, events: 0, failures: 0, unreadable: 0 };
  readonly #resource: FollowedResource<Entry>;
  readonly #options: ReflectorOptions;
  readonly #synced: Promise<void>;
  #markSynced: () => void = () => undefined;
  #isSynced = false;
  #isOpen = false;
  #failuresInRow = 0;
  #listedAtMs: number | undefined;
  /** Lists in quick succession. */
  #listsInRow = 0;
  #heardAtMs: number | undefined;
  #relist = new AbortController();
  /** Of one that a cluster need not have. */
  #availability: Availability | undefined;

  constructor(resource: FollowedResource<Entry>, options: ReflectorOptions) {
    this.#resource = resource;
    this.#options = options;
    this.#synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  get name(): string {
    return this.#resource.name;
  }

  get heardAtMs(): number | undefined {
    return this.#heardAtMs;
  }

  /** True once the first list is in the store; stays true. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** True while a watch is open: what is not in the store does not exist, give or take the watch's idle limit. */
  get isCurrent(): boolean {
    return this.#isSynced && this.#isOpen;
  }

  /** Resolves after the first list. */
  synced(): Promise<void> {
    return this.#synced;
  }

  /** Lists again soon, ending the open watch. */
  relist(): void {
    this.#relist.abort();
  }

  /** Runs until `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#relist = new AbortController();
        await this.#rest(signal);
        const version = await this.#list(signal);
        await this.#watchFrom(version, signal);
      } catch (thrown) {
        const missing = this.#missing(thrown);
        if (missing === undefined) await this.#failed(thrown, signal);
        else await this.#doWithout(missing, signal);
      }
    }
  }

  /** Undefined for any other failure, and for a resource that every cluster has. */
  #missing(thrown: unknown): Exclude<Availability, 'there'> | undefined {
    if (this.#resource.available === undefined || !(thrown instanceof ApiRefusal)) return undefined;
    if (thrown.status === notFound) return 'absent';
    return thrown.status === forbidden ? 'forbidden' : undefined;
  }

  /** It may come later. */
  async #doWithout(missing: Exclude<Availability, 'there'>, signal: AbortSignal): Promise<void> {
    this.#heardAtMs = this.#options.clock.now();
    this.#becomes(missing);
    await wait(this.#options.limits.absentMs, undefined, { signal }).catch(() => undefined);
  }

  #becomes(now: Availability): void {
    if (this.#resource.available === undefined || now === this.#availability) return;
    this.#options.log.info({ resource: this.name, now }, 'availability of a resource');
    this.#availability = now;
    if (now !== 'there') this.#resource.replace([], '');
    this.#resource.available(now);
  }

  /** Waits before a list that soon follows others, whatever requested it. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { clock, limits, random } = this.#options;
    const { firstRelistMs: firstRetryMs, lastRelistMs: lastRetryMs } = limits;
    const isSoon = clock.now() - (this.#listedAtMs ?? 0) < 2 * lastRetryMs;
    this.#listsInRow = this.#listedAtMs !== undefined && isSoon ? this.#listsInRow + 1 : 0;
    if (this.#listsInRow === 0) return;
    const delayMs = retryDelayMs(
      this.#listsInRow,
      { ...limits, firstRetryMs, lastRetryMs },
      random,
    );
    // The wait rejects when we are stopped in it; the list then fails at once.
    await wait(delayMs, undefined, { signal }).catch(() => undefined);
  }

  /** An object that cannot be read is skipped; the rest of the list is kept. */
  #slim(object: JsonObject): Entry | undefined {
    try {
      return this.#resource.slim(object);
    } catch (thrown) {
      this.counts.unreadable += 1;
      const metadata = objectAt(object, 'metadata');
      const namespace = stringAt(metadata, 'namespace');
      const name = stringAt(metadata, 'name');
      this.#options.log.error(
        { resource: this.name, namespace, name, fault: messageOf(thrown) },
        'skipping an object that cannot be read',
      );
      return undefined;
    }
  }

  /** @returns the resourceVersion of the list */
  async #list(signal: AbortSignal): Promise<string> {
    const { api, limits } = this.#options;
    const entries: Entry[] = [];
    const sift = this.#resource.sifter?.() ?? ((entry: Entry): Entry => entry);
    const take = (item: JsonObject): void => {
      const entry = this.#slim(item);
      if (entry !== undefined) entries.push(sift(entry));
    };
    const version = await readPages(this.#path(), { api, limits, take }, signal);
    this.#resource.replace(entries, version);
    this.#heardAtMs = this.#options.clock.now();
    this.#listedAtMs = this.#heardAtMs;
    this.counts.lists += 1;
    this.#failuresInRow = 0;
    this.#isSynced = true;
    this.#becomes('there');
    this.#markSynced();
    return version;
  }

  /** Watches until a new list is due, asked for, or needed. */
  async #watchFrom(listed: string, signal: AbortSignal): Promise<void> {
    const { clock, limits, random } = this.#options;
    const relistAtMs = clock.now() + limits.relistMs * (1 + random());
    const end = AbortSignal.any([signal, this.#relist.signal]);
    const isOver = (): boolean => end.aborted || clock.now() >= relistAtMs;
    for (let version = listed; !isOver();) {
      const beganMs = clock.now();
      try {
        version = await this.#watchOnce(version, end);
        if (clock.now() - beganMs < shortestWatchMs) throw new Error('the watch ended at once');
        this.#failuresInRow = 0;
      } catch (thrown) {
        if (isGone(thrown) || isOver()) return;
        if (this.#missing(causeOf(thrown)) !== undefined) return;
        if (thrown instanceof WatchBroken) version = thrown.version;
        // It worked for a while, so failures are counted from one again.
        if (clock.now() - beganMs >= limits.watchIdleMs) this.#failuresInRow = 0;
        await this.#failed(thrown, signal);
      }
    }
  }

  /** @returns the version to continue from, when the server ended the watch */
  async #watchOnce(from: string, signal: AbortSignal): Promise<string> {
    const { api, limits, random } = this.#options;
    let version = from;
    const seconds = Math.round(limits.watchS * (1 + random()));
    const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=${seconds}&resourceVersion=${version}`;
    try {
      await api.watch({
        path: `${this.#path()}${this.#resource.selector === undefined ? '?' : '&'}${query}`,
        signal,
        onOpen: () => {
          this.#isOpen = true;
          this.#heardAtMs = this.#options.clock.now();
        },
        onEvent: (event) => {
          version = this.#take(event) ?? version;
        },
      });
      return version;
    } catch (thrown) {
      if (isGone(thrown)) throw thrown;
      throw new WatchBroken(version, thrown);
    } finally {
      this.#isOpen = false;
    }
  }

  /** @returns the event's version. @throws {ApiRefusal} for an ERROR event */
  #take(event: WatchEvent): string | undefined {
    this.counts.events += 1;
    this.#heardAtMs = this.#options.clock.now();
    const { object } = event;
    const metadata = objectAt(object, 'metadata');
    const name = stringAt(metadata, 'name') ?? '';
    const namespace = stringAt(metadata, 'namespace') ?? '';
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED': {
        const entry = this.#slim(object);
        if (entry === undefined) this.#resource.drop(namespace, name);
        else this.#resource.put(entry);
        break;
      }
      case 'DELETED':
        this.#resource.drop(namespace, name);
        break;
      case 'BOOKMARK':
        break;
      case 'ERROR':
        throw refusalOf(object);
      default:
        // A type that Kubernetes may add later; its version still counts.
        break;
    }
    return stringAt(metadata, 'resourceVersion');
  }

  /** Path of the list, with its selector. */
  #path(): string {
    const { path, selector } = this.#resource;
    return selector === undefined ? path : `${path}?${selector}`;
  }

  async #failed(thrown: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.counts.failures += 1;
    this.#failuresInRow += 1;
    const { limits, random, log } = this.#options;
    const cause = causeOf(thrown);
    const asked = cause instanceof ApiRefusal ? (cause.retryAfterS ?? 0) * 1000 : 0;
    const delayMs = Math.max(retryDelayMs(this.#failuresInRow, limits, random), asked);
    const fields = { resource: this.name, fault: messageOf(cause), retryMs: Math.round(delayMs) };
    if (isForbidden(cause)) {
      log.error(fields, 'not allowed to watch a resource; check the ClusterRole svidecar');
    } else if (this.#failuresInRow > 2) log.warn(fields, 'cannot watch a resource, trying again');
    else log.debug(fields, 'watch interrupted, trying again');
    // The wait rejects when we are stopped in it; run() then ends.
    await wait(delayMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Carries the last version that the watch had reached. */
class WatchBroken extends Error {
  readonly version: string;
  constructor(version: string, cause: unknown) {
    super(messageOf(cause), { cause });
    this.version = version;
  }
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof WatchBroken ? thrown.cause : thrown;
}

function isGone(thrown: unknown): boolean {
  return thrown instanceof ApiRefusal && thrown.status === gone;
}

function isForbidden(thrown: unknown): boolean {
  return thrown instanceof ApiRefusal && (thrown.status === 401 || thrown.status === forbidden);
}

function refusalOf(status: JsonObject): ApiRefusal {
  const code = typeof status['code'] === 'number' ? status['code'] : 500;
  const message = stringAt(status, 'message') ?? 'the watch ended with an error';
  return new ApiRefusal(code, stringAt(status, 'reason') ?? '', { message });
}
