/**
 * What a helper costs that follows a list of bans in Redis, beside a bare server in the same run:
 * `bench:bans [--rounds N] [--seconds N] [--runtime executable|bun|node]
 * [--bans N,…]`. Rounds are interleaved and medians given; the last line is JSON.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { memoryEnvironment } from '../../scripts/memory-environment.ts';
import { recordKey } from '../../sidecar/config/ban-records.ts';
import { banKey } from '../../sidecar/config/ban-values.ts';
import { frameMessage } from '../../sidecar/server/grpc-wire.ts';
import { bareToken } from '../fakes/ban-tokens.ts';
import { checkRequest } from '../fakes/envoy-check.ts';
import { freePort } from '../integration/harness/free-port.ts';
import { runCommand, waitUntil } from '../integration/harness/processes.ts';
import { startRedis, type RedisServer } from '../integration/harness/redis.ts';
import { createWorkFolder } from '../integration/harness/work-folder.ts';
import { startHelper, type HelperProcess } from '../integration/mesh/helper-process.ts';
import { binaryOf, helperRuntimeOf } from '../integration/runtimes.ts';
import { grpcShots, measure, type Load, type Shots } from './helper-load.ts';
import { memoryMib, printFigures } from './helper-site.ts';
import { median } from './load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    runtime: { type: 'string' },
    bans: { type: 'string', default: '100000,1000000' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const runtime = helperRuntimeOf(values.runtime);
const width = 10;
const sizes = values.bans.split(',').map(Number);
/** Values of claims that are no bans; the helper meets all of them. */
const strangers = 200_000;

const work = await createWorkFolder('bench-bans');
const closers: (() => unknown)[] = [() => work.remove()];

