/**
 * What injection and validation by Envoy's own filters cost, beside ext_authz and no filter in the same run:
 * `bench:native [--rounds N] [--seconds N] [--runtime node|bun]`. Envoy's configurations are those that the templates write;
 * rounds are interleaved and medians given; the last line is JSON.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startEnvoy } from '../integration/harness/envoy.ts';
import { freePort } from '../integration/harness/processes.ts';
import { createWorkFolder } from '../integration/harness/work-folder.ts';
import { proxyConfig } from '../integration/mesh/envoy-configs.ts';
import type { Runtime } from '../integration/runtimes.ts';
import { cpuUsOf, httpShots, measure, type Load, type Shots } from './helper-load.ts';
import { memoryMib, printFigures, startHelperSite } from './helper-site.ts';
import { median } from './load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '1' },
    runtime: { type: 'string', default: 'bun' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const runtime: Runtime = values.runtime === 'node' ? 'node' : 'bun';
/** Requests at once, as in the reference measurements. */
const width = 10;
/** Requests a second that a modest service gets; far from saturation. */
const fixedRate = 500;

const jobs = ['inject', 'validate'] as const;
const ways = ['no_filter', 'ext_authz', 'native'] as const;
type Job = (typeof jobs)[number];
type Way = (typeof ways)[number];
interface Case extends Shots {
  readonly job: Job;
  readonly way: Way;
  /** Whose CPU is counted: Envoy's, and the helper's where there is one. */
  readonly pids: readonly number[];
  /** As many requests as will go. */
  readonly busy: Load[];
  /** At the fixed rate. */
  readonly slow: Load[];
}

const work = await createWorkFolder('bench');
const closers: (() => unknown)[] = [() => work.remove()];

async function startUpstream(): Promise<number> {
  const upstream = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  closers.unshift(() => upstream.close());
  // Listening on loopback on a free port: a number.
  return (upstream.address() as AddressInfo).port;
}

async function startCases() {
  const site = await startHelperSite({ folder: work.path, runtime, closers });
  const helpers = {
    ext_authz: await site.start('ext-authz'),
    native: await site.start('native'),
  };
  const upstream = await startUpstream();
  const authorization = `Bearer ${await site.mint()}`;
  const helperOf: Record<Way, object> = {
    no_filter: {},
    ext_authz: { helper: helpers.ext_authz.port, dataPath: 'ext-authz' },
    native: { helper: helpers.native.port, dataPath: 'native' },
  };
  const cases: Case[] = [];
  for (const job of jobs) {
    for (const way of ways) {
      const listen = await freePort();
      const config = proxyConfig(job, { listen, upstream, ...helperOf[way] });
      const envoy = await startEnvoy(config, { args: ['--concurrency', '1'] });
      closers.unshift(() => envoy.stop());
      const shots = httpShots(listen, job === 'validate' ? { authorization } : {});
      const pids = way === 'no_filter' ? [envoy.pid] : [envoy.pid, helpers[way].pid];
      cases.push({ ...shots, job, way, pids, busy: [], slow: [] });
    }
  }
  // Envoys are fed, and start-up is some seconds ago.
  return { cases, native: helpers.native, idle: memoryMib(helpers.native.pid) };
}

/** Each round begins with another case, so that none always follows the same one. */
async function measureAll(cases: readonly Case[]): Promise<void> {
  for (const { shot } of cases) await measure(shot, { width, seconds: 0.5, pids: [] });
  for (let round = 0; round < rounds; round += 1) {
    const first = round % cases.length;
    for (const { shot, pids, busy, slow } of [...cases.slice(first), ...cases.slice(0, first)]) {
      busy.push(await measure(shot, { width, seconds, pids }));
      slow.push(await measure(shot, { width, seconds, pids, perSecond: fixedRate }));
    }
  }
}

/**
 * Milliseconds of CPU a second that the helper uses while nothing is asked of it but the keys, once a second: a runtime's own
 * housekeeping. It is part of the figures a request, and weighs the more there the fewer requests the machine can do.
 */
async function idleCpu(pid: number): Promise<number> {
  const before = cpuUsOf(pid);
  await sleep(5_000);
  return (cpuUsOf(pid) - before) / 5_000;
}

async function run(): Promise<Record<string, number | string>> {
  const { cases, native, idle } = await startCases();
  await measureAll(cases);
  const of = (job: Job, way: Way, read: (one: Case) => number): number =>
    cases.filter((one) => one.job === job && one.way === way).map(read)[0] ?? NaN;
  const cpu = ({ busy }: Case): number => median(busy.map(({ cpuUs }) => cpuUs));
  const idleMsPerS = await idleCpu(native.pid);
  const slowCpu = ({ slow }: Case): number => median(slow.map(({ cpuUs }) => cpuUs));
  const p50 = ({ slow }: Case): number => median(slow.map(({ p50Us }) => p50Us)) / 1_000;
  const p99 = ({ slow }: Case): number => median(slow.map(({ p99Us }) => p99Us)) / 1_000;
  const rate = ({ busy }: Case): number => median(busy.map((one) => one.count / one.seconds));
  const ratio = (job: Job, way: Way, read: (one: Case) => number): number =>
    of(job, way, read) / of(job, 'no_filter', read);
  const added = (job: Job, way: Way): number => of(job, way, p50) - of(job, 'no_filter', p50);
  for (const one of cases) {
    const columns = [cpu(one), slowCpu(one), rate(one), p50(one) * 1_000, p99(one) * 1_000];
    const numbers = columns.map((number) => number.toFixed(0).padStart(8)).join('');
    console.log(`${one.job.padEnd(9)} ${one.way.padEnd(10)} ${numbers}`);
    one.close();
  }
  console.log(
    'columns: CPU µs a request, the same at the fixed rate, requests/s, p50 and p99 µs at the fixed rate\n',
  );
  const after = memoryMib(native.pid);
  return {
    runtime,
    native_inject_cpu_vs_no_filter: ratio('inject', 'native', cpu),
    native_validate_cpu_vs_no_filter: ratio('validate', 'native', cpu),
    native_added_p50_ms: Math.max(added('inject', 'native'), added('validate', 'native')),
    ext_authz_cpu_vs_no_filter: ratio('inject', 'ext_authz', cpu),
    ext_authz_validate_cpu_vs_no_filter: ratio('validate', 'ext_authz', cpu),
    native_inject_added_p50_ms: added('inject', 'native'),
    native_validate_added_p50_ms: added('validate', 'native'),
    ext_authz_added_p50_ms: Math.max(added('inject', 'ext_authz'), added('validate', 'ext_authz')),
    fixed_rate_per_s: fixedRate,
    native_inject_fixed_rate_cpu_vs_no_filter: ratio('inject', 'native', slowCpu),
    native_validate_fixed_rate_cpu_vs_no_filter: ratio('validate', 'native', slowCpu),
    native_inject_rps_vs_no_filter: ratio('inject', 'native', rate),
    native_validate_rps_vs_no_filter: ratio('validate', 'native', rate),
    native_helper_idle_cpu_ms_per_s: idleMsPerS,
    native_private_idle_mib: idle.privateMib,
    native_private_after_mib: after.privateMib,
    native_rss_after_mib: after.rssMib,
  };
}

try {
  printFigures(await run());
} finally {
  for (const close of closers) await close();
}
process.exit(0);
