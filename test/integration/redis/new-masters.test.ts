/** Masters of a Cluster that change while keys are read: what is asked just then is asked of the next one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import type { Timers } from '#kernel/clock.ts';
import { describeWithComponents } from '../harness/components.ts';
import { startRedisCluster, type RedisCluster } from '../harness/redis-sets.ts';
import { redisStore } from '../../../sidecar/config/redis-settings.ts';
import { openStore } from '../../../sidecar/redis/kept-store.ts';
import type { StoreConnection } from '../../../sidecar/redis/store-connection.ts';
import { systemTimers } from '../../../sidecar/workload-api/system-timers.ts';

const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** Of the slot 3300, which the first master has. */
const key = 'ban:{b}';

interface Opened {
  readonly set: RedisCluster;
  readonly store: StoreConnection;
  readonly ups: () => number;
}

/** Connected for so long that a loss is the first. */
async function open(options: { readonly replica?: boolean } = {}): Promise<Opened> {
  const set = await startRedisCluster(options);
  ends.push(() => set.stop());
  await (await set.masterOf(key)).command('SET', key, 'x');
  let leapsMs = 0;
  const timers: Timers = { ...systemTimers, now: () => Date.now() + leapsMs };
  let ups = 0;
  const events = { onUp: () => (ups += 1), onDown: () => undefined, onChanged: () => undefined };
  const settings = redisStore.parse({ redis: { cluster: set.cluster } }).redis;
  const store = openStore(settings, events, { timers, random: Math.random });
  ends.push(() => store.close());
  await expect.poll(() => ups).toBe(1);
  leapsMs += 20_000;
  return { set, store, ups: () => ups };
}

describeWithComponents(['redis-server'], 'a Cluster whose masters change', () => {
  test('by a planned failover loses nothing that is read meanwhile', async () => {
    const { set, store, ups } = await open({ replica: true });
    // One that is not done within 5 s is given up by the servers.
    const failOver = (): unknown => set.replica?.command('CLUSTER', 'FAILOVER').catch(() => '');
    void failOver();
    const again = setInterval(failOver, 8_000);
    const read: unknown[] = [];
    while (ups() < 2) {
      read.push(await store.read([key], 2_000).catch((thrown: unknown) => thrown));
      await sleep(1);
    }
    clearInterval(again);
    expect(read.filter((one) => one instanceof Error)).toEqual([]);
    expect(new Set(read.flat())).toEqual(new Set(['x']));
  });

  test('by giving its slots away is asked for no more, and what waits for its answer asks the next one', async () => {
    const { set, store } = await open();
    const [first, second, third] = set.masters;
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('no masters');
    const slots = ['0', '5461'];
    // It says nothing, and is not taken for gone yet when another has its slots.
    await first.pause();
    const waiting = store.read([key], 5_000).catch((thrown: unknown) => thrown);
    for (const node of [second, third]) await node.command('CLUSTER', 'DELSLOTSRANGE', ...slots);
    await second.command('CLUSTER', 'ADDSLOTSRANGE', ...slots);
    await second.command('CLUSTER', 'BUMPEPOCH');
    // It has no such key, and says so.
    expect(await waiting).toEqual([null]);
  });
});
