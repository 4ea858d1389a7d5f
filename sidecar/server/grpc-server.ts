/**
 * A gRPC server on node:http2, made for one busy client: Envoy. Calls are unary or stream both ways; a
 * service may also have pages for GET.
 * Everything a stranger could make grow is bounded; what is over a bound is answered, not dropped.
 */
import { own, setMember } from '#kernel/members.ts';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { BriefRequest } from './brief-request.ts';
import { ByteBudget } from './byte-budget.ts';
import { beginRequest, Connections, type Connection } from './connections.ts';
import { grpcStatus } from './grpc-wire.ts';
import { listen, type ListenAddress } from './listen.ts';
import { OpenCalls } from './open-calls.ts';
import { StreamGrants, type GrantLimits } from './stream-grants.ts';
import { answerPage, answerPlainly, isGrpc, isPreface, type Pages } from './plain-answer.ts';
import { StreamCall, type StreamMethod, type StreamRoom } from './stream-call.ts';
import { guarded, refuseCall } from './stream-answers.ts';
import { UnaryCall, type CallMetadata, type CallRoom, type UnaryMethod } from './unary-call.ts';

export interface GrpcLimits {
  /** A CheckRequest holds all of a request's headers, and those may have 8 MiB by Envoy's configuration; 60 KiB is its default. */
  readonly maxMessageBytes: number;
  /** Bytes of unfinished messages that all calls and streams of all connections together may hold. */
  readonly maxWaitingBytes: number;
  /** Bytes of a call's own headers; Envoy sends under 1 KiB. */
  readonly maxHeaderBytes: number;
  /** Envoy opens one connection a worker and cluster. Over the limit one that is idle gives way to a new one. */
  readonly maxConnections: number;
  /**
   * Streams at once on one connection; sent to the client (SETTINGS_MAX_CONCURRENT_STREAMS), which then queues or connects again.
   * `most` is roomy, because Node counts a reset stream until it is taken down, and refuses the next ones (ENHANCE_YOUR_CALM)
   * as if the client had opened too many.
   */
  readonly grants: GrantLimits;
  /** Calls and requests for pages at once on all connections. Over the limit one that waits for its client gives way to a new one. */
  readonly maxCalls: number;
  /**
   * HTTP/2 streams at once on all connections, also those that Node is still closing: each takes up to 10 KB of the heap. Over
   * the limit the connection with the most of them is ended. An Envoy has 1,024 requests at once (its `max_requests`).
   */
  readonly maxHttp2Streams: number;
  /** Streams at once on all connections; Envoy opens one for each secret that a filter names. */
  readonly maxStreams: number;
  /** Milliseconds until the HTTP/2 preface and the first settings must have come, however slowly. */
  readonly prefaceMs: number;
  /** Milliseconds that a call may take, whatever the client allows, and that a stream may last without a message. */
  readonly callMs: number;
}

const defaultLimits: GrpcLimits = {
  maxMessageBytes: 1_048_576,
  maxWaitingBytes: 16_777_216,
  maxHeaderBytes: 16_384,
  maxConnections: 256,
  grants: { most: 1_024, least: 8, shared: 4_096 },
  maxCalls: 1_024,
  maxHttp2Streams: 1_536,
  maxStreams: 256,
  prefaceMs: 3_000,
  callMs: 30_000,
};

/**
 * Envoy resets a check's stream whenever its own client goes away. Node closes the whole connection after some
 * 1,000 resets in a burst, refilled by 33 a second, and then fails checks that have nothing to do with them.
 * Both options must be set. What is allowed is more than one core answers in a second: a client that exceeds it is no Envoy
 * whose clients leave, but a flood (CVE-2023-44487), and loses its connection.
 */
const resets = { streamResetBurst: 20_000, streamResetRate: 10_000 };

/**
 * What node:http2 keeps for one connection. Beyond it a session is ended (GOAWAY, ENHANCE_YOUR_CALM), by Node and by Bun.
 * Neither asks for more than eight CONTINUATION frames a header block.
 */
const sessionLimits = {
  /** MB of frames and streams. */
  maxSessionMemory: 16,
  /** Fields of a call's headers; Envoy sends some twenty. */
  maxHeaderListPairs: 64,
  /** Settings in one frame; there are eight. */
  maxSettings: 32,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
} as const;
/** Characters of a value of metadata; the name of a rule has 63 at most. */
const maxMetadataLength = 256;
/** Milliseconds between looks for calls that are overdue. */
const sweepMs = 1_000;

