/** The console as a server on loopback, for the person who started it. */
import { randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import type { Clock } from '#kernel/clock.ts';
import { AppError, messageOf } from '#kernel/errors.ts';
import { ConsoleDesk, type ConsoleDeskOptions } from '../console-cluster/console-desk.ts';
import { addressOf, consoleApp, type ConsolePage } from './console-app.ts';
import { Sessions } from './sessions.ts';

export interface ServeConsoleOptions extends ConsoleDeskOptions {
  readonly clock: Clock;
  readonly page: ConsolePage;
  /** 0 chooses a free one. */
  readonly port: number;
}

export interface ServingConsole {
  /** To be opened once: it ends in a token. */
  readonly address: string;
  /** `127.0.0.1:4711`. */
  readonly listensOn: string;
  readonly desk: ConsoleDesk;
  stop(): Promise<void>;
}

/** Nobody else on the network reaches it. */
const host = '127.0.0.1';
/** A page sends names. */
const maxBodyBytes = 65_536;

/** Characters of a name in a path: Kubernetes allows 253 (a DNS subdomain), Fastify 100 if nothing is said. */
const maxNameLength = 253;

/** A browser opens six for one address, and a person has some tabs; each may leave answers unread that are kept for it. */
const maxConnections = 128;
/** In place of an address that cannot be read: our guards and headers are for it too, not only for those of a route. */
const undecodable = '/undecodable';

function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    // `%` without two digits behind it, or bytes that are no UTF-8.
    return false;
  }
}

/** @throws {AppError} LISTEN_FAILED */
export async function serveConsole(options: ServeConsoleOptions): Promise<ServingConsole> {
  const stopping = new AbortController();
  const desk = new ConsoleDesk(options);
  const sessions = new Sessions();
  const app = Fastify({
    bodyLimit: maxBodyBytes,
    routerOptions: { maxParamLength: maxNameLength },
    forceCloseConnections: true,
    rewriteUrl: ({ url = '' }) => (isDecodable(url) ? url : undecodable),
  });
  app.server.maxConnections = maxConnections;
  let listensOn = '';
  await app.register(consoleApp, {
    desk,
    sessions,
    page: options.page,
    epoch: randomUUID().slice(0, 8),
    nowS: () => options.clock.now() / 1_000,
    address: () => listensOn,
    stopping: stopping.signal,
  });
  try {
    await app.listen({ host, port: options.port });
  } catch (cause) {
    const words = `cannot listen on ${host}:${options.port}: ${messageOf(cause)}`;
    throw new AppError('LISTEN_FAILED', `${words}; give another --port`, { cause });
  }
  const bound = app.server.address();
  listensOn = `${host}:${typeof bound === 'object' ? (bound?.port ?? 0) : options.port}`;
  desk.cluster.start(stopping.signal);
  return {
    address: addressOf(listensOn, sessions.issue()),
    listensOn,
    desk,
    stop: async () => {
      stopping.abort();
      await app.close();
    },
  };
}
