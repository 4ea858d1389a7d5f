/** A store that is one server: what is told, what each fault does, and how one gets in. On both runtimes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../harness/authority.ts';
import { describeWithComponents } from '../harness/components.ts';
import { slowness } from '../harness/pace.ts';
import { startRedis, type RedisOptions, type RedisServer } from '../harness/redis.ts';
import { redisStore } from '../../../sidecar/config/redis-settings.ts';
import { openStore } from '../../../sidecar/redis/kept-store.ts';
import { systemTimers } from '../../../sidecar/workload-api/system-timers.ts';
import { runtimes } from '../runtimes.ts';
import { rightsOf } from './documented-rights.ts';
import { StoreWatcher } from './watcher.ts';
import type { StoreLine } from '../../fakes/redis-store-program.ts';

const started: { stop(): Promise<unknown> }[] = [];
afterAll(async () => {
  await Promise.all(started.map((each) => each.stop()));
});

async function redis(options: RedisOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  started.push(server);
  return server;
}

function watch(settings: object): readonly StoreWatcher[] {
  const watchers = runtimes.map((runtime) => new StoreWatcher(runtime, settings));
  started.push(...watchers);
  return watchers;
}

const tells =
  (what: unknown) =>
  ({ kind, says }: StoreLine): boolean =>
    kind === 'changed' && (says === what || (Array.isArray(says) && says.includes(what)));

/** Told by all of them; the longest that one took. */
async function tookMs(watchers: readonly StoreWatcher[], what: string, sinceMs: number) {
  const told = await Promise.all(watchers.map((watcher) => watcher.says(tells(what))));
  return Math.max(...told.map(({ atMs }) => atMs - sinceMs));
}

