/** A store in memory that tells of changes as Redis does, and fails as a test says. */
import {
  banId,
  hmacKeyId,
  kindOfBan,
  recordKey,
  writeRecord,
  type BanRecord,
} from '../../sidecar/config/ban-records.ts';
import { claimPath } from '../../sidecar/config/ban-values.ts';
import type { StoreConnection, StoreEvents } from '../../sidecar/redis/store-connection.ts';

const records = {
  claim: 'sub',
  value: 'a',
  untilS: undefined,
  issuedBeforeS: undefined,
  reason: undefined,
  by: undefined,
  atS: undefined,
} satisfies BanRecord;

interface Held {
  readonly promise: Promise<void>;
  readonly release: () => void;
}

function gate(): Held {
  let release: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}

export class FakeStore implements StoreConnection {
  readonly name = 'redis://fake:6379/0';
  readonly held = new Map<string, string>();
  events: StoreEvents | undefined;
  /** Each call fails, or waits, while this is set. */
  trouble: Error | undefined;
  /** Keys of each call of `read`. */
  readonly reads: (readonly string[])[] = [];
  readings = 0;
  isClosed = false;
  #gate: Held | undefined;

  open(events: StoreEvents): this {
    this.events = events;
    return this;
  }

  /** A ban as a writer puts it there; the key that it has. */
  put(value: string, more: Partial<BanRecord> = {}, hmacKey?: Uint8Array): string {
    const record = { ...records, value, ...more };
    const id = banId(claimPath(record.claim) ?? [], value, hmacKey) ?? '';
    const key = recordKey('ban:', kindOfBan(record), id);
    const stored = hmacKey === undefined ? record : { ...record, value: undefined };
    this.write(key, writeRecord(stored, hmacKey && hmacKeyId(hmacKey)));
    return key;
  }

  write(key: string, value: string): void {
    this.held.set(key, value);
    this.events?.onChanged([key]);
  }

  remove(key: string): void {
    this.held.delete(key);
    this.events?.onChanged([key]);
  }

  flushAll(): void {
    this.held.clear();
    this.events?.onChanged('all');
  }

  /** Answers wait until {@link goOn}; they are of the moment at which they were asked for. */
  halt(): void {
    this.#gate ??= gate();
  }

  goOn(): void {
    this.#gate?.release();
    this.#gate = undefined;
  }

  async readAll(onPiece: Parameters<StoreConnection['readAll']>[0]): Promise<void> {
    this.readings += 1;
    const all = [...this.held].map(([key, value]) => ({ key, value }));
    await this.#turn();
    for (let start = 0; start < all.length; start += 2) onPiece(all.slice(start, start + 2));
  }

  async read(keys: readonly string[]): Promise<readonly (string | null)[]> {
    this.reads.push(keys);
    const values = keys.map((key) => this.held.get(key) ?? null);
    await this.#turn();
    return values;
  }

  command(): Promise<never> {
    return Promise.reject(new TypeError('nothing is commanded here'));
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  async #turn(): Promise<void> {
    await this.#gate?.promise;
    if (this.trouble !== undefined) throw this.trouble;
  }
}
