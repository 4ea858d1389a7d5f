/**
 * What the Envoy of the template `envoy` costs, with the real Envoy and a real SPIRE on loopback, beside no Envoy in the same run:
 * `bench:envoy [--seconds N] [--rounds N] [--tries N] [--starts N] [--connections N]`. Two of them are rendered as svidecar renders them and
 * run with the arguments of the template: one for the app that calls, one for the app that is called, with mTLS between them. Each
 * figure of the way through both stands beside that of the same round without. A round in which a busy machine could not send that
 * many requests does not count, and is tried again. The last line is JSON.
 */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { parseArgs } from 'node:util';
import { renderProxy } from '../../webhook/proxy/render-proxy.ts';
import type { ProxyPlan } from '../../webhook/proxy/proxy-plan.ts';
import { smallPlan } from '../fakes/proxy-plans.ts';
import { startEnvoy, type RunningEnvoy } from '../integration/harness/envoy.ts';
import { freePort } from '../integration/harness/free-port.ts';
import { startProcess, waitUntil } from '../integration/harness/processes.ts';
import { startSpire, type Spire } from '../integration/harness/spire.ts';
import { mintCertificate } from '../integration/harness/tls-client.ts';
import { createWorkFolder } from '../integration/harness/work-folder.ts';
import { cpuCounter, httpShots, measure, type Load } from './helper-load.ts';
import { memoryMib, printFigures } from './helper-site.ts';
import { median } from './load.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '0.5' },
    rounds: { type: 'string', default: '20' },
    tries: { type: 'string', default: '60' },
    starts: { type: 'string', default: '5' },
    connections: { type: 'string', default: '1000' },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
/** Requests a second. */
const rate = 1_000;
/** Share of them that must have been sent for a round to count. */
const carried = 0.95;
/** Requests in the air at most. */
const width = 10;
const ids = {
  frontend: 'spiffe://example.org/ns/shop/sa/frontend',
  backend: 'spiffe://example.org/ns/shop/sa/backend',
};
/** As in templates/envoy. */
const templateArgs = ['--concurrency', '2', '--drain-time-s', '5'];
const args = [...templateArgs, '--file-flush-interval-msec', '1000'];

const work = await createWorkFolder('bench');
const closers: (() => unknown)[] = [() => work.remove()];

