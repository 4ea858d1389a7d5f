/**
 * A gRPC server with an HTTP/2 of its own, made for one busy client: Envoy. Calls are unary or stream both ways; a
 * service may also have pages for GET.
 * Everything a stranger could make grow is bounded; what is over a bound is answered, not dropped.
 */
import * as net from 'node:net';
import { BriefRequest } from './brief-request.ts';
import { ByteBudget } from './byte-budget.ts';
import { http2Errors } from '../http2/http2-frames.ts';
import type { CallHead } from './call-head.ts';
import { Connections, noteRequest, type Connection } from './connections.ts';
import { grpcStatus } from './grpc-wire.ts';
import { Http2Connection, type Http2Limits } from './http2-connection.ts';
import { listen, type ListenAddress } from './listen.ts';
import { OpenCalls } from './open-calls.ts';
import { answerPage, answerPlainly, isGrpc, isPreface, type Pages } from './plain-answer.ts';
import { StreamCall, type StreamMethod, type StreamRoom } from './stream-call.ts';
import type { ServerStream } from './server-stream.ts';
import { UnaryCall, type CallRoom, type UnaryMethod } from './unary-call.ts';

export interface GrpcLimits {
  /** A CheckRequest holds all of a request's headers, and those may have 8 MiB by Envoy's configuration; 60 KiB is its default. */
  readonly maxMessageBytes: number;
  /** Bytes of unfinished messages that all calls and streams of all connections together may hold. */
  readonly maxWaitingBytes: number;
  /** Bytes of a call's own headers; Envoy sends under 1 KiB. */
  readonly maxHeaderBytes: number;
  /** Envoy opens one connection a worker and cluster. Over the limit one that is idle gives way to a new one. */
  readonly maxConnections: number;
  /** Streams at once on one connection; sent to the client (SETTINGS_MAX_CONCURRENT_STREAMS), which then queues or connects again. */
  readonly maxConnectionStreams: number;
  /** Calls and requests for pages at once on all connections. Over the limit one that waits for its client gives way to a new one. */
  readonly maxCalls: number;
  /** Streams at once on all connections; Envoy opens one for each secret that a filter names. */
  readonly maxStreams: number;
  /** Milliseconds from the first byte until the HTTP/2 preface and the first settings must have come, however slowly. */
  readonly prefaceMs: number;
  /** Milliseconds that a connection may say nothing: an Envoy that opens some in advance says nothing until it uses them. */
  readonly silentMs: number;
  /** Milliseconds that a call may take, whatever the client allows, and that a stream may last without a message. */
  readonly callMs: number;
}

const defaultLimits: GrpcLimits = {
  maxMessageBytes: 1_048_576,
  maxWaitingBytes: 16_777_216,
  maxHeaderBytes: 16_384,
  maxConnections: 256,
  maxConnectionStreams: 1_024,
  maxCalls: 1_024,
  maxStreams: 256,
  prefaceMs: 3_000,
  // Longer than the hour after which Envoy gives up an idle one: it never uses one that is being ended.
  silentMs: 4_200_000,
  callMs: 30_000,
};

