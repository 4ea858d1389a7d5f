/**
 * gRPC calls to one place over `node:http2`, without TLS: the Workload API has none. One connection, opened by the first
 * call and anew by the first one after its end; who calls decides when to try again.
 * @see docs/adr/0151-the-workload-api-over-node-http2.md
 */
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect, type Socket } from 'node:net';
import { messageOf } from '#kernel/errors.ts';
import { ByteBudget } from '../server/byte-budget.ts';
import { frameMessage } from '../server/grpc-wire.ts';
import type { WorkloadApiPlace } from './address.ts';
import { callEnd, type CallEnd, type CallStatus } from './call-end.ts';
import { FollowedCall, type CallListener, type StartedCall } from './follow-call.ts';

/** What a channel does by itself, and when; milliseconds and bytes. */
export interface ChannelLimits {
  /** From the start of a connection to the other side's first words. */
  readonly handshakeMs: number;
  /** Between two pings while there are calls. gRPC servers in Go take more than one in 5 minutes for an attack. */
  readonly pingEveryMs: number;
  readonly pongWithinMs: number;
  /** As in all of gRPC, unless something else is said. */
  readonly maxMessageBytes: number;
  /** Of all unfinished messages. */
  readonly heldBytes: number;
}

const mebibyte = 1_024 * 1_024;
const usualLimits: ChannelLimits = {
  handshakeMs: 20_000,
  pingEveryMs: 360_000,
  pongWithinMs: 20_000,
  maxMessageBytes: 4 * mebibyte,
  heldBytes: 16 * mebibyte,
};
/** Bytes of an answer's headers. */
const maxHeaderListSize = 16_384;

export interface GrpcCall {
  /** `/Service/Method`. */
  readonly path: string;
  readonly message: Uint8Array;
  readonly deadlineMs?: number | undefined;
}

export class GrpcChannel {
  readonly #place: WorkloadApiPlace;
  readonly #metadata: OutgoingHttpHeaders;
  readonly #limits: ChannelLimits;
  readonly #budget: ByteBudget;
  #session: ClientHttp2Session | undefined;
  #openCalls = 0;
  #isClosed = false;

  /** @param metadata goes with every call */
  constructor(
    place: WorkloadApiPlace,
    metadata: OutgoingHttpHeaders,
    limits: Partial<ChannelLimits> = {},
  ) {
    this.#place = place;
    this.#metadata = metadata;
    this.#limits = { ...usualLimits, ...limits };
    this.#budget = new ByteBudget(this.#limits.heldBytes);
  }

  /** Never throws: what cannot begin has an end like any other call, a moment later. */
  start(asked: GrpcCall, observer: CallListener): StartedCall {
    if (this.#isClosed) return endedCall(observer, 'CANCELLED', 'the connection was closed');
    try {
      return this.#request(asked, observer);
    } catch (thrown) {
      this.#session = undefined;
      return endedCall(observer, 'UNAVAILABLE', messageOf(thrown));
    }
  }

  /** Ends all calls. */
  close(): void {
    this.#isClosed = true;
    this.#session?.destroy();
    this.#session = undefined;
  }

  #request({ path, message, deadlineMs }: GrpcCall, observer: CallListener): StartedCall {
    const stream = this.#openSession().request({
      ...this.#metadata,
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(deadlineMs === undefined ? {} : { 'grpc-timeout': timeoutHeader(deadlineMs) }),
    });
    const { maxMessageBytes } = this.#limits;
    const limits = { maxMessageBytes, budget: this.#budget, deadlineMs };
    this.#openCalls += 1;
    stream.once('close', () => {
      this.#openCalls -= 1;
    });
    const call = new FollowedCall(stream, observer, limits);
    stream.end(frameMessage(Buffer.from(message)));
    return call;
  }

  #openSession(): ClientHttp2Session {
    const present = this.#session;
    if (present !== undefined && !present.closed && !present.destroyed) return present;
    // Servers want an authority, and nobody else reads it.
    const session = connectHttp2('http://localhost', {
      createConnection: () => this.#connect(),
      settings: { enablePush: false, maxHeaderListSize },
    });
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    // Each call on it is told.
    session.on('error', forget);
    session.on('close', forget);
    // It finishes the calls that it has, and takes no new ones.
    session.on('goaway', forget);
    this.#watch(session);
    this.#session = session;
    return session;
  }

  #connect(): Socket {
    const socket = connect(this.#place);
    if ('port' in this.#place) socket.setNoDelay(true);
    return socket;
  }

  /** Whoever is connected and says nothing, at first or later, is gone. */
  #watch(session: ClientHttp2Session): void {
    const { handshakeMs, pingEveryMs, pongWithinMs } = this.#limits;
    const endWith = (words: string): void => {
      session.destroy(new Error(words));
    };
    const handshake = setTimeout(() => {
      endWith(`no HTTP/2 settings within ${handshakeMs / 1_000} s`);
    }, handshakeMs);
    session.once('remoteSettings', () => {
      clearTimeout(handshake);
    });
    let pong: NodeJS.Timeout | undefined;
    const ping = setInterval(() => {
      // Without a call nobody waits for anything, and Go's servers then take a ping in 2 hours for enough.
      if (session.destroyed || this.#openCalls === 0) return;
      pong ??= setTimeout(() => {
        endWith(`no answer to a ping within ${pongWithinMs / 1_000} s`);
      }, pongWithinMs);
      session.ping(() => {
        clearTimeout(pong);
        pong = undefined;
      });
    }, pingEveryMs);
    session.once('close', () => {
      clearTimeout(handshake);
      clearTimeout(pong);
      clearInterval(ping);
    });
  }
}

function endedCall(observer: CallListener, status: CallStatus, details: string): StartedCall {
  let isOver = false;
  const end = (last: CallEnd): void => {
    if (!isOver) observer.onEnd(last);
    isOver = true;
  };
  queueMicrotask(() => {
    end(callEnd(status, details));
  });
  return {
    cut: (...why) => {
      end(callEnd(...why));
    },
    drop: () => {
      isOver = true;
    },
  };
}

/** At most eight digits, and never 0. @see grpc PROTOCOL-HTTP2.md, "Timeout" */
function timeoutHeader(deadlineMs: number): string {
  return `${Math.min(99_999_999, Math.max(1, Math.ceil(deadlineMs)))}m`;
}
