/** The frontend: asks the backend, through its own Envoy, for the three parts of one account, and shows what came back. */
import { isArray, isObject } from '#kernel/json.ts';
import { isFromBackend } from './ask.ts';
import { accountPage, type Part } from './page.ts';
import type { Reply } from './reply.ts';

export interface FrontendOptions {
  /** Where the pod's own Envoy takes requests for the backend, such as `http://127.0.0.1:3001`. */
  readonly backend: URL;
  readonly account: string;
}

/** More than Envoy's own time-outs, so that its answer is the one that is shown. */
const patienceMs = 10_000;
/** Less than the second that the kubelet gives a probe. */
const probeMs = 800;

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

/**
 * Says whether the frontend is ready: once it has heard from the backend, whatever that says. Before, its Envoy may not listen, have
 * no certificate, or know no backend. It stays ready, because what goes wrong later is to be read on the page.
 */
export function readinessOf({ backend, account }: FrontendOptions): () => Promise<boolean> {
  const url = new URL(`/accounts/${account}/profile`, backend);
  let hasHeard = false;
  return async () => {
    if (hasHeard) return true;
    const answer = await fetch(url, { signal: AbortSignal.timeout(probeMs) }).catch(
      () => undefined,
    );
    hasHeard = answer !== undefined && isFromBackend(answer);
    return hasHeard;
  };
}
