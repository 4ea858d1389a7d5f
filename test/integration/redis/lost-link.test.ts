/** A server that ends our connections and lives on: as after a change of a password, a failover, or in a proxy. */
import { afterAll, describe, expect, test } from 'vitest';
import type { Timers } from '#kernel/clock.ts';
import { describeWithComponents } from '../harness/components.ts';
import { startRedis, type RedisServer } from '../harness/redis.ts';
import { redisStore } from '../../../sidecar/config/redis-settings.ts';
import { openStore } from '../../../sidecar/redis/kept-store.ts';
import { systemTimers } from '../../../sidecar/workload-api/system-timers.ts';
import { runtimes } from '../runtimes.ts';
import { StoreWatcher } from './watcher.ts';

const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

async function redis(): Promise<RedisServer> {
  const server = await startRedis();
  ends.push(() => server.stop());
  await server.command('SET', 'ban:a', 'x');
  return server;
}
const endAll = (server: RedisServer): Promise<unknown> =>
  server.command('CLIENT', 'KILL', 'TYPE', 'normal');

describeWithComponents(['redis-server'], 'a connection that the server ends', () => {
  describe.each(runtimes)('on %s', (runtime) => {
    test('is waited for by what is looked up meanwhile', async () => {
      const server = await redis();
      const watcher = new StoreWatcher(runtime, { url: server.url });
      ends.push(() => watcher.stop());
      await watcher.isUp();
      // Each time the wait before a new connection is twice as long, since none has lasted.
      for (let round = 0; round < 3; round += 1) {
        const seen = watcher.lines.length;
        await endAll(server);
        const asked = Array.from({ length: 3 }, () =>
          watcher.ask({ read: ['ban:a'], deadlineMs: 10_000 }),
        );
        await Promise.all(asked);
        await watcher.isUp(seen);
      }
      expect(watcher.lines.filter(({ kind }) => kind === 'fault')).toEqual([]);
      expect(watcher.lines.filter(({ kind }) => kind === 'down')).toHaveLength(3);
    });
  });

  test('is opened again at once, if it had lasted', async () => {
    const server = await redis();
    let leapsMs = 0;
    const waits: number[] = [];
    const timers: Timers = {
      now: () => Date.now() + leapsMs,
      after: (delayMs, callback) => {
        waits.push(delayMs);
        return systemTimers.after(delayMs, callback);
      },
    };
    let ups = 0;
    const events = {
      onUp: () => (ups += 1),
      onDown: () => undefined,
      onChanged: () => undefined,
    };
    const settings = redisStore.parse({ redis: { url: server.url } }).redis;
    const store = openStore(settings, events, { timers, random: () => 0 });
    ends.push(() => store.close());
    await expect.poll(() => ups).toBe(1);
    /** By the first wait of the back-off, which no other wait is. */
    const isWaited = (): boolean => waits.includes(100);
    leapsMs += 20_000;
    await endAll(server);
    await expect.poll(() => ups).toBe(2);
    expect(isWaited()).toBe(false);
    // It has not lasted.
    await endAll(server);
    await expect.poll(() => ups).toBe(3);
    expect(isWaited()).toBe(true);
  });
});
