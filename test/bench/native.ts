/**
 * What injection and validation by Envoy's own filters cost, beside ext_authz and no filter in the same run:
 * `bench:native [--starts N] [--rounds N] [--seconds N] [--runtime executable|bun|node]`. Envoy's configurations are those that the
 * templates write, as three listeners of one Envoy: of two Envoys with one configuration, one can be slower by a fifth for
 * as long as it lives. For the same reason it is started anew several times. Each cost is set beside that without filters
 * of the same start and round; medians of all rounds; the last line is JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';
import { startEnvoy } from '../integration/harness/envoy.ts';
import { freePort } from '../integration/harness/free-port.ts';
import { createWorkFolder } from '../integration/harness/work-folder.ts';
import { proxyConfig } from '../integration/mesh/envoy-configs.ts';
import { helperRuntimeOf } from '../integration/runtimes.ts';
import { cpuCounter, httpShots, measure, type Load, type Shots } from './helper-load.ts';
import { memoryMib, printFigures, startHelperSite, startUpstream } from './helper-site.ts';
import { median } from './load.ts';

const { values } = parseArgs({
  options: {
    starts: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.4' },
    runtime: { type: 'string' },
  },
});
const starts = Number(values.starts);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const runtime = helperRuntimeOf(values.runtime);
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
}
interface Measured {
  /** As many requests as will go. */
  readonly busy: Load;
  /** At the fixed rate. */
  readonly slow: Load;
}
/** What was measured of each way in one round of one start. */
type Round = Readonly<Record<Job, Readonly<Record<Way, Measured>>>>;

const work = await createWorkFolder('bench');
const closers: (() => unknown)[] = [() => work.remove()];

/** What is started once: the helpers, and where requests go. */
async function startSite() {
  const site = await startHelperSite({ folder: work.path, runtime, closers });
  const helpers = {
    ext_authz: await site.start('ext-authz'),
    native: await site.start('native'),
  };
  return {
    helpers,
    upstream: await startUpstream(closers),
    authorization: `Bearer ${await site.mint()}`,
  };
}
type Site = Awaited<ReturnType<typeof startSite>>;

interface Bootstrap {
  readonly static_resources: {
    readonly listeners: readonly object[];
    readonly clusters: readonly { readonly name: string }[];
  };
}

/** One Envoy with the listener of each configuration, and each cluster once: equal names are equal clusters here. */
function together(texts: readonly string[]): string {
  // Configurations of the demo, which have one listener each.
  const configs = texts.map((text) => parse(text) as Bootstrap);
  const all = configs.map((config) => config.static_resources);
  const listeners = all.flatMap((one, index) =>
    one.listeners.map((listener) => ({ ...listener, name: `${index}` })),
  );
  const byName = new Map(
    all.flatMap((one) => one.clusters.map((each) => [each.name, each] as const)),
  );
  const resources = { listeners, clusters: [...byName.values()] };
  return stringify({ ...configs.at(-1), static_resources: resources });
}

/** The three ways to do one job, in one Envoy. */
async function startJob({ helpers, upstream, authorization }: Site, job: Job) {
  const wiring: Record<Way, object> = {
    no_filter: {},
    ext_authz: { helper: helpers.ext_authz.port, dataPath: 'ext-authz' },
    native: { helper: helpers.native.port, dataPath: 'native' },
  };
  const listening = await Promise.all(ways.map(async (way) => ({ way, listen: await freePort() })));
  const config = together(
    listening.map(({ way, listen }) => proxyConfig(job, { listen, upstream, ...wiring[way] })),
  );
  const envoy = await startEnvoy(config, { args: ['--concurrency', '1'] });
  const cases = listening.map(({ way, listen }): Case => {
    const shots = httpShots(listen, job === 'validate' ? { authorization } : {});
    const pids = way === 'no_filter' ? [envoy.pid] : [envoy.pid, helpers[way].pid];
    return { ...shots, job, way, pids };
  });
  const stop = async (): Promise<void> => {
    for (const one of cases) one.close();
    await envoy.stop();
  };
  return { cases, stop };
}

