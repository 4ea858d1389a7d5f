/** Stores on several servers: masters that fail are replaced, slots move, and the others go on meanwhile. On both runtimes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { describeWithComponents } from '../harness/components.ts';
import { startLoneSentinel, startRedisCluster, startSentinels } from '../harness/redis-sets.ts';
import { startRedis, type RedisServer } from '../harness/redis.ts';
import { createWorkFolder } from '../harness/work-folder.ts';
import { runtimes } from '../runtimes.ts';
import { rightsOf } from './documented-rights.ts';
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

/** Of a helper that has what the page says, and no more. */
async function access(...more: readonly string[]) {
  const work = await createWorkFolder('password');
  started.push({ stop: () => work.remove() });
  const passwordFile = join(work.path, 'password');
  await writeFile(passwordFile, 'secret');
  const users = [`helper on >secret ${rightsOf('helper', ...more)}`];
  return { users, settings: { username: 'helper', passwordFile } };
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
    expect((await watcher.ask({ read: [key], deadlineMs: 10_000 })).says).toEqual(['x']);
  }
}

async function areUpAgain(watchers: readonly StoreWatcher[], seen: readonly number[]) {
  await Promise.all(watchers.map((each, at) => each.isUp(seen[at], 20_000)));
}

describeWithComponents(['redis-server'], 'a store on several servers', () => {
  test('Sentinels: the master hangs, and so does one of them; the replica is taken', async () => {
    const { users, settings } = await access('+info');
    const set = await startSentinels({ users });
    started.push(set);
    const [first, second] = set.servers;
    const watchers = watch({ ...settings, sentinel: set.sentinel });
    await Promise.all(watchers.map((each) => each.isUp()));
    await areTold(watchers, first, 'ban:first');
    const seen = watchers.map(({ lines }) => lines.length);
    await set.sentinels[0]?.pause();
    await first.pause();
    await areUpAgain(watchers, seen);
    await areTold(watchers, second, 'ban:second');
  });

  test('a Sentinel that goes on naming a master that is gone is outvoted', async () => {
    const { users, settings } = await access('+info');
    const set = await startSentinels({ users });
    started.push(set);
    const gone = await startRedis({ users });
    started.push(gone);
    const lone = await startLoneSentinel(gone);
    started.push(lone);
    const [first, second, third] = set.sentinels;
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('no Sentinels');
    const others = [first, second, third];
    // At first it is the only one that answers.
    for (const each of others) await each.pause();
    const servers = [lone.address, ...set.sentinel.servers];
    const watchers = watch({ ...settings, sentinel: { ...set.sentinel, servers } });
    await Promise.all(watchers.map((each) => each.isUp()));
    await areTold(watchers, gone, 'ban:gone');
    for (const each of others) each.resume();
    const seen = watchers.map(({ lines }) => lines.length);
    await gone.kill();
    await areUpAgain(watchers, seen);
    await areTold(watchers, set.servers[0], 'ban:first');
  });

  test('Sentinels that do not know the master, or are not there, are named', async () => {
    const { users, settings } = await access();
    const server = await startRedis({ password: 'other', users });
    started.push(server);
    const [away, none] = ['127.0.0.1:1', `127.0.0.1:${server.port}`].map(async (address) => {
      const sentinel = { servers: [address], master: 'bans' };
      const [watcher] = watch({ ...settings, sentinel });
      return (await watcher?.says(({ kind }) => kind === 'down'))?.says;
    });
    expect(await away).toContain('127.0.0.1:1 cannot be reached (ECONNREFUSED)');
    // It asked for the password, which it got.
    expect(await none).toContain('is no Sentinel: check sentinel.servers');
  });

  test('a Cluster: a master dies and its replica becomes one; the others tell and are read meanwhile', async () => {
    const { users, settings } = await access('+cluster|slots +asking');
    const set = await startRedisCluster({ users, replica: true });
    started.push(set);
    const watchers = watch({ ...settings, cluster: set.cluster });
    await Promise.all(watchers.map((each) => each.isUp()));
    // Their slots are 3300, 15495 and 7365: one of each master.
    const keys = ['{b}', '{a}', '{c}'].map((tag) => `ban:${tag}`);
    for (const key of keys) await areTold(watchers, await set.masterOf(key), key);
    for (const watcher of watchers)
      expect((await watcher.ask({ readAll: true, deadlineMs: 0 })).says).toEqual([...keys].sort());
    let seen = watchers.map(({ lines }) => lines.length);
    // A planned change first, in which the old master goes on, as a replica.
    await set.replica?.command('CLUSTER', 'FAILOVER');
    await areUpAgain(watchers, seen);
    const clients = async (): Promise<string> =>
      (await set.masters[0]?.command('CLIENT', 'LIST')) ?? '';
    expect(await clients()).not.toContain('name=svidecar');
    await areTold(watchers, await set.masterOf('ban:{b}'), 'ban:{b}');
    seen = watchers.map(({ lines }) => lines.length);
    await set.replica?.kill();
    await Promise.all(
      watchers.map((each, at) => each.says(({ kind }) => kind === 'down', { seen: seen[at] ?? 0 })),
    );
    await areTold(watchers, await set.masterOf('ban:{a}'), 'ban:{a}:other');
    await areUpAgain(watchers, seen);
    expect(await set.masterOf('ban:{b}')).toBe(set.masters[0]);
    await areTold(watchers, await set.masterOf('ban:{b}'), 'ban:{b}');
  });

  test('a Cluster: a slot moves to another master; its keys are told and read wherever they are', async () => {
    const { users, settings } = await access('+cluster|slots +asking');
    const set = await startRedisCluster({ users });
    started.push(set);
    const [from, to] = set.masters;
    if (from === undefined || to === undefined) throw new Error('no masters');
    const watchers = watch({ ...settings, cluster: set.cluster });
    await Promise.all(watchers.map((each) => each.isUp()));
    await areTold(watchers, from, 'ban:{b}:moves');
    const fromId = await from.command('CLUSTER', 'MYID');
    const toId = await to.command('CLUSTER', 'MYID');
    await to.command('CLUSTER', 'SETSLOT', '3300', 'IMPORTING', fromId);
    await from.command('CLUSTER', 'SETSLOT', '3300', 'MIGRATING', toId);
    await from.command('MIGRATE', '127.0.0.1', `${to.port}`, 'ban:{b}:moves', '0', '1000');
    // Half way: the old owner sends whoever asks for it on.
    for (const watcher of watchers)
      expect((await watcher.ask({ read: ['ban:{b}:moves'], deadlineMs: 10_000 })).says).toEqual([
        'x',
      ]);
    for (const node of set.masters) await node.command('CLUSTER', 'SETSLOT', '3300', 'NODE', toId);
    await areTold(watchers, to, 'ban:{b}:moves');
  });
});
