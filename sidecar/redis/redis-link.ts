/** One connection to one server: opened within a deadline, watched while it is open, never opened again. */
import { BasicClientSideCache, createClient } from '@redis/client';
import type { Timers } from '#kernel/clock.ts';
import { AppError } from '#kernel/errors.ts';
import type { RedisAddress } from '../config/redis-settings.ts';
import { Announced } from './announced.ts';
import type { RedisAccess } from './redis-access.ts';
import {
  mostAtOnceBytes,
  openingFault,
  RedisFlood,
  RedisSilence,
  storeFault,
} from './redis-faults.ts';
import type { RedisReply } from './store-connection.ts';

export type RedisPlace =
  ({ readonly kind: 'tcp' } & RedisAddress) | { readonly kind: 'socket'; readonly path: string };

export interface LinkOptions {
  readonly place: RedisPlace;
  readonly access: RedisAccess;
  /** Default 0. */
  readonly database?: number;
  /** Changes of keys with this prefix are told; undefined: none are. */
  readonly tracked?: string;
  /** It was open and is no more; not told after `close`. */
  readonly onLost?: (fault: AppError) => void;
  readonly onChanged?: (keys: readonly string[] | 'all') => void;
  readonly timers: Timers;
}

/** Milliseconds: of the connection of TCP and TLS, and of all until it is open. */
const connectWithinMs = { socket: 1_500, all: 2_000 } as const;
/** A server that is silent for two of these after a PING is taken for gone: at most 2.4 s after it hangs. */
const pingEveryMs = 800;
/** Nothing is sent or heard for so long only where a connection was forgotten. */
const idleMs = 10_000;

/** As messages name it. */
export function placeText(place: RedisPlace): string {
  if (place.kind === 'socket') return place.path;
  return place.host.includes(':') ? `[${place.host}]:${place.port}` : `${place.host}:${place.port}`;
}

/** Told once a key of the prefix changes, also if it was never read. @see Redis, "Client-side caching", broadcasting mode */
class ChangeTracking extends BasicClientSideCache {
  readonly #prefix: string;
  readonly #onChanged: (keys: readonly string[] | 'all') => void;
  #changed: string[] | 'all' = [];

  constructor(prefix: string, onChanged: (keys: readonly string[] | 'all') => void) {
    super({ recordStats: false });
    this.#prefix = prefix;
    this.#onChanged = onChanged;
  }

  override trackingOn(): string[] {
    return ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', this.#prefix];
  }

  /** @param key null: all of them */
  override invalidate(key: string | Buffer | null): void {
    // All that came in one piece is told at once.
    if (this.#changed.length === 0)
      queueMicrotask(() => {
        this.#tell();
      });
    if (key === null) this.#changed = 'all';
    else if (this.#changed !== 'all') this.#changed.push(key.toString());
  }

  #tell(): void {
    const changed = this.#changed;
    this.#changed = [];
    this.#onChanged(changed);
  }
}

function clientOf(
  options: LinkOptions,
  onChanged: (keys: readonly string[] | 'all') => void,
): ReturnType<typeof createUntyped> {
  const { place, access, database = 0, tracked } = options;
  const { username, password, tls } = access;
  return createUntyped({
    RESP: 3,
    socket: {
      ...(place.kind === 'socket' ? { path: place.path } : { host: place.host, port: place.port }),
      ...(tls === undefined ? {} : { ...tls, tls: true }),
      connectTimeout: connectWithinMs.socket,
      socketTimeout: idleMs,
      reconnectStrategy: false,
    },
    database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tracked === undefined ? {} : { clientSideCache: new ChangeTracking(tracked, onChanged) }),
    name: 'svidecar',
    disableClientInfo: true,
    maintNotifications: 'disabled',
    disableOfflineQueue: true,
    // Each command has a deadline of its own here; the client's ends only what was not sent yet.
    commandOptions: { timeout: 0 },
  });
}

/** Never connected. What all clients have in common, some 400 commands, takes the library 60 ms to make. */
let model: ReturnType<typeof createClient> | undefined;

/** A copy of the model: made anew, clients of servers in turn would cost that each time, since only the last options are remembered. */
function createUntyped(options: Parameters<typeof createClient>[0]) {
  model ??= createClient();
  return model.duplicate(options);
}

/** @throws {AppError} BAN_STORE_UNREACHABLE; nothing of the connection is left then, nor after `signal` aborts */
export async function openLink(options: LinkOptions, signal: AbortSignal): Promise<RedisLink> {
  const link = new RedisLink(options);
  const close = (): void => {
    link.close();
  };
  signal.addEventListener('abort', close, { once: true });
  try {
    signal.throwIfAborted();
    await link.open();
    return link;
  } catch (thrown) {
    link.close();
    throw openingFault(link.name, thrown, options.access.tls !== undefined);
  } finally {
    signal.removeEventListener('abort', close);
  }
}

