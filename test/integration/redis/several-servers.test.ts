/** Stores on several servers: masters that fail are replaced, slots move, and the others go on meanwhile. On both runtimes. */
import { afterAll, expect, test } from 'vitest';
import { describeWithComponents } from '../harness/components.ts';
import { startRedisCluster, startSentinels } from '../harness/redis-sets.ts';
import type { RedisServer } from '../harness/redis.ts';
import { runtimes } from '../runtimes.ts';
import { StoreWatcher } from './watcher.ts';
import type { StoreLine } from '../../fakes/redis-store-program.ts';

const started: { stop(): Promise<unknown> }[] = [];
afterAll(async () => {
  await Promise.all(started.map((each) => each.stop()));
});

function watch(settings: object): readonly StoreWatcher[] {
  const watchers = runtimes.map((runtime) => new StoreWatcher(runtime, settings));
  started.push(...watchers);
  return watchers;
}

const tells =
  (key: string) =>
  ({ kind, says }: StoreLine): boolean =>
    kind === 'changed' && Array.isArray(says) && says.includes(key);

/** The change is told to all, and they read the value. */
async function areTold(watchers: readonly StoreWatcher[], master: RedisServer, key: string) {
  const seen = watchers.map(({ lines }) => lines.length);
  await master.command('SET', key, 'x');
  for (const [at, watcher] of watchers.entries()) {
    await watcher.says(tells(key), { seen: seen[at] ?? 0 });
    expect((await watcher.ask({ read: [key], deadlineMs: 1_000 })).says).toEqual(['x']);
  }
}

async function areUpAgain(watchers: readonly StoreWatcher[], seen: readonly number[]) {
  await Promise.all(watchers.map((each, at) => each.isUp(seen[at], 20_000)));
}

describeWithComponents(['redis-server'], 'a store on several servers', () => {
  test('Sentinels: the master hangs, and so does one of them; the replica is taken', async () => {
    const set = await startSentinels();
    started.push(set);
    const [first, second] = set.servers;
    const watchers = watch({ sentinel: set.sentinel });
    await Promise.all(watchers.map((each) => each.isUp()));
    await areTold(watchers, first, 'ban:first');
    const seen = watchers.map(({ lines }) => lines.length);
    await set.sentinels[0]?.pause();
    await first.pause();
    await areUpAgain(watchers, seen);
    await areTold(watchers, second, 'ban:second');
  });

  test('Sentinels that do not know the master, or are not there, are named', async () => {
    const [watcher] = watch({ sentinel: { servers: ['127.0.0.1:1'], master: 'bans' } });
    const line = await watcher?.says(({ kind }) => kind === 'down');
    expect(line?.says).toContain('127.0.0.1:1 cannot be reached (ECONNREFUSED)');
  });

  test('a Cluster: a master dies and its replica becomes one; the others tell and are read meanwhile', async () => {
    const set = await startRedisCluster({ replica: true });
    started.push(set);
    const watchers = watch({ cluster: set.cluster });
    await Promise.all(watchers.map((each) => each.isUp()));
    // Their slots are 3300, 15495 and 7365: one of each master.
    const keys = ['{b}', '{a}', '{c}'].map((tag) => `ban:${tag}`);
    for (const key of keys) await areTold(watchers, await set.masterOf(key), key);
    for (const watcher of watchers)
      expect((await watcher.ask({ readAll: true, deadlineMs: 0 })).says).toEqual([...keys].sort());
    const seen = watchers.map(({ lines }) => lines.length);
    await set.masters[0]?.kill();
    await Promise.all(
      watchers.map((each, at) => each.says(({ kind }) => kind === 'down', { seen: seen[at] ?? 0 })),
    );
    await areTold(watchers, await set.masterOf('ban:{a}'), 'ban:{a}:other');
    await areUpAgain(watchers, seen);
    expect(await set.masterOf('ban:{b}')).toBe(set.replica);
    await areTold(watchers, await set.masterOf('ban:{b}'), 'ban:{b}');
  });

  test('a Cluster: a slot moves to another master; its keys are told and read wherever they are', async () => {
    const set = await startRedisCluster();
    started.push(set);
    const [from, to] = set.masters;
    if (from === undefined || to === undefined) throw new Error('no masters');
    const watchers = watch({ cluster: set.cluster });
    await Promise.all(watchers.map((each) => each.isUp()));
    await areTold(watchers, from, 'ban:{b}:moves');
    const fromId = await from.command('CLUSTER', 'MYID');
    const toId = await to.command('CLUSTER', 'MYID');
    await to.command('CLUSTER', 'SETSLOT', '3300', 'IMPORTING', fromId);
    await from.command('CLUSTER', 'SETSLOT', '3300', 'MIGRATING', toId);
    await from.command('MIGRATE', '127.0.0.1', `${to.port}`, 'ban:{b}:moves', '0', '1000');
    // Half way: the old owner sends whoever asks for it on.
    for (const watcher of watchers)
      expect((await watcher.ask({ read: ['ban:{b}:moves'], deadlineMs: 1_000 })).says).toEqual([
        'x',
      ]);
    for (const node of set.masters) await node.command('CLUSTER', 'SETSLOT', '3300', 'NODE', toId);
    await areTold(watchers, to, 'ban:{b}:moves');
  });
});
