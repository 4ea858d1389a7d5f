/**
 * The connections of a server, at most so many. A new one always finds room: one that has asked for nothing gives way, the
 * oldest first; then the one that has been idle the longest; then the one that was active the longest ago.
 */
import type { Socket } from 'node:net';

/** What is known of a connection. */
export interface Connection {
  readonly socket: Socket;
  /** Something was answered on it. */
  isProven: boolean;
  /** Requests that are open on it. */
  open: number;
  /** Milliseconds, `performance.now()`: when a request on it began or ended last. */
  activeMs: number;
}

export class Connections {
  readonly #limit: number;
  /** In order of age. */
  readonly #all = new Map<Socket, Connection>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Takes a new one in, until it is closed. Its trouble ends it alone. */
  add(socket: Socket): Connection {
    if (this.#all.size >= this.#limit) this.#giveWay();
    const connection = { socket, isProven: false, open: 0, activeMs: performance.now() };
    this.#all.set(socket, connection);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#all.delete(socket);
    });
    return connection;
  }

  destroyAll(): void {
    for (const socket of this.#all.keys()) socket.destroy();
  }

  #giveWay(): void {
    let victim: Socket | undefined;
    let least = Infinity;
    for (const [socket, connection] of this.#all) {
      const rank = rankOf(connection);
      if (rank >= least) continue;
      victim = socket;
      least = rank;
      if (!connection.isProven) break;
    }
    if (victim === undefined) return;
    this.#all.delete(victim);
    victim.destroy();
  }
}

/** The least gives way first. */
function rankOf({ isProven, open, activeMs }: Connection): number {
  if (!isProven) return -1;
  return open === 0 ? activeMs : activeMs + Number.MAX_SAFE_INTEGER / 2;
}

/** A request on it began, or ended. */
export function noteRequest(connection: Connection, change: 1 | -1): void {
  connection.open += change;
  connection.activeMs = performance.now();
}
