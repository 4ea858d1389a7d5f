/** Where a server listens: TCP or a Unix socket. */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { AppError, messageOf } from '#kernel/errors.ts';
import { addressInstead } from '#kernel/every-address.ts';

export type ListenAddress =
  { readonly host: string; readonly port: number } | { readonly socket: string };

/** Envoy runs under another user id in the same pod: whoever can reach the directory may connect. */
const socketMode = 0o666;
/** Milliseconds that another process has to accept a connection on a socket file that is in the way. */
const probeMs = 1_000;

/**
 * Starts listening; `::` means every address there is, also on a host without IPv6. A socket file that nobody answers on is removed first; one that is in use, or is no socket, is left.
 * @returns the address in words. @throws {AppError} LISTEN_FAILED
 */
export async function listen(server: Server, address: ListenAddress): Promise<string> {
  if ('socket' in address) await removeStale(address.socket);
  const words = 'socket' in address ? address.socket : wordsOf(address.host, address.port);
  try {
    await bindAnywhere(server, address);
  } catch (cause) {
    const message = `cannot listen on ${words}: ${messageOf(cause)}`;
    throw new AppError('LISTEN_FAILED', message, { cause });
  }
  if ('socket' in address) chmodSync(address.socket, socketMode);
  return boundWords(server, words);
}

async function bindAnywhere(server: Server, address: ListenAddress): Promise<void> {
  try {
    await bind(server, address);
  } catch (thrown) {
    const instead = 'host' in address ? addressInstead(address.host, thrown) : undefined;
    if (instead === undefined) throw thrown;
    await bind(server, { ...address, host: instead });
  }
}

function bind(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen('socket' in address ? { path: address.socket } : address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** With port 0 the system chooses one; the words then say which. */
function boundWords(server: Server, asked: string): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return asked;
  return wordsOf(bound.address, bound.port);
}

function wordsOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    throw new AppError(
      'LISTEN_FAILED',
      `cannot listen on ${path}: a file that is no socket is there`,
    );
  }
  if (await isAnswered(path)) {
    throw new AppError('LISTEN_FAILED', `cannot listen on ${path}: another process listens there`);
  }
  try {
    unlinkSync(path);
  } catch (thrown) {
    const words = `cannot remove the stale socket ${path}: ${messageOf(thrown)}`;
    throw new AppError('LISTEN_FAILED', words, { cause: thrown });
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const settle = (isConnected: boolean) => (): void => {
      socket.destroy();
      resolve(isConnected);
    };
    socket.setTimeout(probeMs, settle(true));
    socket.once('connect', settle(true));
    socket.once('error', settle(false));
  });
}
