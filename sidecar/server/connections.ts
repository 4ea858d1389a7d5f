/**
 * The connections of a server, at most so many. A new one always finds room: one that has asked for nothing gives way, the
 * oldest first; then the one that has been idle the longest; then the one that was active the longest ago. Where the protocol
 * can tell the client beforehand, one that was in use is told, so that nothing that it is just asking is lost.
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
  /** Tells the client to go; undefined: nothing can tell it. */
  leave: (() => void) | undefined;
}

/** Milliseconds that a client has to go once it is told, and how many may be about to. */
const leaving = { withinMs: 1_000, most: 64 } as const;

export class Connections {
  readonly #limit: number;
  /** In order of age. */
  readonly #all = new Map<Socket, Connection>();
  /** They gave way, and their clients were told. */
  readonly #leaving = new Set<Socket>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Takes a new one in, until it is closed. Its trouble ends it alone. */
  add(socket: Socket): Connection {
    if (this.#all.size >= this.#limit) this.#giveWay();
    const activeMs = performance.now();
    const connection: Connection = {
      socket,
      isProven: false,
      open: 0,
      activeMs,
      leave: undefined,
    };
    this.#all.set(socket, connection);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#all.delete(socket);
      this.#leaving.delete(socket);
    });
    return connection;
  }

  destroyAll(): void {
    for (const socket of [...this.#all.keys(), ...this.#leaving]) socket.destroy();
  }

  #giveWay(): void {
    let victim: Connection | undefined;
    let least = Infinity;
    for (const connection of this.#all.values()) {
      const rank = rankOf(connection);
      if (rank >= least) continue;
      victim = connection;
      least = rank;
      if (!connection.isProven) break;
    }
    if (victim === undefined) return;
    this.#all.delete(victim.socket);
    if (victim.isProven && victim.leave !== undefined) this.#letGo(victim.socket, victim.leave);
    else victim.socket.destroy();
  }

  #letGo(socket: Socket, leave: () => void): void {
    const [longest] = this.#leaving.size < leaving.most ? [] : this.#leaving;
    longest?.destroy();
    this.#leaving.add(socket);
    const cutOff = setTimeout(() => {
      socket.destroy();
    }, leaving.withinMs);
    socket.once('close', () => {
      clearTimeout(cutOff);
    });
    leave();
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
