/** An account service that says of each request whether its user is banned: Jo is. */
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { decodeJwt } from 'jose';

export type AdapterAnswer =
  'verdict' | 'verdict_once' | 'fault' | 'redirect' | 'text' | 'flood' | 'word' | 'silence';

export interface BanAdapter {
  readonly url: string;
  /** Method, path, Authorization and Cookie of each question. */
  readonly asked: readonly (readonly (string | undefined)[])[];
  /** What it does from now on. */
  answer: AdapterAnswer;
  /** Answers that are no ban, four of which are no answers. */
  readonly otherAnswers: readonly AdapterAnswer[];
  stop(): void;
}

export async function startAdapter(): Promise<BanAdapter> {
  const asked: (string | undefined)[][] = [];
  const answered = new WeakSet<Socket>();
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    asked.push([method, url, headers.authorization, headers.cookie]);
    const refused = JSON.stringify({ pass: false });
    switch (adapter.answer) {
      case 'verdict_once':
        // Ends a connection in the moment in which it is used again.
        if (answered.has(request.socket)) request.socket.destroy();
        else response.end(JSON.stringify({ pass: !isJo(headers.authorization) }));
        answered.add(request.socket);
        break;
      case 'verdict':
        response.end(JSON.stringify({ pass: !isJo(headers.authorization) }));
        break;
      case 'fault':
        response.writeHead(500).end(refused);
        break;
      case 'redirect':
        response.writeHead(302, { location: '/other' }).end(refused);
        break;
      case 'text':
        response.end('pass: false');
        break;
      case 'flood':
        response.end(`${refused}${' '.repeat(100_000)}`);
        break;
      case 'word':
        response.end('{"pass":"false"}');
        break;
      case 'silence':
        break;
      default:
        adapter.answer satisfies never;
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const adapter: BanAdapter = {
    // Listening on loopback on a free port: a number.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: 'verdict',
    otherAnswers: ['fault', 'redirect', 'text', 'flood', 'word'],
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return adapter;
}

function isJo(authorization = ''): boolean {
  try {
    return decodeJwt(authorization.replace(/^Bearer /, ''))['email'] === 'Jo@Example.org';
  } catch {
    // Somebody else's token.
    return false;
  }
}
