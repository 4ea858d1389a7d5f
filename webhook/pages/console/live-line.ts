/** Keeps the console's state current: everything once, then what changes; after a break it goes on where it was. */
import { consolePaths, type CoverageSnapshot } from '../../console/console-model.ts';
import { EventReader } from '../../console/read-events.ts';
import {
  ask,
  lockedOut,
  openSession,
  problemOf,
  send,
  takeToken,
  unreachedWords,
  type ServerReply,
} from './console-asking.ts';
import { sessionKey } from './session-key.ts';
import { withEvent, withSnapshot, type ConsoleState, type LineState } from './console-state.ts';

/** Milliseconds between attempts: the server is on this machine. */
const againMs = 1_000;
/** Milliseconds without a beat, of which there is one every 5 s: the line is dead. */
const silenceMs = 12_000;

type Change = (next: (state: ConsoleState) => ConsoleState) => void;

/** Never ends. A session that the server does not know waits for another one. */
export async function followServer(change: Change): Promise<void> {
  const toLine = (line: LineState): void => {
    change((state) => ({ ...state, line: sinceFirst(state.line, line) }));
  };
  // An address that is opened where a page is open changes the fragment, and loads nothing.
  addEventListener('hashchange', () => {
    const token = takeToken();
    if (token !== undefined) void openSession(token);
  });
  const refusal = await logIn(toLine);
  for (;;) {
    const message = await followSession(change, toLine);
    const refused = sessionKey();
    toLine({ kind: 'locked', message: refused === '' ? (refusal ?? message) : message });
    // Opened here, or in another tab.
    while (sessionKey() === refused) await pause();
  }
}

type ToLine = (line: LineState) => void;

/** @returns why the token in the address is not taken, if there is one */
async function logIn(toLine: ToLine): Promise<string | undefined> {
  const token = takeToken();
  while (token !== undefined) {
    const reply = await openSession(token);
    if (reply.kind === 'value') return undefined;
    if (reply.kind === 'problem') return reply.problem.message;
    // The token is no more in the address: a reload would not send it.
    toLine({ kind: 'lost', sinceMs: Date.now(), message: unreachedWords });
    await pause();
  }
  return undefined;
}

/** Until the server does not know the key. @returns its words */
async function followSession(change: Change, toLine: ToLine): Promise<string> {
  let version = '';
  for (;;) {
    await untilSeen();
    const end = version === '' ? await readAll(change) : await readChanges(version, change);
    if (end.kind === 'locked') return end.message;
    version = end.version;
    if (end.kind === 'again') continue;
    toLine({ kind: 'lost', sinceMs: Date.now(), message: end.message });
    await pause();
  }
}

async function pause(): Promise<void> {
  await new Promise((done) => setTimeout(done, againMs));
}

/** A browser has six connections to one address: a page that nobody sees leaves them to the others. */
async function untilSeen(): Promise<void> {
  while (document.hidden)
    await new Promise((done) => {
      document.addEventListener('visibilitychange', done, { once: true });
    });
}

/** A line that is lost stays lost since the first time. */
function sinceFirst(before: LineState, line: LineState): LineState {
  if (before.kind !== 'lost' || line.kind !== 'lost') return line;
  return { ...line, sinceMs: before.sinceMs };
}

type End =
  | { readonly kind: 'again'; readonly version: string }
  | { readonly kind: 'broken'; readonly version: string; readonly message: string }
  | { readonly kind: 'locked'; readonly message: string };

async function readAll(change: Change): Promise<End> {
  const reply = await ask<CoverageSnapshot>(consolePaths.coverage);
  if (reply.kind !== 'value') return endOf(reply, '');
  change((state) => withSnapshot(state, reply.value, Date.now() / 1_000));
  return { kind: 'again', version: reply.value.version };
}

function endOf(
  reply: Exclude<ServerReply<unknown>, { readonly kind: 'value' }>,
  version: string,
): End {
  if (reply.kind === 'unreached') return { kind: 'broken', version, message: unreachedWords };
  const { message } = reply.problem;
  return reply.status === lockedOut
    ? { kind: 'locked', message }
    : { kind: 'broken', version, message };
}

async function readChanges(since: string, change: Change): Promise<End> {
  const dead = new AbortController();
  const onHidden = (): void => {
    if (document.hidden) dead.abort();
  };
  document.addEventListener('visibilitychange', onHidden);
  const progress = { version: since };
  let watch = setTimeout(() => undefined, 0);
  const alive = (): void => {
    clearTimeout(watch);
    watch = setTimeout(() => {
      dead.abort();
    }, silenceMs);
  };
  alive();
  try {
    const path = `${consolePaths.events}?since=${encodeURIComponent(since)}`;
    const response = await send(path, dead.signal);
    if (!response.ok || response.body === null) {
      const problem = await problemOf(response);
      return endOf({ kind: 'problem', status: response.status, problem }, since);
    }
    const isReset = await readStream(response.body, { change, alive, progress });
    return isReset
      ? { kind: 'again', version: '' }
      : { kind: 'broken', version: progress.version, message: unreachedWords };
  } catch {
    // Refused, cut off or silent: it is tried again.
    const { version } = progress;
    return document.hidden
      ? { kind: 'again', version }
      : { kind: 'broken', version, message: unreachedWords };
  } finally {
    document.removeEventListener('visibilitychange', onHidden);
    clearTimeout(watch);
    dead.abort();
  }
}

interface Following {
  readonly change: Change;
  readonly alive: () => void;
  readonly progress: { version: string };
}

/** Whether everything must be read again. */
async function readStream(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { change, alive, progress }: Following,
): Promise<boolean> {
  const events = new EventReader();
  const pieces = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await pieces.read();
    if (done) return false;
    alive();
    const heard = events.push(value);
    if (heard.some(({ kind }) => kind === 'reset')) return true;
    const nowS = Date.now() / 1_000;
    change((state) => heard.reduce((next, event) => withEvent(next, event, nowS), state));
    for (const event of heard) if ('version' in event) progress.version = event.version;
  }
}
