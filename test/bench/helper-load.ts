/** Load for bench:helper and bench:native: unary calls over one HTTP/2 connection, and requests over HTTP/1 connections. */
import { readdirSync, readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

export interface Load {
  /** Finished in the measured time. */
  readonly count: number;
  readonly seconds: number;
  /** Microseconds of CPU that the watched processes used for each. */
  readonly cpuUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** One request; resolves when it is answered well. */
type Shot = (index: number) => Promise<void>;
export interface Shots {
  readonly shot: Shot;
  close(): void;
}

/** Microseconds of CPU by thread. The scheduler counts in nanoseconds, `stat` only in hundredths of a second. */
function threadTimes(pids: readonly number[]): ReadonlyMap<string, number> {
  const times = pids.flatMap((pid) =>
    readdirSync(`/proc/${pid}/task`).map((thread) => {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
      return [thread, Number(text.split(' ')[0]) / 1_000] as const;
    }),
  );
  return new Map(times);
}

/** Starts a count. @returns microseconds of CPU that the processes have used since; a thread that has ended takes its own along. */
export function cpuCounter(pids: readonly number[]): () => number {
  const before = threadTimes(pids);
  return () =>
    [...threadTimes(pids)].reduce((sum, [id, time]) => sum + time - (before.get(id) ?? 0), 0);
}

export interface Measurement {
  /** Shots in the air at most. */
  readonly width: number;
  readonly seconds: number;
  /** Whose CPU is counted. */
  readonly pids: readonly number[];
  /** A fixed rate; absent: as many as will go. */
  readonly perSecond?: number;
}

/** Waits for a moment of `performance.now()`, to a fraction of a millisecond. */
async function until(due: number): Promise<void> {
  // A timer may come a millisecond late.
  const early = due - performance.now() - 2;
  if (early > 0) await sleep(early);
  while (performance.now() < due) await nextTurn();
}

/** At a fixed rate, a shot's time counts from when it was due, so that a slow answer cannot hide those behind it. */
export async function measure(shot: Shot, told: Measurement): Promise<Load> {
  const times: number[] = [];
  const cpu = cpuCounter(told.pids);
  const start = performance.now();
  const end = start + told.seconds * 1_000;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      const index = next++;
      const due = told.perSecond === undefined ? 0 : start + (index * 1_000) / told.perSecond;
      if (due >= end) return;
      await until(due);
      const began = due === 0 ? performance.now() : due;
      await shot(index);
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: told.width }, lane));
  const seconds = (performance.now() - start) / 1_000;
  const cpuUs = cpu() / times.length;
  times.sort((a, b) => a - b);
  const at = (part: number): number => (times[Math.floor(times.length * part)] ?? 0) * 1_000;
  return { count: times.length, seconds, cpuUs, p50Us: at(0.5), p99Us: at(0.99) };
}

/** A caller of a gRPC server on loopback. @param messageOf the message of each call, with its gRPC prefix. */
export function grpcShots(port: number, rule: string, messageOf: (index: number) => Buffer): Shots {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  const headers = {
    ':method': 'POST',
    ':path': '/envoy.service.auth.v3.Authorization/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
    'svidecar-rule': rule,
    'grpc-timeout': '500m',
  };
  const shot: Shot = (index) =>
    new Promise((resolve, reject) => {
      const stream = session.request(headers);
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => {
        const answer = Buffer.concat(chunks);
        // An allowance begins with an empty status, or has none.
        if (answer.length > 5 && (answer[5] !== 0x0a || answer[6] === 0)) resolve();
        else reject(new Error(`refused: ${answer.toString('latin1')}`));
      });
      stream.end(messageOf(index));
    });
  return {
    shot,
    close: () => {
      session.destroy();
    },
  };
}

/** A client of an HTTP/1 server on loopback that keeps its connections. */
export function httpShots(port: number, headers: http.OutgoingHttpHeaders = {}): Shots {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  const shot: Shot = () =>
    new Promise((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port, agent, headers }, (response) => {
        response.resume();
        response.on('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`status ${String(response.statusCode)}`));
        });
      });
      request.on('error', reject);
    });
  return {
    shot,
    close: () => {
      agent.destroy();
    },
  };
}