describeWithComponents(['redis-server', 'valkey-server'], 'a store on one server', () => {
  test.each(['redis-server', 'valkey-server'] as const)(
    '%s: a write, an end and FLUSHALL are told at once, and nothing else is',
    async (program) => {
      const server = await redis({ program });
      await server.command('SET', 'ban:old', '1');
      await server.command('RPUSH', 'ban:list', 'no text');
      const watchers = watch({ url: `unix://${server.socketPath}` });
      for (const watcher of watchers) {
        await watcher.isUp();
        expect((await watcher.ask({ readAll: true, deadlineMs: 0 })).says).toEqual([
          'ban:list',
          'ban:old',
        ]);
      }
      await server.command('SET', 'other:1', '1');
      const times: number[] = [];
      for (let turn = 0; turn < 10; turn += 1) {
        const beganMs = Date.now();
        await server.command('SET', `ban:${turn}`, 'x');
        times.push(await tookMs(watchers, `ban:${turn}`, beganMs));
      }
      // A millisecond or two after the write, which redis-cli takes some for.
      expect(times.sort((a, b) => a - b)[5]).toBeLessThan(100 * slowness);
      const read = await Promise.all(
        watchers.map((each) => each.ask({ read: ['ban:1', 'ban:no'], deadlineMs: 10_000 })),
      );
      for (const { says } of read) expect(says).toEqual(['x', null]);
      const seen = watchers.map(({ lines }) => lines.length);
      await server.command('SET', 'ban:short', 'x', 'PX', '100');
      await server.command('FLUSHALL');
      for (const [at, watcher] of watchers.entries()) {
        await watcher.says(tells('all'), { seen: seen[at] ?? 0 });
        expect(watcher.lines.filter(tells('other:1'))).toEqual([]);
      }
      await server.command('SET', 'ban:end', 'x', 'PX', '50');
      // It was written, and it has ended.
      await expect
        .poll(() => watchers.map(({ lines }) => lines.filter(tells('ban:end')).length), {
          timeout: 10_000,
        })
        .toEqual(watchers.map(() => 2));
    },
  );

  test('a server that dies is told, and is back when it is; nothing keeps a closed one alive', async () => {
    const server = await redis();
    const watchers = watch({ url: server.url });
    await Promise.all(watchers.map((watcher) => watcher.isUp()));
    await server.kill();
    const down = await Promise.all(
      watchers.map((each) => each.says(({ says }) => String(says).includes('ECONNREFUSED'))),
    );
    for (const { kind, says } of down) {
      expect(kind).toBe('down');
      expect(says).toContain(`127.0.0.1:${server.port} cannot be reached`);
    }
    const seen = watchers.map(({ lines }) => lines.length);
    const away = await watchers[0]?.ask({ read: ['ban:a'], deadlineMs: 10_000 });
    expect(away?.says).toContain('cannot be reached');
    await server.startAgain();
    for (const [at, watcher] of watchers.entries()) await watcher.isUp(seen[at]);
    for (const watcher of watchers) expect(await watcher.stop()).toBe(0);
  });

  test('of a large value only the beginning is read; what is no text is told from what is not there', async () => {
    const server = await redis();
    await server.command('SETRANGE', 'ban:large', '50000000', 'x');
    await server.command('HSET', 'ban:hash', 'a', 'b');
    await server.command('SET', 'ban:a', 'é'.repeat(8_192));
    const read = ['ban:large', 'ban:hash', 'ban:none', 'ban:a'];
    for (const watcher of watch({ url: server.url })) {
      await watcher.isUp();
      const { says } = await watcher.ask({ read, deadlineMs: 10_000 });
      expect(says).toEqual(['\0'.repeat(16_385), '', null, 'é'.repeat(8_192)]);
      const all = await watcher.ask({ readAll: true, deadlineMs: 0 });
      expect(all.says).toEqual(['ban:a', 'ban:hash', 'ban:large']);
    }
  });

  test('keys that would fill the memory are not taken in: what is known stays, and all is read once they are gone', async () => {
    const server = await redis();
    await server.command('SET', 'ban:a', '1');
    const watchers = watch({ url: server.url });
    await Promise.all(watchers.map((watcher) => watcher.isUp()));
    const seen = watchers.map(({ lines }) => lines.length);
    const script =
      "for i = 1, 12 do redis.call('SET', 'ban:' .. i .. string.rep('x', 1000000), '') end";
    await server.command('EVAL', script, '0');
    for (const [at, watcher] of watchers.entries()) {
      const from = { seen: seen[at] ?? 0 };
      const { says } = await watcher.says(({ kind }) => kind === 'down', from);
      expect(says).toContain('sent more than 8 MiB at once: look for keys of such a length');
      await watcher.isUp(from.seen);
      const asked = watcher.lines.length;
      const all = await watcher.ask({ readAll: true, deadlineMs: 0 });
      expect(all.says).toContain('sent more than 8 MiB at once');
      await watcher.isUp(asked);
      expect(watcher.lines.filter(({ kind }) => kind === 'changed')).toEqual([]);
    }
    await server.command('FLUSHALL');
    await server.command('SET', 'ban:b', '1');
    for (const watcher of watchers) {
      await watcher.says(tells('ban:b'));
      expect((await watcher.ask({ readAll: true, deadlineMs: 0 })).says).toEqual(['ban:b']);
    }
  });

  test('a server that hangs is noticed within three seconds, and a lookup ends at its deadline', async () => {
    const server = await redis();
    const watchers = watch({ url: server.url });
    await Promise.all(watchers.map((watcher) => watcher.isUp()));
    const beganMs = Date.now();
    await server.pause();
    for (const watcher of watchers) {
      const { says, tookMs } = await watcher.ask({ read: ['ban:a'], deadlineMs: 50 });
      expect(says).toContain('did not answer within 50 ms');
      expect(tookMs).toBeLessThan(500 * slowness);
    }
    const down = await Promise.all(
      watchers.map((each) => each.says(({ kind }) => kind === 'down')),
    );
    for (const { atMs } of down) expect(atMs - beganMs).toBeLessThan(3_000 * slowness);
    const seen = watchers.map(({ lines }) => lines.length);
    server.resume();
    for (const [at, watcher] of watchers.entries()) await watcher.isUp(seen[at]);
  });
});

