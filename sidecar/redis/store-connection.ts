/** A store in Redis as whoever reads or writes it sees it, be it one server, the master of Sentinels or a Cluster. */
import type { Timers } from '#kernel/clock.ts';

export interface StoredRecord {
  readonly key: string;
  readonly value: string;
}

/** What Redis answers, as RESP3 has it. */
export type RedisReply = string | number | boolean | null | readonly RedisReply[] | object;

/**
 * All masters of a store, with broadcast tracking on each. Connects by itself, and again for ever. Every promise settles:
 * with an AppError BAN_STORE_UNREACHABLE where a master does not answer.
 */
export interface StoreConnection {
  /** For messages, without user and password: `redis://host:6379/0`. */
  readonly name: string;
  /**
   * Every key with the prefix, and its value as `read` gives it, piece by piece; a key may come twice.
   * Rejects when a master goes away meanwhile, or brings nothing for 5 s.
   */
  readAll(onPiece: (records: readonly StoredRecord[]) => void): Promise<void>;
  /**
   * In the order of `keys`; null: not there, or an empty text; empty: something else than a text. Of a text longer than
   * a record there is only the beginning, one byte longer than a record. Settles within `deadlineMs`, and asks once more in
   * it where the connection is lost and back.
   */
  read(keys: readonly string[], deadlineMs: number): Promise<readonly (string | null)[]>;
  /**
   * One command of Redis that is about one key, sent to the key's master; never sent twice. Settles within `deadlineMs`,
   * after which it may still be carried out. Rejects with BAN_STORE_FULL where the server has no memory left.
   */
  command(key: string, words: readonly string[], deadlineMs: number): Promise<RedisReply>;
  /** Nothing is told any more, and what waits rejects. */
  close(): Promise<void>;
}

export interface StoreEvents {
  /**
   * Tracking is on at every master: from now on each change is told. What happened before may have been missed, so read
   * all. Again after each reconnect, failover, or change of the masters.
   */
  onUp(): void;
  /** A master is away; `why` names it and what to do, in one line. Again when the reason becomes another. */
  onDown(why: string): void;
  /**
   * Keys with the prefix that were written, were deleted or have expired; 'all' after FLUSHDB and FLUSHALL. In a Cluster of
   * which one master is away, the others still tell theirs, and their keys can be read.
   */
  onChanged(keys: readonly string[] | 'all'): void;
}

/** @see SourceContext of the Workload API's client */
export interface RedisContext {
  readonly timers: Timers;
  /** From 0 up to 1. */
  readonly random: () => number;
}
