/**
 * Who may stay connected: a new connection never waits for an old, silent one. Connections that have not been
 * answered yet, and those that have, have separate limits, also for each address, and within each limit the one gives way on
 * which the last request came, or was answered, the longest ago: what waits for its answer is younger than what is idle.
 */

/** The part of a TCP socket that matters here. */
export interface Peer {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

export interface ConnectionLimits {
  /** Connections without an answer so far: handshakes, headers and first bodies that have not arrived. */
  readonly maxUnanswered: number;
  readonly maxUnansweredEach: number;
  /** Connections that were answered before, most of them idle. */
  readonly maxAnswered: number;
  readonly maxAnsweredEach: number;
}

/** Connections of one kind, the one that was in use the longest ago first. */
class Group {
  readonly #most: number;
  readonly #mostEach: number;
  readonly #all = new Map<string, Peer>();
  readonly #byAddress = new Map<string, Set<string>>();

  constructor(most: number, mostEach: number) {
    this.#most = most;
    this.#mostEach = mostEach;
  }

  /** Adds the newest; returns the ones that have to give way. */
  add(key: string, peer: Peer): Peer | undefined {
    const own = this.#byAddress.get(addressOf(peer)) ?? new Set<string>();
    this.#byAddress.set(addressOf(peer), own);
    const isFull = this.#all.size >= this.#most;
    const [oldest] = own.size >= this.#mostEach ? own : isFull ? this.#all.keys() : [];
    const displaced = oldest === undefined ? undefined : this.#all.get(oldest);
    if (oldest !== undefined) this.remove(oldest);
    own.add(key);
    this.#byAddress.set(addressOf(peer), own);
    this.#all.set(key, peer);
    return displaced;
  }

  /** Makes it the newest, if it is one of them. */
  renew(key: string): void {
    const peer = this.remove(key);
    if (peer !== undefined) this.add(key, peer);
  }

  remove(key: string): Peer | undefined {
    const peer = this.#all.get(key);
    if (peer === undefined) return undefined;
    this.#all.delete(key);
    const address = addressOf(peer);
    const own = this.#byAddress.get(address);
    own?.delete(key);
    if (own?.size === 0) this.#byAddress.delete(address);
    return peer;
  }
}

export class HttpConnections {
  readonly #unanswered: Group;
  readonly #answered: Group;
  readonly #displaced: () => void;

  constructor(limits: ConnectionLimits, displaced: () => void) {
    this.#unanswered = new Group(limits.maxUnanswered, limits.maxUnansweredEach);
    this.#answered = new Group(limits.maxAnswered, limits.maxAnsweredEach);
    this.#displaced = displaced;
  }

  opened(peer: Peer): void {
    const key = keyOf(peer);
    peer.once('close', () => {
      this.#unanswered.remove(key);
      this.#answered.remove(key);
    });
    this.#displace(this.#unanswered.add(key, peer));
  }

  /** A request came on the connection with this address and port. */
  asked(peer: Pick<Peer, 'remoteAddress' | 'remotePort'>): void {
    const key = keyOf(peer);
    this.#unanswered.renew(key);
    this.#answered.renew(key);
  }

  /** An answer went out on the connection with this address and port. */
  answered(peer: Pick<Peer, 'remoteAddress' | 'remotePort'>): void {
    const key = keyOf(peer);
    const connection = this.#unanswered.remove(key) ?? this.#answered.remove(key);
    if (connection !== undefined) this.#displace(this.#answered.add(key, connection));
  }

  #displace(peer: Peer | undefined): void {
    if (peer === undefined) return;
    this.#displaced();
    peer.destroy();
  }
}

function addressOf({ remoteAddress = '' }: Pick<Peer, 'remoteAddress'>): string {
  return remoteAddress;
}

/** One of the open connections. */
export function keyOf({
  remoteAddress = '',
  remotePort = 0,
}: Pick<Peer, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}
