/**
 * gRPC calls to one place without TLS: the Workload API has none. One connection, opened by the first
 * call and anew by the first one after its end; who calls decides when to try again.
 * @see docs/adr/0152-a-client-on-the-http2-of-our-own.md
 */
import { connect, type Socket } from 'node:net';
import { messageOf } from '#kernel/errors.ts';
import { headerBlock } from '../http2/header-writer.ts';
import { ByteBudget } from '../server/byte-budget.ts';
import { frameMessage } from '../server/grpc-wire.ts';
import type { WorkloadApiPlace } from './address.ts';
import { AgentLink } from './agent-link.ts';
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
/** Names in lower case. */
type Metadata = readonly (readonly [name: string, value: string])[];

export interface GrpcCall {
  /** `/Service/Method`. */
  readonly path: string;
  readonly message: Uint8Array;
  readonly deadlineMs?: number | undefined;
}

export class GrpcChannel {
  readonly #place: WorkloadApiPlace;
  readonly #metadata: Metadata;
  readonly #limits: ChannelLimits;
  readonly #budget: ByteBudget;
  #link: AgentLink | undefined;
  #isClosed = false;

  /** @param metadata goes with every call */
  constructor(place: WorkloadApiPlace, metadata: Metadata, limits: Partial<ChannelLimits> = {}) {
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
      this.#link = undefined;
      return endedCall(observer, 'UNAVAILABLE', messageOf(thrown));
    }
  }

  /** Ends all calls. */
  close(): void {
    this.#isClosed = true;
    this.#link?.end('the connection was closed');
    this.#link = undefined;
  }

  #request({ path, message, deadlineMs }: GrpcCall, observer: CallListener): StartedCall {
    const link = this.#openLink();
    const head = headerBlock([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', path],
      // Servers want an authority, and nobody else reads it.
      [':authority', 'localhost'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ...(deadlineMs === undefined ? [] : [['grpc-timeout', timeoutHeader(deadlineMs)] as const]),
      ...this.#metadata,
    ]);
    const { maxMessageBytes } = this.#limits;
    const limits = { maxMessageBytes, budget: this.#budget, deadlineMs };
    const framed = frameMessage(Buffer.from(message));
    return new FollowedCall(observer, limits, (listener) => link.ask(head, framed, listener));
  }

  #openLink(): AgentLink {
    if (this.#link?.isOpen === true) return this.#link;
    const socket = connect(this.#place);
    if ('port' in this.#place) socket.setNoDelay(true);
    this.#link = this.#watched(socket);
    return this.#link;
  }

  /** Whoever is connected and says nothing, at first or later, is gone. */
  #watched(socket: Socket): AgentLink {
    const { handshakeMs, pingEveryMs, pongWithinMs } = this.#limits;
    const handshake = setTimeout(() => {
      link.end(`no HTTP/2 settings within ${handshakeMs / 1_000} s`);
    }, handshakeMs);
    let pong: NodeJS.Timeout | undefined;
    const onPong = (): void => {
      clearTimeout(pong);
      pong = undefined;
    };
    const ping = setInterval(() => {
      // Without a call nobody waits for anything, and Go's servers then take a ping in 2 hours for enough.
      if (link.openCalls === 0) return;
      pong ??= setTimeout(() => {
        link.end(`no answer to a ping within ${pongWithinMs / 1_000} s`);
      }, pongWithinMs);
      link.ping();
    }, pingEveryMs);
    const link = new AgentLink(socket, {
      onSettled: () => {
        clearTimeout(handshake);
      },
      onPong,
      onOver: () => {
        clearTimeout(handshake);
        onPong();
        clearInterval(ping);
      },
    });
    return link;
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