/** In a process of its own, as in a pod: beside the client it would wait for it. */
async function startApp(): Promise<number> {
  const port = await freePort();
  const serve = `require('node:http').createServer((_, to) => to.end('ok')).listen(${port}, '127.0.0.1')`;
  const what = { name: 'app', command: process.execPath, args: ['-e', serve], folder: work.path };
  const app = startProcess(what);
  closers.unshift(() => app.stop());
  const isThere = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/`)).ok;
  await waitUntil('the app listens', isThere, { processes: [app] });
  return port;
}

interface Site {
  readonly spire: Spire;
  readonly app: number;
  readonly ports: { readonly calling: number; readonly inbound: number };
  readonly plans: { readonly calling: ProxyPlan; readonly called: ProxyPlan };
}

async function startSite(): Promise<Site> {
  const [spire, app] = await Promise.all([startSpire(), startApp()]);
  closers.unshift(() => spire.stop());
  const selectors = [`unix:uid:${process.getuid?.() ?? 0}`];
  for (const spiffeId of Object.values(ids)) await spire.createEntry({ spiffeId, selectors });
  const ports = { calling: await freePort(), inbound: await freePort() };
  const common = { ...smallPlan, agentSocket: spire.socketPath, inPod: false };
  const called = {
    ...common,
    spiffeId: ids.backend,
    callers: [ids.frontend],
    inbound: [{ protocol: 'http' as const, listen: ports.inbound, app }],
  };
  const upstream = {
    protocol: 'http' as const,
    listen: ports.calling,
    host: 'localhost',
    port: ports.inbound,
    spiffeId: ids.backend,
    domains: ['*'],
  };
  const calling = { ...common, spiffeId: ids.frontend, upstreams: [upstream] };
  return { spire, app, ports, plans: { calling, called } };
}

/** From the start of the process until it has its certificate and listens. */
async function startMs(plan: ProxyPlan): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < Number(values.starts); count += 1) {
    const began = performance.now();
    const envoy = await startEnvoy(renderProxy(plan), { args });
    times.push(performance.now() - began);
    await envoy.stop();
  }
  return median(times);
}

interface Round {
  readonly without: Load;
  readonly through: Load;
  /** Microseconds of CPU a request. */
  readonly callingCpuUs: number;
  readonly calledCpuUs: number;
}

interface Shooting {
  readonly without: () => Promise<void>;
  readonly through: () => Promise<void>;
  readonly calling: RunningEnvoy;
  readonly called: RunningEnvoy;
}

/** What comes first in a round is slower or faster for it: they take turns. */
async function measureRound(shooting: Shooting, isFirstWithout: boolean): Promise<Round> {
  const direct = (): Promise<Load> => measure(shooting.without, { ...told, pids: [] });
  const before = isFirstWithout ? await direct() : undefined;
  const proxied = await measureThrough(shooting);
  return { ...proxied, without: before ?? (await direct()) };
}

const told = { width, seconds, perSecond: rate };

async function measureThrough(shooting: Shooting): Promise<Omit<Round, 'without'>> {
  const { calling, called } = shooting;
  const cpu = { calling: cpuCounter([calling.pid]), called: cpuCounter([called.pid]) };
  const through = await measure(shooting.through, { ...told, pids: [] });
  return {
    through,
    callingCpuUs: cpu.calling() / through.count,
    calledCpuUs: cpu.called() / through.count,
  };
}

function isCarried({ without, through }: Round): boolean {
  return [without, through].every(({ count }) => count >= carried * rate * seconds);
}

/** Connections of a caller, each with its handshake. @returns what closes them */
async function connectMany(port: number, credentials: object): Promise<() => void> {
  const sockets: TLSSocket[] = [];
  for (let count = 0; count < Number(values.connections); count += 1) {
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false, ...credentials };
    const socket = connect({ ...options, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect');
    sockets.push(socket);
  }
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

async function run(): Promise<Record<string, number | string>> {
  const { spire, app, ports, plans } = await startSite();
  const started = { calling: await startMs(plans.calling), called: await startMs(plans.called) };
  const called = await startEnvoy(renderProxy(plans.called), { args });
  closers.unshift(() => called.stop());
  const calling = await startEnvoy(renderProxy(plans.calling), { args });
  closers.unshift(() => calling.stop());
  const idle = { calling: memoryMib(calling.pid), called: memoryMib(called.pid) };
  const direct = httpShots(app);
  const proxied = httpShots(ports.calling);
  closers.unshift(() => {
    direct.close();
    proxied.close();
  });
  await waitUntil('it answers', () => proxied.shot(0).then(() => true));
  const shots = { without: () => direct.shot(0), through: () => proxied.shot(0) };
  const shooting = { ...shots, calling, called };
  const all: Round[] = [];
  let tries = 0;
  while (all.length < rounds && tries < Number(values.tries)) {
    const measured = await measureRound(shooting, tries % 2 === 0);
    // The first one only warms up.
    if (tries > 0 && isCarried(measured)) all.push(measured);
    tries += 1;
  }
  const busy = { calling: memoryMib(calling.pid), called: memoryMib(called.pid) };
  const credentials = await mintCertificate(spire.server, ids.frontend, { folder: work.path });
  const disconnect = await connectMany(ports.inbound, credentials);
  const crowded = memoryMib(called.pid);
  disconnect();
  const of = (read: (round: Round) => number): number => median(all.map(read));
  return {
    start_ms_calling: started.calling,
    start_ms_called: started.called,
    idle_private_mib_calling: idle.calling.privateMib,
    idle_rss_mib_calling: idle.calling.rssMib,
    idle_private_mib_called: idle.called.privateMib,
    idle_rss_mib_called: idle.called.rssMib,
    rounds: all.length,
    tries,
    rate_per_s: of(({ through }) => through.count / seconds),
    busy_private_mib_calling: busy.calling.privateMib,
    busy_rss_mib_calling: busy.calling.rssMib,
    busy_private_mib_called: busy.called.privateMib,
    busy_rss_mib_called: busy.called.rssMib,
    connections: Number(values.connections),
    crowded_private_mib_called: crowded.privateMib,
    crowded_rss_mib_called: crowded.rssMib,
    cpu_us_calling: of(({ callingCpuUs }) => callingCpuUs),
    cpu_us_called: of(({ calledCpuUs }) => calledCpuUs),
    p50_us_without: of(({ without }) => without.p50Us),
    p50_us_through_both: of(({ through }) => through.p50Us),
    added_p50_us: of(({ without, through }) => through.p50Us - without.p50Us),
    added_p99_us: of(({ without, through }) => through.p99Us - without.p99Us),
  };
}

try {
  printFigures(await run());
} finally {
  for (const close of closers) await close();
}
process.exit(0);
