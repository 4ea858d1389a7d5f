/** Requests that a program in a test's pod makes. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { NetworkPod } from './pod-network.ts';

export interface PodAnswer {
  readonly status: number;
  readonly body: string;
}

export interface PodRequest {
  /** IP address. */
  readonly host: string;
  readonly port: number;
  /** Default `/`. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request on a connection of its own. @throws {Error} where the connection is refused or cut */
export async function askFrom(from: NetworkPod, asked: PodRequest): Promise<PodAnswer> {
  const { host, port, path = '/', headers = {} } = asked;
  const socket = await from.connect(host, port);
  try {
    const request = httpRequest({
      host,
      port,
      path,
      headers: { connection: 'close', ...headers },
      createConnection: () => socket,
    });
    request.once('socket', () => socket.resume());
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve).on('error', reject).end();
    });
    return { status: response.statusCode ?? 0, body: await text(response) };
  } finally {
    socket.destroy();
  }
}

/** Sends bytes as they are. @returns what came back until it was closed or was silent for `waitMs`; undefined: cut without a byte */
export async function sendBytes(
  from: NetworkPod,
  to: { readonly host: string; readonly port: number; readonly waitMs?: number },
  bytes: string | Buffer,
): Promise<string | undefined> {
  const socket = await from.connect(to.host, to.port);
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  const silence = setTimeout(() => socket.destroy(), to.waitMs ?? 1_000);
  socket.resume();
  await once(socket, 'close');
  clearTimeout(silence);
  return chunks.length === 0 ? undefined : Buffer.concat(chunks).toString('latin1');
}