export interface GrpcServerOptions {
  /** By path, `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  /** Methods that stream both ways, by path as well. */
  readonly streams?: ReadonlyMap<string, StreamMethod>;
  readonly pages?: Pages;
  /** Names of the metadata that methods get; nothing else of a call's headers is kept. */
  readonly metadata?: readonly string[];
  readonly limits?: Partial<GrpcLimits>;
  /** Gets what a method threw; the client learns nothing of it. */
  readonly onFault?: (thrown: unknown) => void;
}

export class GrpcServer {
  readonly #limits: GrpcLimits;
  readonly #options: GrpcServerOptions;
  readonly #onFault: (thrown: unknown) => void;
  readonly #budget: ByteBudget;
  readonly #calls: OpenCalls;
  readonly #room: CallRoom;
  readonly #streamRoom: StreamRoom;
  readonly #front = net.createServer({ noDelay: true });
  readonly #grants: StreamGrants;
  /** By how many streams a connection was granted. */
  readonly #http2 = new Map<number, http2.Http2Server>();
  readonly #connections: Connections;
  readonly #sessions = new Map<http2.Http2Session, Connection>();
  #sweeper: NodeJS.Timeout | undefined;
  #openHttp2 = 0;
  #closedThisTurn = 0;
  #isClosing = false;