function resp(...words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

/** Bans from `first` to `last`, by redis-cli's pipe. */
async function fill(redis: RedisServer, first: number, last: number): Promise<void> {
  const file = join(work.path, 'fill.resp');
  const out = createWriteStream(file);
  for (let at = first; at < last; at += 1) {
    const value = `user-${at}@example.org`;
    const key = recordKey('ban:', 'all', banKey(['email'], value) ?? '');
    const record = { claim: 'email', value, until: '2100-01-01T00:00:00Z', reason: `case ${at}` };
    if (!out.write(resp('SET', key, JSON.stringify(record)))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
  const pipe = `redis-cli -s ${redis.socketPath} --pipe < ${file}`;
  const { code, stderr } = await runCommand('sh', ['-c', pipe], { deadlineMs: 120_000 });
  if (code !== 0) throw new Error(stderr);
}

async function startPeer(
  program: string,
): Promise<{ readonly port: number; readonly pid: number }> {
  const port = await freePort();
  const args = [program, String(port)];
  const env = { ...process.env, ...memoryEnvironment };
  const child = spawn(binaryOf(runtime), args, { stdio: 'inherit', env });
  closers.unshift(() => child.kill());
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return { port, pid: child.pid ?? 0 };
}

type Store = { readonly file: string } | { readonly redis: { readonly url: string } };

function helperWith(name: string, store: Store): Promise<HelperProcess> {
  return startHelper({
    name,
    runtime,
    folder: work.path,
    workloadApi: 'unix:///nowhere',
    rules: [{ name: 'jwt-ban', mode: 'ban', claims: ['email'], store }],
  });
}

function messagesFor(count: number): readonly Buffer[] {
  return Array.from({ length: count }, (_, at) => {
    const authorization = `Bearer ${bareToken({ email: `stranger-${at}@example.org`, iat: 1 })}`;
    return frameMessage(checkRequest({ headers: { authorization } }));
  });
}

const figures: Record<string, number | string> = { runtime };
const redis = await startRedis();
closers.unshift(() => redis.stop());
const few = messagesFor(1_000);
/** All are asked the same. */
const asking = (port: number): Shots =>
  grpcShots(port, 'jwt-ban', (index) => few[index % few.length] ?? Buffer.alloc(0));
const bare = await startPeer('test/bench/helper-bare.cjs');
const unruled = await startPeer('test/bench/helper-without-rules.ts');
const peers = { bare: asking(bare.port), unruled: asking(unruled.port) };
closers.unshift(() => {
  peers.bare.close();
  peers.unruled.close();
});

async function measureSize(bans: number, withFile: HelperProcess): Promise<void> {
  const began = performance.now();
  const helper = await helperWith(`helper-${bans}`, { redis: { url: redis.url } });
  const labels = `{store="${redis.url}",prefix="ban:"}`;
  const isDone = async (): Promise<boolean> =>
    bans > 200_000
      ? helper.log().includes('too large for the memory')
      : (await helper.metric(`svidecar_bans${labels}`)) === bans;
  await waitUntil('it knows the list', isDone);
  const name = `${bans} bans`;
  figures[`${name}: ms from start to list`] = performance.now() - began;
  figures[`${name}: private MiB after start`] = memoryMib(helper.pid).privateMib;
  const cases = {
    bare: { shots: peers.bare, pid: bare.pid, loads: [] as Load[] },
    unruled: { shots: peers.unruled, pid: unruled.pid, loads: [] as Load[] },
    file: { shots: asking(withFile.port), pid: withFile.pid, loads: [] as Load[] },
    redis: { shots: asking(helper.port), pid: helper.pid, loads: [] as Load[] },
  };
  for (let round = 0; round <= rounds; round += 1)
    for (const { shots, pid, loads } of Object.values(cases)) {
      const load = await measure(shots.shot, { width, seconds, pids: [pid] });
      if (round > 0) loads.push(load);
    }
  cases.file.shots.close();
  cases.redis.shots.close();
  const of = (one: keyof typeof cases, key: keyof Load): number =>
    median(cases[one].loads.map((load) => load[key]));
  figures[`${name}: CPU µs of a bare call`] = of('bare', 'cpuUs');
  figures[`${name}: CPU µs of a call without a rule`] = of('unruled', 'cpuUs');
  figures[`${name}: CPU µs of a check, list of one in a file`] = of('file', 'cpuUs');
  figures[`${name}: CPU µs of a check`] = of('redis', 'cpuUs');
  figures[`${name}: CPU, Redis : file`] = of('redis', 'cpuUs') / of('file', 'cpuUs');
  figures[`${name}: CPU, Redis : bare`] = of('redis', 'cpuUs') / of('bare', 'cpuUs');
  figures[`${name}: CPU, Redis : without a rule`] = of('redis', 'cpuUs') / of('unruled', 'cpuUs');
  figures[`${name}: p99 µs of a check`] = of('redis', 'p99Us');
  figures[`${name}: private MiB after checks`] = memoryMib(helper.pid).privateMib;
  await meetStrangers(helper, name);
  await helper.stop(0);
}

/** Each value once. */
async function meetStrangers(helper: HelperProcess, name: string): Promise<void> {
  const port = grpcShots(helper.port, 'jwt-ban', (index) => {
    const email = `new-${index}@example.org`;
    const authorization = `Bearer ${bareToken({ email, iat: 1 })}`;
    return frameMessage(checkRequest({ headers: { authorization } }));
  });
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < strangers) await port.shot(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
  port.close();
  figures[`${name}: private MiB after ${strangers} values`] = memoryMib(helper.pid).privateMib;
}

try {
  const list = join(work.path, 'bans.jsonl');
  writeFileSync(list, '{"claim": "email", "value": "jo@example.org"}\n');
  const withFile = await helperWith('file', { file: list });
  closers.unshift(() => withFile.stop(0));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  figures['private MiB without Redis'] = memoryMib(withFile.pid).privateMib;
  let filled = 0;
  for (const bans of sizes) {
    await fill(redis, filled, bans);
    filled = bans;
    await measureSize(bans, withFile);
  }
  printFigures(figures);
} finally {
  for (const close of closers) await close();
}
