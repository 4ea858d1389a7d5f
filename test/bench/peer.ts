/**
 * The helper beside another program that reads the tutorial's configuration, such as the Go helper of the SPIRE tutorials, with
 * a real SPIRE agent: `bench:peer --peer PROGRAM [--rounds N] [--seconds N] [--runtime executable|bun|node]`. How the program is had:
 * docs/performance.md. Rounds are interleaved and medians given; the last line is JSON.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { frameMessage } from '../../sidecar/server/grpc-wire.ts';
import { checkRequest } from '../fakes/envoy-check.ts';
import { startEnvoy } from '../integration/harness/envoy.ts';
import { freePort } from '../integration/harness/free-port.ts';
import { startProcess, waitUntil } from '../integration/harness/processes.ts';
import { startSpire, type Spire } from '../integration/harness/spire.ts';
import { createWorkFolder } from '../integration/harness/work-folder.ts';
import { proxyConfig } from '../integration/mesh/envoy-configs.ts';
import { startHelper, type HelperSpec } from '../integration/mesh/helper-process.ts';
import { helperRuntimeOf } from '../integration/runtimes.ts';
import { cpuCounter, grpcShots, httpShots, measure, type Load, type Shots } from './helper-load.ts';
import {
  audience,
  memoryMib,
  printFigures,
  startBareServer,
  startUpstream,
} from './helper-site.ts';
import { median } from './load.ts';

const { values } = parseArgs({
  options: {
    peer: { type: 'string' },
    rounds: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '2' },
    runtime: { type: 'string' },
  },
});
if (values.peer === undefined) throw new Error('give the program with --peer');
const peerProgram = resolve(values.peer);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const runtime = helperRuntimeOf(values.runtime);
/** Calls at once; the tutorial's helper allows ten. */
const width = 10;
/** Requests a second that a modest service gets; far from saturation. */
const fixedRate = 500;
const checksBeforeMemory = 100_000;
/** Idle helpers on one node. */
const crowds = [2, 10, 50] as const;

const jobs = ['inject', 'validate'] as const;
type Job = (typeof jobs)[number];
const rivals = ['ours', 'peer'] as const;
type Rival = (typeof rivals)[number];

