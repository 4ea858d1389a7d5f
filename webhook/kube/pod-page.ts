/** A page of a server that listens on a pod's own loopback, by port-forwarding through the API server. */
import { request, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { JsonObject } from '#kernel/json.ts';
import { boundedText, tryParse } from './answer-text.ts';
import type { ConnectedApi } from './connection.ts';

interface PodPage {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
}

/**
 * What a pod answers is a stranger's: it is bounded by `maxBytes`, and in time by `signal`.
 * @throws {ApiRefusal} when it may not be asked; {AppError} CLUSTER_UNREACHABLE; {AnswerTooLarge}; {Error} for another answer
 */
export async function readPodPage(
  api: Pick<ConnectedApi, 'forward'>,
  page: PodPage,
  bounds: PageBounds,
): Promise<JsonObject> {
  const object = tryParse(await readPodText(api, page, bounds));
  if (object === undefined) throw new Error('the answer is not a JSON object');
  return object;
}

interface PageBounds {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** {@link readPodPage} for a page that is a text. */
export async function readPodText(
  api: Pick<ConnectedApi, 'forward'>,
  { namespace, pod, port, path }: PodPage,
  { maxBytes, signal }: PageBounds,
): Promise<string> {
  const opening = api.forward(namespace, pod, port);
  const socket = await inTime(opening, signal);
  try {
    return await boundedText(await answerTo(path, socket, signal), maxBytes);
  } finally {
    socket.destroy();
  }
}

/** One that opens later is closed. */
async function inTime(opening: Promise<Duplex>, signal: AbortSignal): Promise<Duplex> {
  let isLate = false;
  void opening.then(
    (socket) => {
      if (isLate) socket.destroy();
    },
    // Told by the race, or too late for anybody.
    () => undefined,
  );
  const timeIsUp = new Promise<never>((_resolve, reject) => {
    const end = (): void => {
      isLate = true;
      reject(new Error('no connection in time'));
    };
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
  });
  return Promise.race([opening, timeIsUp]);
}

function answerTo(path: string, socket: Duplex, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { path, headers: { host: 'localhost', connection: 'close' }, signal };
    const sent = request({ ...options, createConnection: () => socket }, (response) => {
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`HTTP status ${response.statusCode ?? 0}`));
    });
    sent.on('error', reject);
    sent.end();
  });
}