/** In another order each round: what ran before a case counts for how fast it is. */
async function measureStart(cases: readonly Case[]): Promise<readonly Round[]> {
  for (const { shot } of cases) await measure(shot, { width, seconds: 0.5, pids: [] });
  const done: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const seen: Record<Job, Partial<Record<Way, Measured>>> = { inject: {}, validate: {} };
    for (const { job, way, shot, pids } of shuffled(cases))
      seen[job][way] = {
        busy: await measure(shot, { width, seconds, pids }),
        slow: await measure(shot, { width, seconds, pids, perSecond: fixedRate }),
      };
    // Every case was measured: one for each job and way.
    done.push(seen as Round);
  }
  return done;
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  const drawn = items.map((item) => ({ item, lot: Math.random() }));
  return drawn.sort((left, right) => left.lot - right.lot).map(({ item }) => item);
}

async function measureAll(site: Site) {
  const all: Round[] = [];
  let idleMsPerS = 0;
  for (let start = 0; start < starts; start += 1) {
    const started = [await startJob(site, 'inject'), await startJob(site, 'validate')];
    all.push(...(await measureStart(started.flatMap(({ cases }) => cases))));
    if (start === starts - 1) idleMsPerS = await idleCpu(site.helpers.native.pid);
    for (const { stop } of started) await stop();
  }
  return { all, idleMsPerS };
}

/**
 * Milliseconds of CPU a second that the helper uses while nothing is asked of it but the keys, once a second: a runtime's own
 * housekeeping. It is part of the figures a request, and weighs the more there the fewer requests the machine can do.
 */
async function idleCpu(pid: number): Promise<number> {
  const cpu = cpuCounter([pid]);
  await sleep(5_000);
  return cpu() / 5_000;
}

const reads = {
  cpu: ({ busy }: Measured): number => busy.cpuUs,
  rate: ({ busy }: Measured): number => busy.count / busy.seconds,
  slowCpu: ({ slow }: Measured): number => slow.cpuUs,
  p50: ({ slow }: Measured): number => slow.p50Us,
  p99: ({ slow }: Measured): number => slow.p99Us,
} as const;
type Read = (one: Measured) => number;

function printTable(all: readonly Round[]): void {
  const { cpu, slowCpu, rate, p50, p99 } = reads;
  for (const job of jobs)
    for (const way of ways) {
      const columns = [cpu, slowCpu, rate, p50, p99].map((read) =>
        median(all.map((round) => read(round[job][way]))),
      );
      const numbers = columns.map((number) => number.toFixed(0).padStart(8)).join('');
      console.log(`${job.padEnd(9)} ${way.padEnd(10)} ${numbers}`);
    }
  console.log(
    'columns: CPU µs a request, the same at the fixed rate, requests/s, p50 and p99 µs at the fixed rate\n',
  );
}

async function run(): Promise<Record<string, number | string>> {
  const site = await startSite();
  const { native } = site.helpers;
  const idle = memoryMib(native.pid);
  const { all, idleMsPerS } = await measureAll(site);
  const after = memoryMib(native.pid);
  printTable(all);
  const ratio = (job: Job, way: Way, read: Read): number =>
    median(all.map((round) => read(round[job][way]) / read(round[job].no_filter)));
  const addedP50 = (job: Job, way: Way): number =>
    median(all.map(({ [job]: of }) => of[way].slow.p50Us - of.no_filter.slow.p50Us)) / 1_000;
  return {
    runtime,
    native_inject_cpu_vs_no_filter: ratio('inject', 'native', reads.cpu),
    native_validate_cpu_vs_no_filter: ratio('validate', 'native', reads.cpu),
    native_added_p50_ms: Math.max(addedP50('inject', 'native'), addedP50('validate', 'native')),
    ext_authz_cpu_vs_no_filter: ratio('inject', 'ext_authz', reads.cpu),
    ext_authz_validate_cpu_vs_no_filter: ratio('validate', 'ext_authz', reads.cpu),
    native_inject_p50_vs_no_filter: ratio('inject', 'native', reads.p50),
    native_validate_p50_vs_no_filter: ratio('validate', 'native', reads.p50),
    ext_authz_added_p50_ms: Math.max(
      addedP50('inject', 'ext_authz'),
      addedP50('validate', 'ext_authz'),
    ),
    fixed_rate_per_s: fixedRate,
    native_inject_fixed_rate_cpu_vs_no_filter: ratio('inject', 'native', reads.slowCpu),
    native_validate_fixed_rate_cpu_vs_no_filter: ratio('validate', 'native', reads.slowCpu),
    native_inject_rps_vs_no_filter: ratio('inject', 'native', reads.rate),
    native_validate_rps_vs_no_filter: ratio('validate', 'native', reads.rate),
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