interface Helper {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const work = await createWorkFolder('bench');
const closers: (() => unknown)[] = [() => work.remove()];

/** Ours with one rule, as the peer has one. Ready or not. */
function startOurs(spire: Spire, job: Job, name: string): Promise<Helper> {
  const rule: HelperSpec['rules'][number] =
    job === 'inject'
      ? { name: 'jwt-inject', mode: 'inject', audience }
      : { name: 'jwt-validate', mode: 'validate', audiences: [audience] };
  return startHelper({
    name,
    runtime,
    folder: work.path,
    workloadApi: spire.endpoint,
    rules: [rule],
    everyMs: 2,
  });
}

const peerModes = { inject: 'jwt_injection', validate: 'jwt_svid_validator' } as const;

async function startPeer(spire: Spire, job: Job, name: string): Promise<Helper> {
  const port = await freePort();
  const file = join(work.path, `${name}.conf`);
  const lines = [
    `socket_path = "${spire.endpoint}"`,
    'host = "127.0.0.1"',
    `port = ${port}`,
    `jwt_mode = "${peerModes[job]}"`,
    `audience = "${audience}"`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const args = ['-config', file];
  const running = startProcess({ name, command: peerProgram, args, folder: work.path });
  return { port, pid: running.pid, stop: () => running.stop() };
}

const starters = { ours: startOurs, peer: startPeer } as const;

function shotsAt(port: number, job: Job, token: string): Shots {
  const headers = job === 'inject' ? {} : { authorization: `Bearer ${token}` };
  const message = frameMessage(checkRequest({ headers }));
  return grpcShots(port, `jwt-${job}`, () => message);
}

/** Milliseconds until a first check is allowed. */
async function untilAllowed(helper: Helper, job: Job, token: string): Promise<number> {
  const began = performance.now();
  await waitUntil(
    'it allows',
    async () => {
      const shots = shotsAt(helper.port, job, token);
      // A refused connection ends its calls, which then never answer.
      const late = new Promise<never>((_resolve, reject) => setTimeout(reject, 200));
      try {
        await Promise.race([shots.shot(0), late]);
        return true;
      } finally {
        shots.close();
      }
    },
    { deadlineMs: 20_000, everyMs: 2 },
  );
  return performance.now() - began;
}

interface Site {
  readonly spire: Spire;
  readonly token: string;
}

async function startSite(): Promise<Site> {
  const spire = await startSpire();
  closers.unshift(() => spire.stop());
  const uid = process.getuid?.() ?? 0;
  const spiffeId = `spiffe://${spire.server.trustDomain}/frontend`;
  await spire.createEntry({ spiffeId, selectors: [`unix:uid:${uid}`], jwtTtlS: 3_600 });
  let token = '';
  await waitUntil('the agent has the entry', async () => {
    const fetched = await spire.fetchJwt(uid, audience);
    if (fetched.kind === 'token') token = fetched.token;
    return fetched.kind === 'token';
  });
  return { spire, token };
}

/** Milliseconds from the start of the process until it gives a token; the least of several. */
async function startMs({ spire, token }: Site, rival: Rival): Promise<number> {
  const took: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const began = performance.now();
    const helper = await starters[rival](spire, 'inject', `cold-${rival}-${round}`);
    await untilAllowed(helper, 'inject', token);
    took.push(performance.now() - began);
    await helper.stop();
  }
  return Math.min(...took);
}

/** MiB that each of many idle helpers costs a node: the mean of `Pss`. */
async function crowdMib({ spire, token }: Site, rival: Rival): Promise<Record<string, number>> {
  const helpers: Helper[] = [];
  const figures: Record<string, number> = {};
  for (const size of crowds) {
    while (helpers.length < size) {
      const helper = await starters[rival](spire, 'inject', `crowd-${rival}-${helpers.length}`);
      await untilAllowed(helper, 'inject', token);
      helpers.push(helper);
    }
    await sleep(3_000);
    const all = helpers.reduce((sum, { pid }) => sum + memoryMib(pid).pssMib, 0);
    figures[`${rival}_pss_of_${size}_mib`] = all / size;
  }
  await Promise.all(helpers.map((helper) => helper.stop()));
  return figures;
}

interface Contender extends Shots {
  readonly rival: Rival;
  readonly job: Job;
  readonly helper: Helper;
  readonly idleMib: number;
  readonly loads: Load[];
  readonly agentUs: number[];
}

async function enter({ spire, token }: Site, rival: Rival, job: Job): Promise<Contender> {
  const helper = await starters[rival](spire, job, `${rival}-${job}`);
  closers.unshift(() => helper.stop());
  await untilAllowed(helper, job, token);
  await sleep(3_000);
  const idleMib = memoryMib(helper.pid).privateMib;
  return {
    ...shotsAt(helper.port, job, token),
    rival,
    job,
    helper,
    idleMib,
    loads: [],
    agentUs: [],
  };
}

/** Asked directly: as many checks as will go, the agent's work for them besides. */
async function direct(site: Site, contenders: readonly Contender[]): Promise<void> {
  const agent = site.spire.agentPid();
  for (let round = 0; round <= rounds; round += 1) {
    for (const { shot, helper, loads, agentUs } of contenders) {
      const counted = cpuCounter([agent]);
      const load = await measure(shot, { width, seconds, pids: [helper.pid] });
      // The first round only warms up.
      if (round === 0) continue;
      loads.push(load);
      agentUs.push(counted() / load.count);
    }
  }
}

async function memoryAfter({ shot, loads, helper }: Contender): Promise<number> {
  let left = checksBeforeMemory - loads.reduce((sum, one) => sum + one.count, 0);
  while (left > 0) left -= (await measure(shot, { width, seconds, pids: [] })).count;
  return memoryMib(helper.pid).privateMib;
}

interface Behind {
  readonly name: string;
  readonly shots: Shots;
  readonly pids: readonly number[];
  readonly loads: Load[];
}

/** One Envoy with no filter and one for each contender, all at a fixed rate. @returns what each adds to no filter */
async function throughEnvoy(
  site: Site,
  contenders: readonly Contender[],
): Promise<Record<string, number>> {
  const upstream = await startUpstream(closers);
  const start = async (job: Job, helper?: Helper): Promise<Pick<Behind, 'shots' | 'pids'>> => {
    const listen = await freePort();
    const config = proxyConfig(job, { listen, upstream, helper: helper?.port });
    const envoy = await startEnvoy(config, { args: ['--concurrency', '1'] });
    closers.unshift(() => envoy.stop());
    const headers = job === 'inject' ? {} : { authorization: `Bearer ${site.token}` };
    const pids =
      helper === undefined ? [envoy.pid] : [envoy.pid, helper.pid, site.spire.agentPid()];
    return { shots: httpShots(listen, headers), pids };
  };
  const behind: Behind[] = [];
  for (const job of jobs) behind.push({ name: `none_${job}`, ...(await start(job)), loads: [] });
  for (const { rival, job, helper } of contenders)
    behind.push({ name: `${rival}_${job}`, ...(await start(job, helper)), loads: [] });
  for (let round = 0; round <= rounds; round += 1) {
    for (const { shots, pids, loads } of behind) {
      const load = await measure(shots.shot, { width, seconds, pids, perSecond: fixedRate });
      if (round > 0) loads.push(load);
    }
  }
  for (const { shots } of behind) shots.close();
  const of = (name: string, key: keyof Load): number =>
    median((behind.find((one) => one.name === name)?.loads ?? []).map((load) => load[key]));
  return Object.fromEntries(
    contenders.flatMap(({ rival, job }) => [
      [`${rival}_${job}_added_cpu_us`, of(`${rival}_${job}`, 'cpuUs') - of(`none_${job}`, 'cpuUs')],
      [`${rival}_${job}_added_p50_us`, of(`${rival}_${job}`, 'p50Us') - of(`none_${job}`, 'p50Us')],
    ]),
  );
}

async function run(): Promise<Record<string, number | string>> {
  const site = await startSite();
  const bare = await startBareServer(runtime, closers);
  const starts = { ours: await startMs(site, 'ours'), peer: await startMs(site, 'peer') };
  const crowd = { ...(await crowdMib(site, 'ours')), ...(await crowdMib(site, 'peer')) };
  const contenders: Contender[] = [];
  for (const job of jobs)
    for (const rival of rivals) contenders.push(await enter(site, rival, job));
  const figures: Record<string, number | string> = { runtime, ...crowd };
  for (const rival of rivals) figures[`${rival}_start_ms`] = starts[rival];
  await direct(site, contenders);
  const plain = grpcShots(bare.port, 'none', () => frameMessage(checkRequest()));
  const least = await measure(plain.shot, { width, seconds, pids: [bare.pid] });
  plain.close();
  figures['bare_cpu_us'] = least.cpuUs;
  for (const contender of contenders) {
    const { rival, job, loads, agentUs, idleMib } = contender;
    const name = `${rival}_${job}`;
    figures[`${name}_cpu_us`] = median(loads.map((load) => load.cpuUs));
    figures[`${name}_agent_cpu_us`] = median(agentUs);
    figures[`${name}_checks_per_s`] = median(loads.map((load) => load.count / load.seconds));
    figures[`${name}_p50_us`] = median(loads.map((load) => load.p50Us));
    figures[`${name}_p99_us`] = median(loads.map((load) => load.p99Us));
    figures[`${name}_private_idle_mib`] = idleMib;
    figures[`${name}_private_after_mib`] = await memoryAfter(contender);
  }
  return { ...figures, ...(await throughEnvoy(site, contenders)) };
}

try {
  printFigures(await run());
} finally {
  for (const close of closers) await close();
}
process.exit(0);
