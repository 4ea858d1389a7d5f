/**
 * Health and metrics over plain HTTP, on a port of their own, since the kubelet asks from outside the pod. Anybody in the
 * cluster's network can connect, so a connection has seconds for everything that it does, and a new one always finds room.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { Connections, type Connection } from './connections.ts';
import { HeadReader, sendText, type RequestHead, type TextAnswer } from './http1.ts';
import { listen, type ListenAddress } from './listen.ts';

/** What is answered to a probe. */
export interface Health {
  readonly ok: boolean;
  /** What is missing, one a line; empty when all is well. */
  readonly missing: readonly string[];
}

export interface HealthOptions {
  /** The tokens and bundles that are needed have been there once. */
  readonly startup: () => Health;
  /** They are there now, and the process is not stopping. */
  readonly ready: () => Health;
  readonly metrics: () => string;
  /** Further pages, by path. */
  readonly pages?: ReadonlyMap<string, () => string>;
  /** Gets what one of these threw; the client learns nothing of it. */
  readonly onFault?: (thrown: unknown) => void;
}

export interface HealthLimits {
  /** More than wait in the system's queue (511): all of them are accepted at once, and read only then. */
  readonly maxConnections: number;
  /** Milliseconds until a request's head is there, however slowly it comes. */
  readonly headMs: number;
  /** Milliseconds from then on until the answer is taken and the connection closed. */
  readonly answerMs: number;
}

const defaultLimits: HealthLimits = { maxConnections: 1_024, headMs: 3_000, answerMs: 3_000 };

export class HealthServer {
  readonly #server: Server;
  readonly #pages: ReadonlyMap<string, () => TextAnswer>;
  readonly #connections: Connections;
  readonly #limits: HealthLimits;
  readonly #onFault: (thrown: unknown) => void;

  constructor(options: HealthOptions, limits: Partial<HealthLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
    this.#connections = new Connections(this.#limits.maxConnections);
    this.#onFault = options.onFault ?? (() => undefined);
    const pages = new Map<string, () => TextAnswer>([
      // The process answers: that is all liveness may depend on, or a missing agent would restart us in vain.
      ['/livez', () => ({ status: 200, body: 'ok\n' })],
      ['/startup', () => healthPage(options.startup())],
      ['/readyz', () => healthPage(options.ready())],
      ['/metrics', () => ({ status: 200, body: options.metrics() })],
    ]);
    for (const [path, page] of options.pages ?? [])
      pages.set(path, () => ({ status: 200, body: page() }));
    this.#pages = pages;
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#onSocket(socket);
    });
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
    this.#connections.destroyAll();
    await closed;
  }

  #onSocket(socket: Socket): void {
    const connection = this.#connections.add(socket);
    const head = new HeadReader();
    let limit = setTimeout(() => {
      socket.destroy();
    }, this.#limits.headMs);
    socket.on('close', () => {
      clearTimeout(limit);
    });
    const take = (chunk: Buffer): void => {
      const read = head.add(chunk);
      if (read === 'more') return;
      socket.off('data', take);
      clearTimeout(limit);
      limit = setTimeout(() => {
        socket.destroy();
      }, this.#limits.answerMs);
      this.#answer(socket, read, connection);
      // What still comes is thrown away.
      socket.resume();
    };
    socket.on('data', take);
  }

  #answer(
    socket: Socket,
    read: RequestHead | 'malformed' | 'too_long',
    connection: Connection,
  ): void {
    if (read === 'malformed')
      sendText(socket, { status: 400, body: 'this port speaks HTTP/1.1\n' });
    else if (read === 'too_long') sendText(socket, { status: 431, body: 'too many headers\n' });
    else {
      connection.isProven = true;
      sendText(socket, this.#pageFor(read), read.method === 'HEAD');
    }
  }

  #pageFor({ method, path }: RequestHead): TextAnswer {
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only GET and HEAD\n' };
    const page = this.#pages.get(path);
    if (page === undefined)
      return { status: 404, body: `known are ${[...this.#pages.keys()].join(', ')}\n` };
    try {
      return page();
    } catch (thrown) {
      this.#onFault(thrown);
      return { status: 503, body: 'this page cannot be made\n' };
    }
  }
}

function healthPage({ ok, missing }: Health): TextAnswer {
  return { status: ok ? 200 : 503, body: ok ? 'ok\n' : missing.map((one) => `${one}\n`).join('') };
}
