/**
 * A unary gRPC server on node:http2, made for one client that talks much: Envoy.
 * Everything a stranger could make grow is bounded; what is over a bound is answered, not dropped.
 */
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { grpcStatus } from './grpc-wire.ts';
import { listen, type ListenAddress } from './listen.ts';
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
  /** Milliseconds until the HTTP/2 preface must have come. */
  readonly prefaceMs: number;
  /** Milliseconds that a call may take, whatever the client allows. */
  readonly callMs: number;
}

const defaultLimits: GrpcLimits = {
  maxMessageBytes: 1_048_576,
  maxWaitingBytes: 16_777_216,
  maxHeaderBytes: 16_384,
  maxConnections: 256,
  maxCallsPerConnection: 4_096,
  maxCalls: 8_192,
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
/** What an HTTP/2 client sends first (RFC 9113 §3.4). */
const prefaceStart = 'PRI ';
/** Milliseconds between looks for calls that are overdue. */
const sweepMs = 1_000;
const plainAnswer = 'this port speaks gRPC over HTTP/2 (envoy.service.auth.v3.Authorization)\n';

export interface GrpcServerOptions {
  /** By path, `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  readonly limits?: Partial<GrpcLimits>;
  /** Told of what a method threw; the client is told nothing of it. */
  readonly onFault?: (thrown: unknown) => void;
}

export class GrpcServer {
  readonly #limits: GrpcLimits;
  readonly #methods: ReadonlyMap<string, UnaryMethod>;
  readonly #room: CallRoom;
  readonly #front = net.createServer({ noDelay: true });
  readonly #http2: http2.Http2Server;
  /** In order of age. */
  readonly #connections = new Map<net.Socket, Connection>();
  readonly #sessions = new Map<http2.Http2Session, Connection>();
  #sweeper: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor({ methods, limits = {}, onFault = () => undefined }: GrpcServerOptions) {
    this.#limits = { ...defaultLimits, ...limits };
    this.#methods = methods;
    const { maxMessageBytes, maxWaitingBytes } = this.#limits;
    this.#room = { maxMessageBytes, maxWaitingBytes, waitingBytes: 0, open: new Set(), onFault };
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

  /** Takes no new connection, tells clients to go away (GOAWAY), lets calls finish, and cuts off what is left after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => {
      this.#front.close(() => {
        resolve();
      });
    });
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
    if (!isGrpc(headers)) {
      refusePlainly(stream, 415, 'content-type must be application/grpc\n');
      return;
    }
    const method = this.#methods.get(headers[':path'] ?? '');
    if (method === undefined || headers[':method'] !== 'POST') {
      refuseStream(stream, grpcStatus.unimplemented, 'this server has no such method');
      return;
    }
    const connection =
      stream.session === undefined ? undefined : this.#sessions.get(stream.session);
    if (this.#room.open.size >= this.#limits.maxCalls || connection === undefined) {
      refuseStream(stream, grpcStatus.resourceExhausted, 'too many calls at once');
      return;
    }
    new UnaryCall(stream, { headers, method, room: this.#room, connection });
  }

  #sweep(): void {
    const now = performance.now();
    for (const call of this.#room.open) {
      if (now - call.startedMs > call.deadlineMs(this.#limits.callMs)) call.expire();
    }
  }
}

function isPreface(first: Buffer): boolean {
  const start = first.toString('latin1', 0, prefaceStart.length);
  return prefaceStart.startsWith(start);
}

/** Also `application/grpc+proto`, but not `application/grpc-web`. */
function isGrpc(headers: http2.IncomingHttpHeaders): boolean {
  const type = headers['content-type'];
  return type === 'application/grpc' || /^application\/grpc(?:[+;]|$)/.test(type ?? '');
}

function answerPlainly(socket: net.Socket): void {
  socket.end(
    `HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: ${plainAnswer.length}\r\n\r\n${plainAnswer}`,
  );
  // What still comes is thrown away.
  socket.resume();
  socket.setTimeout(1_000, () => {
    socket.destroy();
  });
}

function refuseStream(stream: http2.ServerHttp2Stream, code: number, words: string): void {
  stream.on('error', () => undefined);
  stream.resume();
  refuseCall(stream, code, words);
}

function refusePlainly(stream: http2.ServerHttp2Stream, status: number, body: string): void {
  stream.on('error', () => undefined);
  stream.resume();
  stream.respond({ ':status': status, 'content-type': 'text/plain' });
  stream.end(body);
}
