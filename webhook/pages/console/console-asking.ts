/** Asks the console's server: same origin, JSON, with the key of the session in a header. */
import {
  consoleKeyHeader,
  consolePaths,
  type ConsoleProblem,
  type ConsoleSession,
} from '../../console/console-model.ts';
import { keepSessionKey, sessionKey } from './session-key.ts';

export type ServerReply<T> =
  | { readonly kind: 'value'; readonly value: T }
  /** The server says why not. */
  | { readonly kind: 'problem'; readonly status: number; readonly problem: ConsoleProblem }
  /** No server answers. */
  | { readonly kind: 'unreached' };

/** Milliseconds; the slowest answer is that of helpers which do not answer. */
const patienceMs = 30_000;

export const lockedOut = 401;
const notFound = 404;

/** Whether the thing that was asked about is no more. */
export function isGone(reply: ServerReply<unknown>): boolean {
  return reply.kind === 'problem' && reply.status === notFound;
}

/** The whole fragment of an address that is printed; no place in the console looks like it. */
const tokenFragment = /^#token=([^&]*)/;

/** The one-time token in the address, taken out of it, so that neither history nor a copied link holds it. */
export function takeToken(): string | undefined {
  const token = tokenFragment.exec(location.hash)?.[1];
  if (token !== undefined) history.replaceState(null, '', location.pathname);
  return token;
}

/**
 * Changes a token for a key. The key of an earlier visit stays where the server does not take the token: anybody can make a
 * link with one, and the printed address may be opened twice.
 */
export async function openSession(token: string): Promise<ServerReply<unknown>> {
  const reply = await ask<ConsoleSession>(consolePaths.session, { token });
  if (reply.kind === 'value') keepSessionKey(reply.value.key);
  return reply;
}

/** @param body POSTed; without one it is a GET */
export async function ask<T>(path: string, body?: object): Promise<ServerReply<T>> {
  try {
    const response = await send(path, AbortSignal.timeout(patienceMs), body);
    // The border to our own server: console-model.ts says what it answers.
    if (response.ok) return { kind: 'value', value: (await response.json()) as T };
    return { kind: 'problem', status: response.status, problem: await problemOf(response) };
  } catch {
    // Refused, cut off or timed out: for whoever asks it is one and the same.
    return { kind: 'unreached' };
  }
}

/** @throws {TypeError} as fetch does, when nobody answers */
export async function send(path: string, signal: AbortSignal, body?: object): Promise<Response> {
  const headers = new Headers({ [consoleKeyHeader]: sessionKey() });
  if (body === undefined) return fetch(path, { headers, signal });
  headers.set('content-type', 'application/json');
  return fetch(path, { method: 'POST', headers, signal, body: JSON.stringify(body) });
}

export async function problemOf(response: Response): Promise<ConsoleProblem> {
  try {
    // As above.
    return (await response.json()) as ConsoleProblem;
  } catch {
    return {
      code: String(response.status),
      message: `the server answered ${response.status}; look at the terminal of svidecar console`,
    };
  }
}

/** In words, for a notice. */
export function whyNot(reply: Exclude<ServerReply<unknown>, { readonly kind: 'value' }>): string {
  return reply.kind === 'problem' ? reply.problem.message : unreachedWords;
}

export const unreachedWords =
  'svidecar console does not answer. If it was stopped, start it again in the terminal.';

/** `/api/workloads/shop/Deployment/frontend`. */
export function pathOfWorkload(base: string, names: readonly string[]): string {
  return [base, ...names.map(encodeURIComponent)].join('/');
}