  constructor(options: GrpcServerOptions) {
    const limits = { ...defaultLimits, ...options.limits };
    this.#limits = limits;
    this.#options = options;
    this.#onFault = options.onFault ?? (() => undefined);
    this.#budget = new ByteBudget(limits.maxWaitingBytes);
    this.#calls = new OpenCalls(limits.maxCalls);
    this.#connections = new Connections(limits.maxConnections);
    const { maxMessageBytes, callMs } = limits;
    const room = { maxMessageBytes, budget: this.#budget, onFault: this.#onFault };
    this.#room = { ...room, callMs, calls: this.#calls };
    this.#streamRoom = { ...room, open: new Set() };
    this.#grants = new StreamGrants(limits.grants);
    this.#front.on('connection', (socket) => {
      this.#onSocket(socket);
    });
  }

  /** Calls being answered, and requests that wait for their clients. */
  get openCalls(): number {
    return this.#calls.size;
  }
  /** Streams that are open. */
  get openStreams(): number {
    return this.#streamRoom.open.size;
  }
  get connections(): number {
    return this.#connections.size;
  }
  /** Bytes of unfinished messages. */
  get waitingBytes(): number {
    return this.#budget.used;
  }

  /** @returns the bound address in words. @throws {AppError} LISTEN_FAILED */
  async listen(address: ListenAddress): Promise<string> {
    const bound = await listen(this.#front, address);
    this.#sweeper = setInterval(() => {
      this.#sweep();
    }, sweepMs);
    this.#sweeper.unref();
    return bound;
  }

  /**
   * Takes no new connection, tells clients to go away (GOAWAY), ends streams, lets calls finish, and cuts off what is
   * left after `graceMs`.
   */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => {
      this.#front.close(() => {
        resolve();
      });
    });
    for (const stream of this.#streamRoom.open) stream.end(grpcStatus.unavailable, 'stopping');
    for (const session of this.#sessions.keys()) session.close();
    const cutOff = setTimeout(() => {
      this.#connections.destroyAll();
    }, graceMs);
    await closed;
    clearTimeout(cutOff);
    clearInterval(this.#sweeper);
  }

  /** Node sends its settings when a session begins, so each grant has a server of its own. */
  #http2With(grant: number): http2.Http2Server {
    const made = this.#http2.get(grant);
    if (made !== undefined) return made;
    const server = http2.createServer({
      ...resets,
      ...sessionLimits,
      settings: {
        maxConcurrentStreams: grant,
        maxHeaderListSize: this.#limits.maxHeaderBytes,
        enablePush: false,
      },
    });
    server.on('stream', (stream, headers) => {
      // Before anything else: a stream whose error nobody hears would end the process.
      stream.on('error', () => undefined);
      guarded(stream, this.#onFault, () => {
        this.#onStream(stream, headers);
      })();
    });
    // A session's trouble ends that session only.
    server.on('sessionError', () => undefined);
    this.#http2.set(grant, server);
    return server;
  }

  /** Looks at the first bytes, so that a client of another protocol gets an answer it can read. */
  #onSocket(socket: net.Socket): void {
    const connection = this.#connections.add(socket);
    // Not the socket's own timeout, which each byte would begin anew.
    const tooLate = setTimeout(() => {
      socket.destroy();
    }, this.#limits.prefaceMs);
    const isInTime = (): void => {
      clearTimeout(tooLate);
    };
    socket.on('close', isInTime);
    // Read by 'readable' and put back: the one way in which node:http2 of Node and of Bun both find the bytes.
    socket.once('readable', () => {
      const first: unknown = socket.read();
      if (!Buffer.isBuffer(first)) return;
      if (!isPreface(first)) answerPlainly(socket);
      else this.#startSession(socket, first, { connection, isInTime });
    });
  }

  #startSession(
    socket: net.Socket,
    first: Buffer,
    options: { readonly connection: Connection; readonly isInTime: () => void },
  ): void {
    const grant = this.#grants.take();
    const server = this.#http2With(grant);
    socket.on('close', () => {
      this.#grants.giveBack(grant);
    });
    server.once('session', (session) => {
      this.#sessions.set(session, options.connection);
      session.on('close', () => {
        this.#sessions.delete(session);
      });
      session.on('error', () => undefined);
      session.once('remoteSettings', options.isInTime);
      if (this.#isClosing) session.close();
    });
    socket.unshift(first);
    server.emit('connection', socket);
  }

  #onStream(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const connection =
      stream.session === undefined ? undefined : this.#sessions.get(stream.session);
    if (connection === undefined) {
      this.#refuse(stream, grpcStatus.unavailable, 'the connection is gone');
      return;
    }
    this.#openHttp2 += 1;
    const ended = beginRequest(connection);
    stream.on('close', () => {
      this.#letGo();
      ended();
    });
    if (this.#openHttp2 > this.#limits.maxHttp2Streams) {
      this.#endBusiestSession();
      if (stream.destroyed) return;
    }
    if (isGrpc(headers)) {
      const path = headers[':method'] === 'POST' ? (headers[':path'] ?? '') : '';
      this.#onCall(stream, { path, headers, connection });
      return;
    }
    this.#admitBrief(stream);
    const pages = this.#options.pages ?? (() => undefined);
    if (answerPage(stream, headers, pages)) connection.isProven = true;
  }

  /** Node holds a closed stream until its next turn, and in this one reads up to 2 MB of a socket; so it counts until then. */
  #letGo(): void {
    this.#closedThisTurn += 1;
    if (this.#closedThisTurn > 1) return;
    setImmediate(() => {
      this.#openHttp2 -= this.#closedThisTurn;
      this.#closedThisTurn = 0;
    });
  }

  /** Who opens streams faster than they can be closed loses the connection, with all that is on it. */
  #endBusiestSession(): void {
    const live = [...this.#sessions].filter(([session]) => !session.destroyed);
    const [first, ...others] = live;
    if (first === undefined) return;
    const [session, { socket }] = others.reduce(
      (most, one) => (one[1].open > most[1].open ? one : most),
      first,
    );
    session.destroy(undefined, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // At once: until what was written is taken, all of the session's streams would be kept.
    socket.destroy();
  }

  #onCall(
    stream: http2.ServerHttp2Stream,
    call: { path: string; headers: http2.IncomingHttpHeaders; connection: Connection },
  ): void {
    const unary = this.#options.methods.get(call.path);
    const streaming = this.#options.streams?.get(call.path);
    if (unary !== undefined) {
      if (!this.#calls.admit())
        this.#refuse(stream, grpcStatus.resourceExhausted, 'too many calls at once');
      else {
        const metadata = this.#metadataOf(call.headers);
        new UnaryCall(stream, { ...call, metadata, method: unary, room: this.#room });
      }
    } else if (streaming !== undefined) {
      if (this.openStreams < this.#limits.maxStreams)
        new StreamCall(stream, { ...call, method: streaming, room: this.#streamRoom });
      else this.#refuse(stream, grpcStatus.resourceExhausted, 'too many streams at once');
    } else this.#refuse(stream, grpcStatus.unimplemented, 'this server has no such method');
  }

  /** A value that is too long names nothing that there is, and is not kept. */
  #metadataOf(headers: http2.IncomingHttpHeaders): CallMetadata {
    const metadata: Record<string, string | undefined> = {};
    for (const name of this.#options.metadata ?? []) {
      const value = own(headers, name);
      if (typeof value !== 'string') continue;
      setMember(metadata, name, value.length <= maxMetadataLength ? value : '(too long)');
    }
    return metadata;
  }

  #refuse(stream: http2.ServerHttp2Stream, code: number, words: string): void {
    this.#admitBrief(stream);
    refuseCall(stream, code, words);
  }

  /** Also what is refused stays open until its client has ended it. */
  #admitBrief(stream: http2.ServerHttp2Stream): void {
    this.#calls.admit();
    new BriefRequest(stream, { calls: this.#calls, limitMs: this.#limits.callMs });
  }

  #sweep(): void {
    const now = performance.now();
    this.#calls.expireOverdue(now);
    for (const stream of this.#streamRoom.open) stream.tidy(now, this.#limits.callMs);
  }
}
