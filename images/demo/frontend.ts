/** The frontend: asks the backend, through its own Envoy, for the three parts of one account, and shows what came back. */
import { connect } from 'node:net';
import { isArray, isObject } from '#kernel/json.ts';
import { accountPage, type Part } from './page.ts';
import type { Reply } from './reply.ts';

export interface FrontendOptions {
  /** Where the pod's own Envoy takes requests for the backend, such as `http://127.0.0.1:3001`. */
  readonly backend: URL;
  readonly account: string;
}

/** More than Envoy's own time-outs, so that its answer is the one that is shown. */
const patienceMs = 10_000;

/** 200 with the account; 502 where a part was refused or nobody answered, with the same page that says so. */
export async function frontendReply(path: string, options: FrontendOptions): Promise<Reply> {
  if (path !== '/')
    return { status: 404, type: 'text/plain', body: 'There is only the page at /.\n' };
  const [balance, profile, transactions] = await Promise.all([
    askFor('balance', options),
    askFor('profile', options),
    askFor('transactions', options),
  ]);
  const complete = [balance, profile, transactions].every(({ kind }) => kind === 'shown');
  const body = accountPage(options.account, { balance, profile, transactions });
  return { status: complete ? 200 : 502, type: 'text/html; charset=utf-8', body };
}

async function askFor(part: string, { backend, account }: FrontendOptions): Promise<Part> {
  const url = new URL(`/accounts/${account}/${part}`, backend);
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(patienceMs) });
    const text = await answer.text();
    if (answer.status !== 200) {
      return { kind: 'refused', reason: `HTTP ${answer.status}: ${text.trim()}` };
    }
    return shown(JSON.parse(text));
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { kind: 'refused', reason: `no answer: ${String(cause)}` };
  }
}

function shown(value: unknown): Part {
  return isObject(value) || isArray(value)
    ? { kind: 'shown', value }
    : { kind: 'refused', reason: 'the answer is not an account' };
}

/** Ready once the pod's own Envoy takes connections. */
export function answersAt({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: 500 });
    const settle = (isUp: boolean) => (): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket
      .once('connect', settle(true))
      .once('error', settle(false))
      .once('timeout', settle(false));
  });
}
