/**
 * Asks pages at a steady rate until SIGTERM, each on a connection of its own, as a program in the cluster's network:
 * `steady-load.ts RATE URL…`, RATE in requests a second for each URL. Then prints its Report as JSON.
 */
import { request } from 'node:http';

export interface Failure {
  /** Milliseconds since 1970 at which it was sent. */
  readonly sentMs: number;
  readonly what: string;
}

export interface Report {
  readonly [url: string]: { readonly sent: number; readonly failures: readonly Failure[] };
}

const [rate = '10', ...urls] = process.argv.slice(2);
/** Longer than any restart here: a slow answer is no failed one. */
const patienceMs = 10_000;
const report: Record<string, { sent: number; failures: Failure[] }> = {};
const open = new Set<Promise<void>>();

function ask(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const sent = request(url, { agent: false, timeout: patienceMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        const reason = /<p>([^<]*)/.exec(body)?.[1] ?? '';
        resolve(response.statusCode === 200 ? undefined : `${response.statusCode ?? 0} ${reason}`);
      });
      response.on('error', (error) => {
        resolve(error.message);
      });
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer in ${patienceMs} ms`)));
    sent.on('error', (error) => {
      resolve(error.message);
    });
    sent.end();
  });
}

function sendOne(url: string): void {
  const entry = (report[url] ??= { sent: 0, failures: [] });
  entry.sent += 1;
  const sentMs = Date.now();
  const done = ask(url).then((what) => {
    if (what !== undefined) entry.failures.push({ sentMs, what });
    open.delete(done);
  });
  open.add(done);
}

const timers = urls.map((url) =>
  setInterval(
    () => {
      sendOne(url);
    },
    1000 / Number(rate),
  ),
);

process.once('SIGTERM', () => {
  timers.forEach(clearInterval);
  void Promise.all(open).then(() => {
    process.stdout.write(JSON.stringify(report));
  });
});
