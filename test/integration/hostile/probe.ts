/** How a server fares while it is attacked: its memory, and what an honest client meets. */
import { readFileSync } from 'node:fs';
import * as http2 from 'node:http2';
import * as net from 'node:net';

const mebibyte = 1_048_576;

/** MiB of a process. @param field `VmRSS`: now; `VmHWM`: at most so far */
export function memoryMib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status) ?? [];
  return (Number(kib) * 1_024) / mebibyte;
}

/** Milliseconds of CPU that a process has used so far. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // Behind the name, which may have spaces in it: the state is the third field, user and system time are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // In ticks of 10 ms, on all that Linux runs on.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export interface Probed {
  readonly answered: number;
  readonly failed: number;
  /** Why those failed that did not come too late (`TimeoutError`). */
  readonly turnedAway: readonly string[];
  /** Milliseconds of the slowest answer. */
  readonly slowestMs: number;
}

/** Asks again and again, each time on a connection of its own, until it is told to stop. @param askOnce milliseconds, or a rejection */
export function keepAsking(ask: () => Promise<void>): { stop: () => Promise<Probed> } {
  let answered = 0;
  let failed = 0;
  let slowestMs = 0;
  const turnedAway: string[] = [];
  const over = new AbortController();
  const asking = (async () => {
    while (!over.signal.aborted) {
      const started = performance.now();
      try {
        await ask();
        answered += 1;
        slowestMs = Math.max(slowestMs, performance.now() - started);
      } catch (thrown) {
        failed += 1;
        if (!(thrown instanceof Error && thrown.name === 'TimeoutError'))
          turnedAway.push(String(thrown));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await asking;
      return { answered, failed, turnedAway, slowestMs: Math.round(slowestMs) };
    },
  };
}

const message = Buffer.from([0, 0, 0, 0, 1, 0x78]);

/** One unary call on a new connection; rejects after a second, as a patient Envoy would. */
export function callOnce(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = http2.connect('http://helper', { createConnection: () => net.connect(path) });
    const end = (why?: Error): void => {
      clearTimeout(timer);
      session.destroy();
      if (why === undefined) resolve();
      else reject(why);
    };
    const timer = setTimeout(() => {
      end(new Error('too late'));
    }, 1_000);
    session.on('error', end);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/test/Echo',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', end);
    stream.on('trailers', (trailers: http2.IncomingHttpHeaders) => {
      if (trailers['grpc-status'] === '0') end();
      else end(new Error('refused'));
    });
    stream.on('response', (head: http2.IncomingHttpHeaders) => {
      if (head['grpc-status'] !== undefined) end(new Error('refused'));
    });
    stream.resume();
    stream.end(message);
  });
}
