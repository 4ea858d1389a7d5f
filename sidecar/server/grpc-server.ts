/**
 * A gRPC server on node:http2, made for one client that talks much: Envoy. Calls are unary or stream both ways; a
 * service may also have pages for GET.
 * Everything a stranger could make grow is bounded; what is over a bound is answered, not dropped.
 */
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { grpcStatus } from './grpc-wire.ts';
import { listen, type ListenAddress } from './listen.ts';
import { answerPage, answerPlainly, isGrpc, isPreface, type Pages } from './plain-answer.ts';
import { StreamCall, type StreamMethod, type StreamRoom } from './stream-call.ts';
import {
  refuseCall,
  UnaryCall,
  type CallRoom,
  type Connection,
  type UnaryMethod,
} from './unary-call.ts';

export interface GrpcLimits {
  /** A CheckRequest holds all of a request's headers, and those may have 8 MiB by Envoy's configuration; 60 KiB is its default. */
  readonly maxMessageBytes: number;
  /** Bytes of unfinished messages that all calls together may hold. */
  readonly maxWaitingBytes: number;
  /** Bytes of a call's own headers; Envoy sends under 1 KiB. */
  readonly maxHeaderBytes: number;
  /** Envoy opens one connection a worker and cluster. Over the limit the oldest without a finished call gives way. */
  readonly maxConnections: number;
  /**
   * Calls at once on one connection; told to the client, who then queues. Roomy, because Node counts a reset stream
   * until it is taken down, and refuses the next ones (ENHANCE_YOUR_CALM) as if the client had opened too many.
   */
  readonly maxCallsPerConnection: number;
  /** Calls at once on all connections. */
  readonly maxCalls: number;
  /** Streams at once on all connections; Envoy opens one for each secret that a filter names. */
  readonly maxStreams: number;
  /** Milliseconds until the HTTP/2 preface must have come. */
  readonly prefaceMs: number;
  /** Milliseconds that a call may take, whatever the client allows, and that a stream may last without a message. */
  readonly callMs: number;
}

const defaultLimits: GrpcLimits = {
  maxMessageBytes: 1_048_576,
  maxWaitingBytes: 16_777_216,
  maxHeaderBytes: 16_384,
  maxConnections: 256,
  maxCallsPerConnection: 4_096,
  maxCalls: 8_192,
  maxStreams: 256,
  prefaceMs: 10_000,
  callMs: 30_000,
};

/**
 * Envoy resets a check's stream whenever its own client goes away. Node closes the whole connection after some
 * 1,000 resets in a burst, refilled by 33 a second, and then fails checks that have nothing to do with them.
 * Both options must be set. The client is Envoy in the same pod: a flood of resets is only a flood of requests.
 */
const resets = { streamResetBurst: 100_000, streamResetRate: 100_000 };

/** MiB that one connection's frames and streams may occupy. */
const maxSessionMemoryMib = 32;
/** Milliseconds between looks for calls that are overdue. */
const sweepMs = 1_000;

export interface GrpcServerOptions {
  /** By path, `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  /** Methods that stream both ways, by path as well. */
  readonly streams?: ReadonlyMap<string, StreamMethod>;
  readonly pages?: Pages;
  readonly limits?: Partial<GrpcLimits>;
  /** Told of what a method threw; the client is told nothing of it. */
  readonly onFault?: (thrown: unknown) => void;
}

