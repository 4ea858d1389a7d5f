/**
 * What a review costs, beside the least that any webhook in this language must cost: `npm run bench:admission`.
 * Servers are pinned to one core and the load to the other; ours and the bare peer take turns in every round.
 * usage: admission.ts [--rounds N] [--seconds S]
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { makeServingPair } from '../fakes/serving-pair.ts';
import type { ServerFigures, ServerMessage } from './admission-server.ts';
import { Connection, load, median, quantile } from './load.ts';
import { reviewOfBytes } from './review-bodies.ts';

const repository = join(import.meta.dirname, '../..');
const serverCore = '0';
const loadCore = '1';
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const small = reviewOfBytes(6_600);
const medium = reviewOfBytes(300_000);
const huge = reviewOfBytes(2_500_000);

/** A server process that tells its figures. */
class Server {
  readonly #child: ChildProcess;
  readonly port: number;
  /** Milliseconds from the start of the process to its first answer. */
  readonly startMs: number;

  private constructor(child: ChildProcess, port: number, startMs: number) {
    this.#child = child;
    this.port = port;
    this.startMs = startMs;
  }

  static async start(which: 'ours' | 'bare', work: string): Promise<Server> {
    const begun = performance.now();
    const args = [which, repository, work];
    const child = fork(join(work, 'admission-server.js'), args, { execArgv: heapFlags });
    if (child.pid !== undefined) pin(child.pid, serverCore);
    const told = await messageOf(child, 'listening');
    const port = told.kind === 'listening' ? told.port : 0;
    const connection = await Connection.open(port, small.length);
    const status = await connection.ask(small);
    connection.close();
    if (status !== 200) throw new Error(`${which} answered ${status}`);
    return new Server(child, port, performance.now() - begun);
  }

