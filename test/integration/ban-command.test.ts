/** Banning by hand on real stores: Redis in each of its forms, Valkey, a real API server's ConfigMap, a file. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openBanStore, type BanPlace } from '../../bans/store/open-store.ts';
import { bundle } from '../../scripts/bundle.ts';
import { redisStore } from '../../sidecar/config/redis-settings.ts';
import { openStore } from '../../sidecar/redis/kept-store.ts';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';
import { connect } from '../../webhook/kube/connection.ts';
import { bareToken } from '../fakes/ban-tokens.ts';
import { runSvidecar } from '../fakes/fake-terminal.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { runCommand, startProcess, waitUntil, type RunningProcess } from './harness/processes.ts';
import { startRedisCluster, startSentinels } from './harness/redis-sets.ts';
import { startRedis } from './harness/redis.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { rightsOf } from './redis/documented-rights.ts';
import { ban, behavesAsAStore, clock, ends } from './store-behaviour.ts';

const program = join(import.meta.dirname, '../../webhook/main.ts');
function redisPlace(redis: object): Extract<BanPlace, { kind: 'redis' }> {
  return { kind: 'redis', settings: redisStore.parse({ redis }).redis };
}

describeWithComponents(['redis-server', 'valkey-server'], 'bans by hand in Redis', () => {
  let work: WorkFolder;
  beforeAll(async () => {
    work = await createWorkFolder('ban-command');
    ends.push(() => work.remove());
  });
  async function server(options: Parameters<typeof startRedis>[0] = {}) {
    const started = await startRedis(options);
    ends.push(() => started.stop());
    return started;
  }

  describe('one server, with TLS, and a user who may do only what is needed', () => {
    let settings: object;
    beforeAll(async () => {
      const users = [`writer on >secret ${rightsOf('banner')}`];
      const { url, tls } = await server({ tls: true, users });
      const passwordFile = join(work.path, 'password');
      writeFileSync(passwordFile, 'secret\n');
      settings = { url, tls, username: 'writer', passwordFile };
    });
    behavesAsAStore(() => redisPlace(settings));

    test('from the command line, with what a file says', async () => {
      const file = join(work.path, 'store.yaml');
      writeFileSync(file, JSON.stringify({ redis: settings }));
      const svidecar = (...words: readonly string[]) =>
        runSvidecar(['ban', ...words, '--store', file]);
      expect(await svidecar('add', 'email=jo@example.org', '--for', '24h')).toMatchObject({
        code: 0,
        err: '',
      });
      const token = bareToken({ email: 'Jo@example.org' });
      expect(await svidecar('check', token)).toMatchObject({ code: 0 });
      expect((await svidecar('list')).out).toContain('jo@example.org');
      expect(await svidecar('remove', 'email=jo@example.org')).toMatchObject({ code: 0 });
      expect(await svidecar('check', token)).toMatchObject({ code: 6 });
    });
  });

  test('a watch says that Redis is away, and that it is back with what has changed', async () => {
    const redis = await server();
    const watching = startProcess({
      name: 'watch-redis',
      command: process.execPath,
      args: [program, 'ban', 'watch', '--redis', redis.url],
      folder: work.path,
    });
    ends.push(() => watching.stop());
    const says = (text: string): Promise<void> =>
      waitUntil(`it says ${text}`, () =>
        Promise.resolve(readFileSync(watching.logFile, 'utf8').includes(text)),
      );
    const store = await openBanStore(redisPlace({ url: redis.url }), { clock });
    ends.push(() => store.close());
    // Changes count once it has connected.
    await waitUntil('it watches', async () => {
      await store.put(ban('sub', randomUUID()));
      return readFileSync(watching.logFile, 'utf8').includes('added');
    });
    await redis.pause();
    await says('changes are shown once the store is back');
    redis.resume();
    await says('the store is back');
    await store.put(ban('sub', 'afterwards'));
    await says('afterwards');
  });

  describe('Valkey, with hashed values', () => {
    let settings: object;
    let keys: () => Promise<string>;
    beforeAll(async () => {
      const valkey = await server({ program: 'valkey-server' });
      const hmacKeyFile = join(work.path, 'hmac-key');
      writeFileSync(hmacKeyFile, `${'k'.repeat(32)}\n`);
      settings = { url: `unix://${valkey.socketPath}`, hmacKeyFile };
      keys = async () => (await valkey.command('KEYS', '*')).trim();
    });
    behavesAsAStore(() => redisPlace(settings), true);

    test('holds nothing of a value', async () => {
      const store = await openBanStore(redisPlace(settings), { clock });
      await store.put(ban('email', 'jo@example.org'));
      expect(await keys()).toMatch(/^ban:all:h:[A-Za-z0-9_-]{43}$/);
      await store.remove('email', 'jo@example.org');
      await store.close();
    });
  });

  test('what is no text under the key of a ban gives way to it', async () => {
    const redis = await server({ users: [`writer on >secret ${rightsOf('banner')}`] });
    const key = 'ban:all:[["sub"],"42"]';
    const passwordFile = join(work.path, 'password-of-texts');
    writeFileSync(passwordFile, 'secret');
    const place = redisPlace({ url: redis.url, username: 'writer', passwordFile });
    const store = await openBanStore(place, { clock });
    for (const make of [
      ['HSET', key, 'a', 'b'],
      ['LPUSH', key, 'a'],
      ['SET', key, 'x'],
    ]) {
      await redis.command(...make);
      expect(await store.get('sub', '42')).toEqual([]);
      await store.put(ban('sub', '42'));
      expect(await store.get('sub', '42')).toHaveLength(1);
      expect(await store.remove('sub', '42')).toBe(true);
    }
    await store.close();
  });

  test('a ban that the store has lost is taken off helpers too', async () => {
    const { url } = await server();
    const place = redisPlace({ url });
    const told: (readonly string[] | 'all')[] = [];
    let isUp = false;
    const events = {
      onUp: () => (isUp = true),
      onDown: () => undefined,
      onChanged: (keys: readonly string[] | 'all') => told.push(keys),
    };
    const { settings } = place;
    const helper = openStore(settings, events, { timers: systemTimers, random: Math.random });
    ends.push(() => helper.close());
    await waitUntil('it is up', () => Promise.resolve(isUp));
    expect(await runSvidecar(['ban', 'remove', 'sub=42', '--redis', url])).toMatchObject({
      code: 6,
    });
    await waitUntil('it is told', () =>
      Promise.resolve(told.flat().includes('ban:all:[["sub"],"42"]')),
    );
    expect(await helper.read(['ban:all:[["sub"],"42"]'], 1_000)).toEqual([null]);
  });

  describe('a Cluster', () => {
    let settings: object;
    beforeAll(async () => {
      const cluster = await startRedisCluster();
      ends.push(() => cluster.stop());
      settings = { cluster: cluster.cluster };
    });
    behavesAsAStore(() => redisPlace(settings));
  });

  describe('the master of Sentinels', () => {
    let settings: object;
    beforeAll(async () => {
      const sentinels = await startSentinels();
      ends.push(() => sentinels.stop());
      settings = { sentinel: sentinels.sentinel };
    });
    behavesAsAStore(() => redisPlace(settings));
  });

  test('a server that hangs, or has no room is told of', async () => {
    const redis = await server({ args: ['--maxmemory', '100kb'] });
    const add = () => runSvidecar(['ban', 'add', 'sub=42', '--redis', redis.url]);
    expect(await add()).toMatchObject({ code: 1, err: expect.stringContaining('FULL') as unknown });
    await redis.pause();
    const place = redisPlace({ url: redis.url });
    const store = await openBanStore(place, { clock, patienceMs: 500 });
    await expect(store.put(ban('sub', '42'))).rejects.toMatchObject({
      code: 'BAN_STORE_UNREACHABLE',
    });
    await store.close();
    redis.resume();
  });
});

describe('bans by hand in a file', () => {
  let work: WorkFolder;
  beforeAll(async () => {
    work = await createWorkFolder('ban-command-file');
    ends.push(() => work.remove());
  });
  behavesAsAStore(() => ({ kind: 'file', file: join(work.path, 'bans.jsonl') }));
});

const kubernetes = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
describeWithComponents(kubernetes, 'bans by hand in a ConfigMap', () => {
  let api: ApiServer;
  let place: BanPlace;
  beforeAll(async () => {
    api = await startApiServer();
    ends.push(() => api.stop());
    await api.createNamespace('edge');
    const connected = await connect({ kind: 'kubeconfig', path: api.kubeconfig });
    const named = { namespace: 'edge', name: 'bans', key: 'bans.jsonl' };
    place = { kind: 'config_map', api: connected, place: named };
  });
  behavesAsAStore(() => place);

  const svidecar = (...words: readonly string[]) =>
    runSvidecar(['ban', ...words, '--kubeconfig', api.kubeconfig]);
  const failing = (code: string) => expect.stringContaining(`[${code}]`) as unknown;

  test('what bans.md says, on the ConfigMap that jwt-ban reads, seen by a watch', async () => {
    const work = await createWorkFolder('ban-command-watch');
    ends.push(() => work.remove());
    const args = [program, 'ban', 'watch', '-n', 'edge', '--kubeconfig', api.kubeconfig];
    const watching: RunningProcess = startProcess({
      name: 'watch',
      command: process.execPath,
      args,
      folder: work.path,
    });
    ends.push(() => watching.stop());
    const says = (): string => readFileSync(watching.logFile, 'utf8');
    await waitUntil('it watches', () => Promise.resolve(says().includes('watching')));
    // Changes count from its first reading on.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const reason = ['--reason', 'case 12'];
    const jo = 'email=jo@example.org';
    expect(await svidecar('add', jo, '--for', '24h', ...reason, '-n', 'edge')).toMatchObject({
      code: 0,
      err: '',
    });
    expect(await svidecar('add', 'sub=42', '--issued-before', 'now', '-n', 'edge')).toMatchObject({
      code: 0,
    });
    const { stdout } = await api.kubectl([
      'get',
      'configmap',
      'svidecar-bans',
      '-n',
      'edge',
      '-o',
      'jsonpath={.data.bans\\.jsonl}',
    ]);
    expect(stdout.trim().split('\n')).toHaveLength(2);
    expect((await svidecar('list', '-n', 'edge')).out).toContain('case 12');
    expect(await svidecar('check', jo, '--configmap', 'edge/svidecar-bans')).toMatchObject({
      code: 0,
    });
    expect(await svidecar('remove', jo, '-n', 'edge')).toMatchObject({ code: 0 });
    await waitUntil('the watch has told', () =>
      Promise.resolve(/added .*email=jo[^]*added .*sub=42[^]*removed .*email=jo/.test(says())),
    );
  });

  test('each refusal of the API server is told of', async () => {
    const kubeconfig = await api.kubeconfigFor('nobody');
    const add = ['ban', 'add', 'sub=42'];
    expect(await runSvidecar([...add, '-n', 'edge', '--kubeconfig', kubeconfig])).toMatchObject({
      code: 3,
      err: failing('CLUSTER_FORBIDDEN'),
    });
    expect(await svidecar('add', 'sub=42', '-n', 'nowhere')).toMatchObject({
      code: 3,
      err: failing('OBJECT_NOT_FOUND'),
    });
    const input = JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        { immutable: true, name: 'fixed', data: {} },
        // With a ban, a few bytes too many.
        { name: 'large', data: { other: 'x'.repeat(1_048_550) } },
      ].map(({ name, ...more }) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'edge' },
        ...more,
      })),
    });
    expect(await api.kubectl(['create', '-f', '-'], { input })).toMatchObject({ stderr: '' });
    expect(await svidecar('add', 'sub=42', '--configmap', 'edge/fixed')).toMatchObject({
      code: 3,
      err: failing('BAN_STORE_UNREACHABLE'),
    });
    expect(await svidecar('add', 'sub=42', '--configmap', 'edge/large')).toMatchObject({
      code: 1,
      err: failing('BAN_STORE_FULL'),
    });
  });
});

describeWithComponents(['redis-server'], 'the bundle', () => {
  test('has the client of Redis, which is loaded only where a store in Redis is named', async () => {
    const work = await createWorkFolder('ban-command-bundle');
    ends.push(() => work.remove());
    const redis = await startRedis();
    ends.push(() => redis.stop());
    const out = join(work.path, 'webhook/main.mjs');
    writeFileSync(join(work.path, 'package.json'), '{"version": "0.0.0"}');
    await bundle('webhook', out);
    const file = join(work.path, 'bans.jsonl');
    for (const store of [
      ['--redis', redis.url],
      ['--file', file],
    ]) {
      for (const words of [
        ['add', 'sub=42'],
        ['check', 'sub=42'],
      ])
        expect(await runCommand(process.execPath, [out, 'ban', ...words, ...store])).toMatchObject({
          code: 0,
          stderr: '',
        });
    }
    const hook =
      'import {registerHooks} from "node:module"; registerHooks({resolve: (name, context, next) => { if (name.includes("@redis")) throw new Error("asked for"); return next(name, context); }})';
    const withHook = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, program];
    const check = ['ban', 'check', 'sub=42'];
    const inFile = await runCommand(process.execPath, [...withHook, ...check, '--file', file]);
    expect(inFile).toMatchObject({ code: 0 });
    const inRedis = [...withHook, ...check, '--redis', redis.url];
    expect((await runCommand(process.execPath, inRedis)).stderr).toContain('asked for');
  });
});
