/**
 * What the helper costs, beside a bare server in the same run: `bench:helper [--rounds N] [--seconds N] [--runtime executable|bun|node]`.
 * Rounds are interleaved and medians given; the last line is JSON. Envoy's part is left out where Envoy is not installed.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { frameMessage } from '../../sidecar/server/grpc-wire.ts';
import { checkRequest } from '../fakes/envoy-check.ts';
import { programPath } from '../integration/harness/components.ts';
import { startEnvoy } from '../integration/harness/envoy.ts';
import { freePort } from '../integration/harness/free-port.ts';
import { waitUntil } from '../integration/harness/processes.ts';
import { createWorkFolder } from '../integration/harness/work-folder.ts';
import { proxyConfig } from '../integration/mesh/envoy-configs.ts';
import { startHelper, type HelperProcess } from '../integration/mesh/helper-process.ts';
import { helperRuntimeOf } from '../integration/runtimes.ts';
import { grpcShots, httpShots, measure, type Load, type Shots } from './helper-load.ts';
import {
  audience,
  memoryMib,
  printFigures,
  startBareServer,
  startHelperSite,
  startUpstream,
} from './helper-site.ts';
import { median } from './load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    runtime: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const runtime = helperRuntimeOf(values.runtime);
/** Calls at once, as in the reference measurements. */
const width = 10;
/** Requests a second that a modest service gets; far from saturation. */
const fixedRate = 500;
/** More tokens than the cache of verdicts holds: each is long gone from it when its turn comes again. */
const freshTokens = 3_000;
const checksBeforeMemory = 100_000;

const work = await createWorkFolder('bench');
const closers: (() => unknown)[] = [() => work.remove()];

function checkWith(token: string): Buffer {
  return frameMessage(checkRequest({ headers: { authorization: `Bearer ${token}` } }));
}

/** Milliseconds from the start of a helper to its first allowed request, identity being there. */
async function startMs(workloadApi: string): Promise<number> {
  const began = performance.now();
  const rules = [{ name: 'jwt-inject', mode: 'inject', audience } as const];
  const helper = await startHelper({
    name: 'cold',
    runtime,
    folder: work.path,
    workloadApi,
    rules,
    everyMs: 2,
  });
  const shots = grpcShots(helper.port, 'jwt-inject', () => frameMessage(checkRequest()));
  await waitUntil('it allows', () => shots.shot(0).then(() => true), {
    deadlineMs: 10_000,
    everyMs: 2,
  });
  const took = performance.now() - began;
  shots.close();
  await helper.stop();
  return took;
}

type Case = 'bare' | 'inject' | 'validate_cached' | 'validate_uncached';
const cases: readonly Case[] = ['bare', 'inject', 'validate_cached', 'validate_uncached'];

/** Interleaves the cases: what the machine does besides then falls on all of them. */
async function direct(helper: HelperProcess, mint: () => Promise<string>) {
  const bare = await startBareServer(runtime, closers);
  const plain = frameMessage(checkRequest());
  const cached = checkWith(await mint());
  const fresh: Buffer[] = [];
  for (let index = 0; index < freshTokens; index += 1) fresh.push(checkWith(await mint()));
  let turn = 0;
  const nextFresh = (): Buffer => fresh[turn++ % freshTokens] ?? plain;
  const shots: Record<Case, Shots> = {
    bare: grpcShots(bare.port, 'none', () => plain),
    inject: grpcShots(helper.port, 'jwt-inject', () => plain),
    validate_cached: grpcShots(helper.port, 'jwt-validate', () => cached),
    validate_uncached: grpcShots(helper.port, 'jwt-validate', nextFresh),
  };
  const loads: Record<Case, Load[]> = {
    bare: [],
    inject: [],
    validate_cached: [],
    validate_uncached: [],
  };
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of cases) {
      const pids = [name === 'bare' ? bare.pid : helper.pid];
      const load = await measure(shots[name].shot, { width, seconds, pids });
      // The first round only warms up.
      if (round > 0) loads[name].push(load);
    }
  }
  const sent = Object.values(loads).flat();
  for (let left = checksBeforeMemory - sent.reduce((sum, one) => sum + one.count, 0); left > 0;) {
    left -= (await measure(shots.inject.shot, { width, seconds, pids: [] })).count;
  }
  const after = memoryMib(helper.pid);
  for (const one of Object.values(shots)) one.close();
  const of = (name: Case, key: keyof Load): number => median(loads[name].map((load) => load[key]));
  return { of, after };
}