describeWithComponents(['redis-server'], 'getting into a store', () => {
  const reader = rightsOf('helper');

  test('TLS with a certificate of the client and a user who may only read', async () => {
    const server = await redis({ tls: true, users: [`reader on >secret ${reader}`] });
    const passwordFile = join(server.folder, 'password');
    await writeFile(passwordFile, 'secret\n');
    await server.command('SET', 'ban:a', '1');
    const settings = { url: server.url, tls: server.tls, username: 'reader', passwordFile };
    for (const watcher of watch(settings)) {
      await watcher.isUp();
      expect((await watcher.ask({ readAll: true, deadlineMs: 0 })).says).toEqual(['ban:a']);
      expect((await watcher.ask({ read: ['other'], deadlineMs: 10_000 })).says).toContain(
        'gives its user no right to GETRANGE',
      );
      const seen = watcher.lines.length;
      await server.command('SET', 'ban:a', '2');
      await watcher.says(tells('ban:a'), { seen });
    }
  });

  test('a user who may ban: a script that compares and sets, and a removal; no memory is said as such', async () => {
    const server = await redis({ users: [`banner on >secret ${rightsOf('banner')}`] });
    const passwordFile = join(server.folder, 'password');
    await writeFile(passwordFile, 'secret');
    const given = { url: server.url, username: 'banner', passwordFile };
    const up = Promise.withResolvers<undefined>();
    const events = {
      onUp: () => {
        up.resolve(undefined);
      },
      onDown: () => undefined,
      onChanged: () => undefined,
    };
    const context = { timers: systemTimers, random: Math.random };
    const store = openStore(redisStore.parse({ redis: given }).redis, events, context);
    started.push({ stop: () => store.close() });
    await up.promise;
    const script =
      "return redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, 9) .. ARGV[1])";
    await store.command('ban:a', ['EVAL', script, '1', 'ban:a', 'x'], 1_000);
    expect(await store.read(['ban:a'], 1_000)).toEqual(['x']);
    expect(await store.command('ban:a', ['DEL', 'ban:a'], 1_000)).toBe(1);
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    const full = store.command('ban:a', ['SET', 'ban:a', 'x'], 1_000);
    await expect(full).rejects.toMatchObject({ code: 'BAN_STORE_FULL' });
  });

  describe('what is wrong is said', () => {
    let server: RedisServer;
    const reasonsFor = async (settings: object): Promise<readonly string[]> => {
      const watchers = watch(settings);
      const down = watchers.map((each) => each.says(({ kind }) => kind === 'down'));
      const said = await Promise.all(down);
      await Promise.all(watchers.map((each) => each.stop()));
      return said.map(({ says }) => String(says));
    };

    test('of TLS: another authority, another name, no certificate, no TLS at all', async () => {
      server = await redis({ tls: true });
      const other = join(server.folder, 'other.crt');
      await writeFile(other, (await createAuthority('other')).caPem);
      for (const says of await reasonsFor({ url: server.url, tls: { ...server.tls, ca: other } }))
        expect(says).toContain('shows a certificate of an unknown authority: check tls.ca');
      const named = { ...server.tls, serverName: 'another.test' };
      for (const says of await reasonsFor({ url: server.url, tls: named }))
        expect(says).toContain('shows a certificate for another name');
      for (const says of await reasonsFor({ url: server.url, tls: { ca: server.tls?.ca } }))
        expect(says).toContain('wants to see a certificate of its client');
      for (const says of await reasonsFor({ url: server.url.replace('rediss', 'redis') }))
        expect(says).toContain('closed the connection: look at its log, and whether it wants TLS');
    });

    test('of passwords, which are read again until they are right, and never told', async () => {
      server = await redis({ password: 'right-one', users: [`reader on >first-one ${reader}`] });
      for (const says of await reasonsFor({ url: server.url }))
        expect(says).toContain('asks for a password: give passwordFile');
      const passwordFile = join(server.folder, 'password');
      await writeFile(passwordFile, 'wrong-one');
      const watchers = watch({ url: server.url, username: 'reader', passwordFile });
      const refused = watchers.map((each) => each.says(({ kind }) => kind === 'down'));
      for (const { says } of await Promise.all(refused))
        expect(says).toMatch(/refuses the user or the password/);
      await writeFile(passwordFile, 'first-one\n');
      await Promise.all(watchers.map((each) => each.isUp()));
      // The password is changed, first in the file, as rotating tools do, and the server asks again.
      await writeFile(passwordFile, 'second-one\n');
      await server.command('ACL', 'SETUSER', 'reader', 'resetpass', '>second-one');
      const seen = watchers.map(({ lines }) => lines.length);
      await server.command('CLIENT', 'KILL', 'USER', 'reader');
      for (const [at, watcher] of watchers.entries()) await watcher.isUp(seen[at]);
      for (const { lines } of watchers) expect(JSON.stringify(lines)).not.toMatch(/-one/);
    });

    test('of rights: what its user may not do', async () => {
      server = await redis({ users: ['reader on nopass ~ban:* -@all +hello +ping'] });
      const passwordFile = join(server.folder, 'password');
      await writeFile(passwordFile, 'any');
      const settings = { url: server.url, username: 'reader', passwordFile };
      for (const says of await reasonsFor(settings))
        expect(says).toContain('gives its user no right to CLIENT TRACKING');
    });

    test('of a file that is not there', async () => {
      for (const says of await reasonsFor({ url: server.url, passwordFile: '/nowhere/password' }))
        expect(says).toContain('cannot read passwordFile');
    });
  });
});