  async figures(): Promise<ServerFigures> {
    this.#child.send('figures');
    const told = await messageOf(this.#child, 'figures');
    return told.kind === 'figures' ? told : { cpuUs: Number.NaN, peakMib: Number.NaN };
  }

  async shares(): Promise<Extract<ServerMessage, { kind: 'shares' }>> {
    this.#child.send('shares');
    const told = await messageOf(this.#child, 'shares');
    if (told.kind !== 'shares') throw new Error('the server told something else');
    return told;
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}

async function messageOf(child: ChildProcess, kind: ServerMessage['kind']): Promise<ServerMessage> {
  const told = new AbortController();
  const { signal } = told;
  const gone = once(child, 'exit', { signal }).then(() => {
    throw new Error('the server process ended');
  });
  try {
    for (;;) {
      const next = once(child, 'message', { signal });
      // Only our own server process writes to this channel.
      const [message] = (await Promise.race([next, gone])) as [ServerMessage];
      if (message.kind === kind) return message;
    }
  } finally {
    gone.catch(() => undefined);
    told.abort();
  }
}

/** Those of the Deployment in manifests/kustomize/base. */
const heapFlags = ['--max-old-space-size=192', '--max-semi-space-size=16'];

function pin(pid: number, core: string): void {
  execFileSync('taskset', ['-a', '-p', '-c', core, String(pid)], { stdio: 'ignore' });
}

interface Round {
  readonly cpuUs: number;
  readonly perS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measure(server: Server, connections: number): Promise<Round> {
  await load(server.port, small, { connections, seconds: Math.min(1, seconds) });
  const before = await server.figures();
  const {
    count,
    latencies,
    seconds: took,
  } = await load(server.port, small, { connections, seconds });
  const after = await server.figures();
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / count,
    perS: count / took,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

type Rounds = Readonly<Record<'ours' | 'bare', Readonly<Record<1 | 8, Round>>>>;

async function compare(
  work: string,
): Promise<{ rounds: Rounds; shares: Awaited<ReturnType<Server['shares']>> }> {
  const servers = {
    ours: await Server.start('ours', work),
    bare: await Server.start('bare', work),
  };
  const seen = {
    ours: { 1: [] as Round[], 8: [] as Round[] },
    bare: { 1: [] as Round[], 8: [] as Round[] },
  };
  for (let round = 0; round < rounds; round += 1) {
    for (const connections of [1, 8] as const) {
      for (const which of ['ours', 'bare'] as const) {
        seen[which][connections].push(await measure(servers[which], connections));
      }
    }
  }
  const shares = await servers.ours.shares();
  await servers.ours.stop();
  await servers.bare.stop();
  return {
    shares,
    rounds: {
      ours: { 1: mid(seen.ours[1]), 8: mid(seen.ours[8]) },
      bare: { 1: mid(seen.bare[1]), 8: mid(seen.bare[8]) },
    },
  };
}

function mid(all: readonly Round[]): Round {
  return {
    cpuUs: median(all.map(({ cpuUs }) => cpuUs)),
    perS: median(all.map(({ perS }) => perS)),
    p50Ms: median(all.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(all.map(({ p99Ms }) => p99Ms)),
  };
}

/** 300 kB reviews one after the other, then four of 2.5 MB at once again and again, with small ones between them. */
async function large(work: string): Promise<{ p50Ms: number; peakMib: number; smallMs: number }> {
  const server = await Server.start('ours', work);
  const { latencies } = await load(server.port, medium, { connections: 1, seconds });
  const [, beside] = await Promise.all([
    load(server.port, huge, { connections: 4, seconds }),
    load(server.port, small, { connections: 1, seconds }),
  ]);
  const { peakMib } = await server.figures();
  await server.stop();
  return { p50Ms: quantile(latencies, 0.5), peakMib, smallMs: quantile(beside.latencies, 0.99) };
}

async function starts(work: string): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < Math.max(3, rounds); round += 1) {
    const server = await Server.start('ours', work);
    times.push(server.startMs);
    await server.stop();
  }
  return median(times);
}

function offline(work: string): { readonly seconds: number; readonly peakMib: number } {
  // The flag with which the svidecar command starts Node.
  const words = ['--max-semi-space-size=8', join(work, 'admission-inject.js'), repository];
  const text = execFileSync(process.execPath, words, { encoding: 'utf8' });
  // The line that our own script printed.
  return JSON.parse(text) as { seconds: number; peakMib: number };
}

/** As in the image: one file a program. */
async function bundle(work: string): Promise<void> {
  await build({
    entryPoints: ['admission-server', 'admission-inject'].map((name) =>
      join(import.meta.dirname, `${name}.ts`),
    ),
    outdir: work,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  writeFileSync(join(work, 'package.json'), '{"type":"module"}');
}

function figure(value: number, digits = 0): string {
  return value.toFixed(digits).padStart(9);
}

async function main(): Promise<void> {
  pin(process.pid, loadCore);
  const work = mkdtempSync(join(tmpdir(), 'svidecar-bench-'));
  try {
    mkdirSync(work, { recursive: true });
    const pair = await makeServingPair();
    writeFileSync(join(work, 'tls.crt'), pair.certificate);
    writeFileSync(join(work, 'tls.key'), pair.key);
    await bundle(work);
    await report(work);
  } finally {
    rmSync(work, { recursive: true });
  }
}

async function report(work: string): Promise<void> {
  const { rounds: seen, shares } = await compare(work);
  const big = await large(work);
  const startMs = await starts(work);
  const inject = offline(work);
  const { ours, bare } = seen;
  console.log(
    `A ${small.length}-byte Pod CREATE over TLS, medians of ${rounds} rounds of ${seconds} s`,
  );
  console.log('server      conns  CPU µs  reviews/s    p50 ms    p99 ms');
  for (const [name, server] of Object.entries(seen)) {
    for (const [connections, round] of Object.entries(server)) {
      console.log(
        `${name.padEnd(11)} ${connections}    ${figure(round.cpuUs)} ${figure(round.perS)} ${figure(round.p50Ms, 2)} ${figure(round.p99Ms, 2)}`,
      );
    }
  }
  const rest = ours[8].cpuUs - shares.parseUs - shares.reviewUs - shares.writeUs;
  console.log(
    `of our CPU: ${figure(shares.reviewUs)} µs review, ${figure(shares.parseUs)} parsing, ${figure(shares.writeUs)} writing, each alone in a loop; ${figure(rest)} the rest`,
  );
  console.log(
    `300 kB: p50 ${big.p50Ms.toFixed(1)} ms. Four of 2.5 MB at once: peak ${big.peakMib.toFixed(0)} MiB, small ones between them p99 ${big.smallMs.toFixed(0)} ms`,
  );
  console.log(
    `start to first answer ${startMs.toFixed(0)} ms; inject of 1,000 Deployments ${inject.seconds.toFixed(1)} s, ${inject.peakMib.toFixed(0)} MiB`,
  );
  console.log(
    JSON.stringify({
      review_cpu_us: Math.round(ours[8].cpuUs),
      bare_cpu_us: Math.round(bare[8].cpuUs),
      review_vs_bare: Number((ours[8].cpuUs / bare[8].cpuUs).toFixed(2)),
      reviews_per_s: Math.round(ours[8].perS),
      large_p50_ms: Number(big.p50Ms.toFixed(1)),
      large_peak_mib: Math.round(big.peakMib),
      small_beside_large_p99_ms: Math.round(big.smallMs),
      review_own_us: Math.round(shares.reviewUs),
      start_ms: Math.round(startMs),
      inject_1000_s: Number(inject.seconds.toFixed(2)),
      inject_1000_peak_mib: Math.round(inject.peakMib),
    }),
  );
}

await main();