/** Fields of a call's headers; Envoy sends some twenty. */
const maxFields = 64;
/** Milliseconds for what a client has just said, where it was told to go. */
const hearMs = 200;
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
  readonly #connections: Connections;
  readonly #links = new Set<Http2Connection>();
  /** On which nothing was said yet. */
  readonly #silent = new Set<net.Socket>();
  readonly #linkLimits: Http2Limits;
  #sweeper: NodeJS.Timeout | undefined;
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
    this.#linkLimits = {
      maxStreams: limits.maxConnectionStreams,
      maxHeaderBytes: limits.maxHeaderBytes,
      maxFields,
      metadata: options.metadata ?? [],
    };
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
   * Takes no new connection, tells clients to go away (GOAWAY), ends streams, lets calls finish, those too that a client
   * begins before it hears of it, and cuts off what is left after `graceMs`.
   */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => {
      this.#front.close(() => {
        resolve();
      });
    });
    for (const stream of this.#streamRoom.open) stream.end(grpcStatus.unavailable, 'stopping');
    for (const link of this.#links) link.leave();
    // What such a client may have said just now is heard by then.
    const endSilent = setTimeout(() => {
      for (const socket of this.#silent) socket.destroy();
    }, hearMs);
    const cutOff = setTimeout(() => {
      this.#connections.destroyAll();
    }, graceMs);
    await closed;
    clearTimeout(endSilent);
    clearTimeout(cutOff);
    clearInterval(this.#sweeper);
  }

  /** Looks at the first bytes, so that a client of another protocol gets an answer it can read. */
  #onSocket(socket: net.Socket): void {
    const connection = this.#connections.add(socket);
    const { silentMs, prefaceMs } = this.#limits;
    const destroy = (): void => {
      socket.destroy();
    };
    // Not the socket's own timeout, which each byte would begin anew.
    let tooLate = setTimeout(destroy, silentMs);
    this.#silent.add(socket);
    socket.once('data', () => {
      this.#silent.delete(socket);
      clearTimeout(tooLate);
      tooLate = setTimeout(destroy, prefaceMs);
    });
    let link: Http2Connection | undefined;
    const onData = (chunk: Buffer): void => {
      if (link === undefined && !isPreface(chunk)) {
        socket.off('data', onData);
        answerPlainly(socket);
        return;
      }
      link ??= this.#startLink(connection, () => {
        clearTimeout(tooLate);
      });
      link.take(chunk);
    };
    socket.on('data', onData);
    socket.on('close', () => {
      this.#silent.delete(socket);
      clearTimeout(tooLate);
      if (link === undefined) return;
      this.#links.delete(link);
      link.gone();
    });
  }

  #startLink(connection: Connection, onSettled: () => void): Http2Connection {
    const host = {
      onStream: (stream: ServerStream, head: CallHead) => {
        noteRequest(connection, 1);
        this.#onStream(stream, { head, connection });
      },
      onStreamClosed: () => {
        noteRequest(connection, -1);
      },
      onSettled,
      onFault: this.#onFault,
    };
    const link = new Http2Connection(connection.socket, host, this.#linkLimits);
    this.#links.add(link);
    connection.leave = () => {
      link.leave();
    };
    if (this.#isClosing) link.leave();
    return link;
  }

  #onStream(stream: ServerStream, call: { head: CallHead; connection: Connection }): void {
    const { head } = call;
    if (isGrpc(head)) {
      this.#onCall(stream, call);
      return;
    }
    if (!this.#calls.admit()) {
      stream.reset(http2Errors.refusedStream);
      return;
    }
    const answer = (): void => {
      const pages = this.#options.pages ?? (() => undefined);
      if (answerPage(stream, head, pages)) call.connection.isProven = true;
    };
    new BriefRequest(stream, { calls: this.#calls, limitMs: this.#limits.callMs, answer });
  }

  #onCall(stream: ServerStream, call: { head: CallHead; connection: Connection }): void {
    const path = call.head.method === 'POST' ? call.head.path : '';
    const unary = this.#options.methods.get(path);
    const streaming = this.#options.streams?.get(path);
    if (unary !== undefined) {
      if (this.#calls.admit()) new UnaryCall(stream, { ...call, method: unary, room: this.#room });
      else stream.refuse(grpcStatus.resourceExhausted, 'too many calls at once');
    } else if (streaming !== undefined) {
      if (this.openStreams < this.#limits.maxStreams)
        new StreamCall(stream, { ...call, method: streaming, room: this.#streamRoom });
      else stream.refuse(grpcStatus.resourceExhausted, 'too many streams at once');
    } else stream.refuse(grpcStatus.unimplemented, 'this server has no such method');
  }

  #sweep(): void {
    const now = performance.now();
    const { callMs } = this.#limits;
    this.#calls.expireOverdue(now);
    for (const stream of this.#streamRoom.open) stream.tidy(now, callMs);
    for (const link of this.#links) link.tidy(now, callMs);
  }
}