export class GrpcServer {
  readonly #limits: GrpcLimits;
  readonly #methods: ReadonlyMap<string, UnaryMethod>;
  readonly #streams: ReadonlyMap<string, StreamMethod>;
  readonly #pages: Pages;
  readonly #room: CallRoom;
  readonly #streamRoom: StreamRoom;
  readonly #front = net.createServer({ noDelay: true });
  readonly #http2: http2.Http2Server;
  /** In order of age. */
  readonly #connections = new Map<net.Socket, Connection>();
  readonly #sessions = new Map<http2.Http2Session, Connection>();
  #sweeper: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor(options: GrpcServerOptions) {
    const { onFault = () => undefined } = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#methods = options.methods;
    this.#streams = options.streams ?? new Map<string, StreamMethod>();
    this.#pages = options.pages ?? (() => undefined);
    const { maxMessageBytes, maxWaitingBytes } = this.#limits;
    const room = { maxMessageBytes, maxWaitingBytes, waitingBytes: 0, onFault };
    this.#room = { ...room, open: new Set() };
    this.#streamRoom = { ...room, open: new Set() };
    this.#http2 = http2.createServer({
      ...resets,
      maxSessionMemory: maxSessionMemoryMib,
      settings: {
        maxConcurrentStreams: this.#limits.maxCallsPerConnection,
        maxHeaderListSize: this.#limits.maxHeaderBytes,
        enablePush: false,
      },
    });
    this.#http2.on('stream', (stream, headers) => {
      this.#onStream(stream, headers);
    });
    // A session's trouble ends that session only.
    this.#http2.on('sessionError', () => undefined);
    this.#front.on('connection', (socket) => {
      this.#onSocket(socket);
    });
  }

  /** Calls being answered. */
  get openCalls(): number {
    return this.#room.open.size;
  }
  /** Streams that are open. */
  get openStreams(): number {
    return this.#streamRoom.open.size;
  }
  get connections(): number {
    return this.#connections.size;
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
      for (const socket of this.#connections.keys()) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(cutOff);
    clearInterval(this.#sweeper);
  }

  /** Looks at the first bytes, so that a client of another protocol gets an answer it can read. */
  #onSocket(socket: net.Socket): void {
    if (this.#connections.size >= this.#limits.maxConnections && !this.#makeRoom()) {
      socket.destroy();
      return;
    }
    const connection: Connection = { isProven: false };
    this.#connections.set(socket, connection);
    socket.on('close', () => {
      this.#connections.delete(socket);
    });
    // A connection's trouble ends that connection only.
    socket.on('error', () => undefined);
    socket.setTimeout(this.#limits.prefaceMs, () => {
      socket.destroy();
    });
    // Read by 'readable' and put back: the one way in which node:http2 of Node and of Bun both find the bytes.
    socket.once('readable', () => {
      const first: unknown = socket.read();
      if (!Buffer.isBuffer(first)) return;
      socket.setTimeout(0);
      if (isPreface(first)) this.#startSession(socket, first, connection);
      else answerPlainly(socket);
    });
  }

  /** True when the oldest connection on which no call was ever answered was cut off for a new one. */
  #makeRoom(): boolean {
    for (const [socket, { isProven }] of this.#connections) {
      if (isProven) continue;
      socket.destroy();
      this.#connections.delete(socket);
      return true;
    }
    return false;
  }

  #startSession(socket: net.Socket, first: Buffer, connection: Connection): void {
    this.#http2.once('session', (session) => {
      this.#sessions.set(session, connection);
      session.on('close', () => {
        this.#sessions.delete(session);
      });
      session.on('error', () => undefined);
      if (this.#isClosing) session.close();
    });
    socket.unshift(first);
    this.#http2.emit('connection', socket);
  }

  #onStream(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const connection =
      stream.session === undefined ? undefined : this.#sessions.get(stream.session);
    if (connection === undefined) {
      refuseStream(stream, grpcStatus.unavailable, 'the connection is gone');
    } else if (isGrpc(headers)) {
      const path = headers[':method'] === 'POST' ? (headers[':path'] ?? '') : '';
      this.#onCall(stream, { path, headers, connection });
    } else if (answerPage(stream, headers, this.#pages)) connection.isProven = true;
  }

  #onCall(
    stream: http2.ServerHttp2Stream,
    told: { path: string; headers: http2.IncomingHttpHeaders; connection: Connection },
  ): void {
    const unary = this.#methods.get(told.path);
    const streaming = this.#streams.get(told.path);
    if (unary !== undefined) {
      if (this.#room.open.size < this.#limits.maxCalls)
        new UnaryCall(stream, { ...told, method: unary, room: this.#room });
      else refuseStream(stream, grpcStatus.resourceExhausted, 'too many calls at once');
    } else if (streaming !== undefined) {
      if (this.openStreams < this.#limits.maxStreams)
        new StreamCall(stream, { ...told, method: streaming, room: this.#streamRoom });
      else refuseStream(stream, grpcStatus.resourceExhausted, 'too many streams at once');
    } else refuseStream(stream, grpcStatus.unimplemented, 'this server has no such method');
  }

  #sweep(): void {
    const now = performance.now();
    for (const call of this.#room.open) {
      if (now - call.startedMs > call.deadlineMs(this.#limits.callMs)) call.expire();
    }
    for (const stream of this.#streamRoom.open) stream.tidy(now, this.#limits.callMs);
  }
}

function refuseStream(stream: http2.ServerHttp2Stream, code: number, words: string): void {
  stream.on('error', () => undefined);
  stream.resume();
  refuseCall(stream, code, words);
}