/** Both filters of the data path against none: the same Envoy, the same upstream. */
async function throughEnvoy(helper: HelperProcess): Promise<Record<string, number>> {
  const to = await startUpstream(closers);
  const start = async (helperPort: number | undefined) => {
    const listen = await freePort();
    const config = proxyConfig('inject', { listen, upstream: to, helper: helperPort });
    const envoy = await startEnvoy(config, { args: ['--concurrency', '1'] });
    closers.unshift(() => envoy.stop());
    return { ...httpShots(listen), pid: envoy.pid };
  };
  const plain = await start(undefined);
  const filtered = await start(helper.port);
  const withFilter: Load[] = [];
  const without: Load[] = [];
  const slowWith: Load[] = [];
  const slowWithout: Load[] = [];
  const pids = [filtered.pid, helper.pid];
  for (let round = 0; round < rounds; round += 1) {
    without.push(await measure(plain.shot, { width, seconds, pids: [plain.pid] }));
    withFilter.push(await measure(filtered.shot, { width, seconds, pids }));
    const slow = { width, seconds, perSecond: fixedRate };
    slowWithout.push(await measure(plain.shot, { ...slow, pids: [plain.pid] }));
    slowWith.push(await measure(filtered.shot, { ...slow, pids }));
  }
  plain.close();
  filtered.close();
  const of = (loads: readonly Load[], read: (load: Load) => number): number =>
    median(loads.map(read));
  const rate = ({ count, seconds: took }: Load): number => count / took;
  return {
    envoy_added_cpu_ms_per_1000:
      of(withFilter, (one) => one.cpuUs) - of(without, (one) => one.cpuUs),
    envoy_rps_vs_no_filter: of(withFilter, rate) / of(without, rate),
    envoy_added_p50_us: of(withFilter, (one) => one.p50Us) - of(without, (one) => one.p50Us),
    fixed_rate_per_s: fixedRate,
    fixed_rate_added_p50_us: of(slowWith, (one) => one.p50Us) - of(slowWithout, (one) => one.p50Us),
    fixed_rate_added_p99_us: of(slowWith, (one) => one.p99Us) - of(slowWithout, (one) => one.p99Us),
    fixed_rate_added_cpu_ms_per_1000:
      of(slowWith, (one) => one.cpuUs) - of(slowWithout, (one) => one.cpuUs),
  };
}

async function run(): Promise<Record<string, number | string>> {
  const site = await startHelperSite({ folder: work.path, runtime, closers });
  const helper = await site.start('ext-authz');
  const { mint, workloadApi } = site;
  const idle = memoryMib(helper.pid);
  const { of, after } = await direct(helper, mint);
  const starts: number[] = [];
  for (let round = 0; round < 3; round += 1) starts.push(await startMs(workloadApi));
  return {
    runtime,
    inject_cpu_us: of('inject', 'cpuUs'),
    validate_cached_cpu_us: of('validate_cached', 'cpuUs'),
    validate_uncached_cpu_us: of('validate_uncached', 'cpuUs'),
    bare_cpu_us: of('bare', 'cpuUs'),
    inject_vs_bare: of('inject', 'cpuUs') / of('bare', 'cpuUs'),
    validate_cached_vs_bare: of('validate_cached', 'cpuUs') / of('bare', 'cpuUs'),
    checks_per_s: of('inject', 'count') / of('inject', 'seconds'),
    p50_us: of('inject', 'p50Us'),
    p99_us: of('inject', 'p99Us'),
    private_idle_mib: idle.privateMib,
    private_after_mib: after.privateMib,
    rss_after_mib: after.rssMib,
    start_ms: median(starts),
    ...(existsSync(programPath('envoy')) ? await throughEnvoy(helper) : {}),
  };
}

try {
  printFigures(await run());
} finally {
  for (const close of closers) await close();
}
process.exit(0);
