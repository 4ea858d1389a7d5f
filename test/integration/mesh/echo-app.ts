/** An app that says what arrived, counts what it is asked for, and fails or never ends where that is asked for. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What it answers. */
export interface Seen {
  readonly headers: IncomingHttpHeaders;
}

/** By which a caller could steer an Envoy, or speak for somebody else. */
export const forgedHeaders = {
  'x-envoy-original-path': '/innocent',
  'x-envoy-original-dst-host': '192.0.2.1:80',
  'x-envoy-attempt-count': '7',
  'x-envoy-peer-metadata': 'somebody',
  'x-envoy-decorator-operation': 'innocent',
  'x-envoy-nobody-knows': '1',
  'x-envoy-retry-on': '5xx',
  'x-envoy-max-retries': '5',
  'x-envoy-upstream-rq-timeout-ms': '1',
  'x-forwarded-for': '10.0.0.1',
  'x-forwarded-host': 'admin.shop',
  forwarded: 'for=10.0.0.1',
};

/** Of the app with idle connections. */
const patienceMs = 1_300;

/** @param asked how often it was asked for a path, which it counts */
export async function startEcho(asked: Map<string | undefined, number>): Promise<Server> {
  const usedAt = new WeakMap<Socket, number>();
  const app = createServer((request, response) => {
    const before = usedAt.get(request.socket);
    usedAt.set(request.socket, performance.now());
    // An app gives up what was idle, and a request may be on its way in that moment.
    const isLate = before !== undefined && performance.now() - before > patienceMs;
    if (request.url === '/after-a-while' && isLate) {
      request.socket.destroy();
      return;
    }
    // So that a caller sees whether somebody asks again.
    if (request.url?.startsWith('/fails') === true) response.statusCode = 503;
    if (request.url === '/endless') {
      const drops = setInterval(() => response.write('.'), 50);
      response.on('close', () => {
        clearInterval(drops);
      });
      return;
    }
    asked.set(request.url, (asked.get(request.url) ?? 0) + 1);
    response.end(JSON.stringify({ headers: request.headers } satisfies Seen));
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  return app;
}

export function portOf(server: { address(): unknown }): number {
  // Listening on loopback on a free port.
  return (server.address() as AddressInfo).port;
}
