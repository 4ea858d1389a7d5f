/** An account service that says of each request whether its user is banned: Jo is. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { decodeJwt } from 'jose';

/** How it ends a connection in the moment in which it is used again. */
const ends = ['cut', 'half', 'timeout'] as const;
type AdapterEnd = (typeof ends)[number];
export type AdapterAnswer =
  'verdict' | AdapterEnd | 'fault' | 'redirect' | 'text' | 'flood' | 'word' | 'silence';

export interface BanAdapter {
  readonly url: string;
  /** Method, path, Authorization and Cookie of each question. */
  readonly asked: readonly (readonly (string | undefined)[])[];
  /** What it does from now on. */
  answer: AdapterAnswer;
  /** Answers that are no ban, four of which are no answers. */
  readonly otherAnswers: readonly AdapterAnswer[];
  readonly ends: readonly AdapterEnd[];
  stop(): void;
}

export async function startAdapter(): Promise<BanAdapter> {
  const asked: (string | undefined)[][] = [];
  const answered = new WeakSet<Socket>();
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    asked.push([method, url, headers.authorization, headers.cookie]);
    const end = ends.find((one) => one === adapter.answer);
    if (end !== undefined && answered.has(request.socket)) endWith(end, request.socket);
    else answers[adapter.answer](response, isJo(headers.authorization));
    answered.add(request.socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const adapter: BanAdapter = {
    // Listening on loopback on a free port: a number.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: 'verdict',
    ends,
    otherAnswers: ['fault', 'redirect', 'text', 'flood', 'word'],
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return adapter;
}

const refused = JSON.stringify({ pass: false });
type Answering = (response: ServerResponse, isBanned: boolean) => unknown;
const verdict: Answering = (response, isBanned) =>
  response.end(JSON.stringify({ pass: !isBanned }));
const answers: Readonly<Record<AdapterAnswer, Answering>> = {
  verdict,
  cut: verdict,
  half: verdict,
  timeout: verdict,
  fault: (response) => response.writeHead(500).end(refused),
  redirect: (response) => response.writeHead(302, { location: '/other' }).end(refused),
  text: (response) => response.end('pass: false'),
  flood: (response) => response.end(`${refused}${' '.repeat(100_000)}`),
  word: (response) => response.end('{"pass":"false"}'),
  silence: () => undefined,
};

function endWith(end: AdapterEnd, socket: Socket): void {
  if (end === 'half') socket.write('HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"pass":');
  if (end === 'timeout')
    socket.write('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  socket.destroySoon();
}

function isJo(authorization = ''): boolean {
  try {
    return decodeJwt(authorization.replace(/^Bearer /, ''))['email'] === 'Jo@Example.org';
  } catch {
    // Somebody else's token.
    return false;
  }
}
