/** A connection that lasts: many losses leave nothing behind, and neither does its end. */
import { afterAll, expect, test } from 'vitest';
import type { Timers } from '#kernel/clock.ts';
import { describeWithComponents } from '../harness/components.ts';
import { slowness } from '../harness/pace.ts';
import { waitUntil } from '../harness/processes.ts';
import { startRedis, type RedisServer } from '../harness/redis.ts';
import { redisStore } from '../../../sidecar/config/redis-settings.ts';
import { openStore } from '../../../sidecar/redis/kept-store.ts';
import type { StoreConnection } from '../../../sidecar/redis/store-connection.ts';
import { systemTimers } from '../../../sidecar/workload-api/system-timers.ts';

let server: RedisServer | undefined;
let store: StoreConnection | undefined;
afterAll(async () => {
  await store?.close();
  await server?.stop();
});

/** Open in this process. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
}

/** Timers that know how many of them wait. */
class CountedTimers implements Timers {
  readonly waiting = new Set<symbol>();
  #leapsMs = 0;

  /** Each connection seems to have lasted long, so that its loss counts as the first. */
  now(): number {
    this.#leapsMs += 60_000;
    return Date.now() + this.#leapsMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = Symbol('timer');
    this.waiting.add(timer);
    const callOff = systemTimers.after(delayMs, () => {
      this.waiting.delete(timer);
      callback();
    });
    return () => {
      this.waiting.delete(timer);
      callOff();
    };
  }
}

describeWithComponents(['redis-server'], 'a lasting connection', () => {
  test('thirty losses leave one connection, no timer more than before, and nothing after its end', async () => {
    const running = await startRedis();
    server = running;
    const before = sockets();
    const timers = new CountedTimers();
    let ups = 0;
    let lost: string[] = [];
    const opened = openStore(
      redisStore.parse({ redis: { url: running.url } }).redis,
      {
        onUp: () => (ups += 1),
        onDown: (why) => lost.push(why),
        onChanged: () => undefined,
      },
      { timers, random: () => 1 },
    );
    store = opened;
    const isUp = (times: number): Promise<void> =>
      waitUntil(`it is up ${times} times`, () => Promise.resolve(ups === times), {
        deadlineMs: 5_000,
      });
    await isUp(1);
    for (let turn = 2; turn <= 31; turn += 1) {
      await running.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await isUp(turn);
    }
    expect(lost).toHaveLength(30);
    lost = [];
    expect(sockets()).toBe(before + 1);
    // Of the next PING, and of the answer to the last one.
    expect(timers.waiting.size).toBeLessThanOrEqual(2);
    const clients = await running.command('CLIENT', 'LIST', 'TYPE', 'normal');
    expect(clients.split('\n').filter((line) => line.includes('name=svidecar'))).toHaveLength(1);
    const waits = opened.read(['ban:a'], 1_000).catch(() => 'ended');
    await opened.close();
    expect(await waits).toBe('ended');
    expect(timers.waiting.size).toBe(0);
    await waitUntil('its socket is closed', () => Promise.resolve(sockets() === before), {
      deadlineMs: 2_000 * slowness,
    });
    expect(lost).toEqual([]);
    await expect(opened.read(['ban:a'], 1_000)).rejects.toMatchObject({
      code: 'BAN_STORE_UNREACHABLE',
    });
    await expect(opened.readAll(() => undefined)).rejects.toMatchObject({
      code: 'BAN_STORE_UNREACHABLE',
    });
  });
});
