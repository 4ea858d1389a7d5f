/** Who comes to the scene: browsers to front-envoy, and strangers to the services' own ports. */
import { readFileSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { folder, httpsPort } from './scene.ts';

/** PEM texts. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export type Outcome =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string }
  /** The connection did not come about, or broke before an answer. */
  | { readonly kind: 'refused'; readonly reason: string };

const patienceMs = 10_000;

function ask(options: RequestOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    const refuse = (error: Error): void => {
      resolve({ kind: 'refused', reason: error.message });
    };
    const asked = request({ host: '127.0.0.1', timeout: patienceMs, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('error', refuse).on('end', () => {
        resolve({ kind: 'answered', status: response.statusCode ?? 0, body });
      });
    });
    asked.on('error', refuse).on('timeout', () => {
      asked.destroy(new Error(`no answer within ${patienceMs} ms`));
    });
    asked.end();
  });
}

/** As a browser does that trusts the scene's authority. */
export function visit(path: string, options: RequestOptions = {}): Promise<Outcome> {
  const ca = readFileSync(join(folder, 'ca/browsers.pem'));
  return ask({ port: httpsPort, path, ca, servername: 'localhost', ...options });
}

/** Goes past front-envoy, with a certificate or none. What the service shows is not looked at: it is the one that judges. */
export function knock(
  port: number,
  pair?: Pair,
  headers: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return ask({ port, path: '/', agent: false, rejectUnauthorized: false, headers, ...pair });
}

export interface Served {
  readonly answers: number;
  /** What was not answered with 200. */
  readonly lost: readonly string[];
}

/** Asks for both pages, eight at a time, on connections that last and on new ones, until something else is done. */
export async function loadDuring(work: () => Promise<void>): Promise<Served> {
  const lasting = new Agent({ keepAlive: true, maxSockets: 8 });
  const lost: string[] = [];
  let answers = 0;
  let isDone = false;
  const visitor = async (first: number): Promise<void> => {
    for (let turn = first; !isDone; turn += 1) {
      const path = turn % 2 === 0 ? '/service/purple' : '/service/gray';
      const outcome = await visit(path, { agent: turn % 5 === 0 ? false : lasting });
      if (outcome.kind === 'answered' && outcome.status === 200) answers += 1;
      else lost.push(outcome.kind === 'answered' ? `HTTP ${outcome.status}` : outcome.reason);
      await sleep(10);
    }
  };
  const visitors = Promise.all(Array.from({ length: 8 }, (_, first) => visitor(first)));
  try {
    await work();
  } finally {
    isDone = true;
    await visitors;
    lasting.destroy();
  }
  return { answers, lost };
}
