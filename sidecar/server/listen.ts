/** Where a server listens: loopback TCP or a Unix socket. */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { AppError, messageOf } from '#kernel/errors.ts';

export type ListenAddress =
  { readonly host: string; readonly port: number } | { readonly socket: string };

/** Envoy runs under another user id in the same pod: whoever can reach the directory may connect. */
const socketMode = 0o666;
/** Milliseconds that another process has to accept a connection on a socket file that is in the way. */
const probeMs = 1_000;

/**
 * Starts listening. A socket file that nobody answers on is removed first; one that is in use, or is no socket, is left.
 * @returns the address in words. @throws {AppError} LISTEN_FAILED
 */
export async function listen(server: Server, address: ListenAddress): Promise<string> {
  if ('socket' in address) await removeStale(address.socket);
  const words = 'socket' in address ? address.socket : `${address.host}:${address.port}`;
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: Error): void => {
      reject(
        new AppError('LISTEN_FAILED', `cannot listen on ${words}: ${cause.message}`, { cause }),
      );
    };
    server.once('error', refuse);
    server.listen('socket' in address ? { path: address.socket } : address, () => {
      server.off('error', refuse);
      resolve();
    });
  });
  if ('socket' in address) chmodSync(address.socket, socketMode);
  return boundWords(server, words);
}

/** With port 0 the system chooses one; the words then say which. */
function boundWords(server: Server, asked: string): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return asked;
  return `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
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