export class RedisLink {
  readonly name: string;
  readonly place: RedisPlace;
  readonly #options: LinkOptions;
  readonly #client: ReturnType<typeof clientOf>;
  /** How to end what waits for an answer. */
  readonly #waiting = new Set<(fault: unknown) => void>();
  #state: 'opening' | 'open' | 'over' = 'opening';
  #fault: unknown;
  /** How often anything was heard. */
  #heard = 0;
  /** Bytes of what has not come to its end. */
  #partBytes = 0;
  readonly #announced = new Announced();
  #callOffPing: () => void = () => undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.place = options.place;
    this.name = placeText(options.place);
    this.#client = clientOf(options, (keys) => {
      this.#heard += 1;
      this.#endPart();
      if (this.#state === 'open') options.onChanged?.(keys);
    });
    this.#boundWhatComes();
    this.#client.on('error', (fault: unknown) => {
      this.#lose(fault);
    });
    // A client that is destroyed while its socket connects would keep that one.
    this.#client.on('connect', () => {
      if (this.#state === 'over') this.#client.destroy();
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The library takes all that comes. What is thrown there is told as the client's error. */
  #boundWhatComes(): void {
    const { decoder } = this.#client._getQueue();
    const write = decoder.write.bind(decoder);
    decoder.write = (chunk: Buffer) => {
      this.#partBytes += chunk.length;
      if (this.#partBytes > mostAtOnceBytes) throw new RedisFlood();
      this.#announced.take(chunk);
      write(chunk);
    };
  }

  /** An answer has come to its end, or a change. */
  #endPart(): void {
    this.#partBytes = 0;
    this.#announced.reset();
  }

  async open(): Promise<void> {
    await this.#settled(this.#client.connect(), connectWithinMs.all);
    await this.ask(['PING'], connectWithinMs.socket);
    this.#state = 'open';
    this.#ping();
  }

  /** @throws {Error} as the client's, RedisSilence at the deadline */
  async ask(words: readonly string[], deadlineMs: number): Promise<RedisReply> {
    if (this.#state === 'over') throw this.#fault;
    const reply = await this.#settled(this.#client.sendCommand<RedisReply>(words), deadlineMs);
    this.#heard += 1;
    return reply;
  }

  /** Sent together, under one deadline; an error of the server is the outcome of its command. @throws {Error} as `ask` */
  async askAll(
    commands: readonly (readonly string[])[],
    deadlineMs: number,
  ): Promise<readonly PromiseSettledResult<RedisReply>[]> {
    if (this.#state === 'over') throw this.#fault;
    const sent = commands.map((words) => this.#client.sendCommand<RedisReply>(words));
    const outcomes = await this.#settled(Promise.allSettled(sent), deadlineMs);
    this.#heard += 1;
    return outcomes;
  }

  close(): void {
    this.#end(new AppError('BAN_STORE_UNREACHABLE', `${this.name} is not connected any more`));
  }

  #lose(fault: unknown): void {
    const wasOpen = this.#state === 'open';
    this.#end(fault);
    if (wasOpen) this.#options.onLost?.(storeFault(this.name, fault));
  }

  #end(fault: unknown): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#fault = fault;
    this.#callOffPing();
    this.#client.destroy();
    for (const reject of this.#waiting) reject(fault);
    this.#waiting.clear();
  }

  /** What comes of a promise; its deadline, or the end of the connection, whatever is first. */
  #settled<Value>(promise: Promise<Value>, deadlineMs: number): Promise<Value> {
    return new Promise((resolve, reject) => {
      const end = (fault: unknown): void => {
        callOff();
        this.#waiting.delete(end);
        reject(fault instanceof Error ? fault : new Error('no error', { cause: fault }));
      };
      const callOff = this.#options.timers.after(deadlineMs, () => {
        end(new RedisSilence(deadlineMs));
      });
      this.#waiting.add(end);
      promise
        .finally(() => {
          this.#endPart();
        })
        .then((value) => {
          callOff();
          this.#waiting.delete(end);
          resolve(value);
        }, end);
    });
  }

  #ping(): void {
    const heard = this.#heard;
    this.ask(['PING'], idleMs).catch((fault: unknown) => {
      this.#lose(fault);
    });
    // Twice, so that a process of ours that was held up in between has read what had come meanwhile.
    this.#later(() => {
      if (this.#heard !== heard) this.#ping();
      else
        this.#later(() => {
          if (this.#heard !== heard) this.#ping();
          else this.#lose(new RedisSilence(2 * pingEveryMs));
        });
    });
  }

  #later(then: () => void): void {
    this.#callOffPing = this.#options.timers.after(pingEveryMs, then);
  }
}
