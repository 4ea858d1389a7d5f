/** Health and metrics over plain HTTP, on a port of their own, since the kubelet asks from outside the pod. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { listen, type ListenAddress } from './listen.ts';

/** What is answered to a probe. */
export interface Health {
  readonly ok: boolean;
  /** What is missing, one a line; empty when all is well. */
  readonly missing: readonly string[];
}

export interface HealthOptions {
  /** Identity or bundle has been in hand once. */
  readonly startup: () => Health;
  /** It is in hand now, and the process is not on its way out. */
  readonly ready: () => Health;
  readonly metrics: () => string;
}

/** Nobody sends a probe with a long body or many headers. */
const limits = {
  maxHeaderSize: 8_192,
  requestTimeout: 5_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
};
const maxConnections = 32;

interface Page {
  readonly status: number;
  readonly body: string;
}

export class HealthServer {
  readonly #server: Server;

  constructor(options: HealthOptions) {
    const pages = new Map<string, () => Page>([
      // The process answers: that is all liveness may depend on, or a missing agent would restart us in vain.
      ['/livez', () => ({ status: 200, body: 'ok\n' })],
      ['/startup', () => healthPage(options.startup())],
      ['/readyz', () => healthPage(options.ready())],
      ['/metrics', () => ({ status: 200, body: options.metrics() })],
    ]);
    this.#server = createServer(limits, (request, response) => {
      answer(pages, request, response);
    });
    this.#server.maxConnections = maxConnections;
  }

  /** @returns the bound address in words. @throws {AppError} LISTEN_FAILED */
  listen(address: ListenAddress): Promise<string> {
    return listen(this.#server, address);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    this.#server.closeAllConnections();
    await closed;
  }
}

function healthPage({ ok, missing }: Health): Page {
  return { status: ok ? 200 : 503, body: ok ? 'ok\n' : missing.map((one) => `${one}\n`).join('') };
}

function answer(
  pages: ReadonlyMap<string, () => Page>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  request.resume();
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const page = pages.get((request.url ?? '').split('?')[0] ?? '');
  const known = `known are ${[...pages.keys()].join(', ')}\n`;
  const { status, body } = !isRead
    ? { status: 405, body: 'only GET and HEAD\n' }
    : (page?.() ?? { status: 404, body: known });
  response.writeHead(status, {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
