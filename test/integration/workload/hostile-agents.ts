/** Agents that break the rules of gRPC or of HTTP/2, one call after the other. */
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { JWTSVIDResponse } from '../../../sidecar/gen/workload.ts';
import { frameMessage } from '../../../sidecar/server/grpc-wire.ts';

/** What a well-behaved agent sends. */
export const goodAnswer = frameMessage(
  Buffer.from(
    JWTSVIDResponse.encode({
      svids: [{ spiffeId: 'spiffe://example.org/a', svid: 'a.b.c', hint: '' }],
    }).finish(),
  ),
);
const grpcHeaders = { ':status': 200, 'content-type': 'application/grpc' };

interface Answer {
  readonly headers?: http2.OutgoingHttpHeaders;
  readonly parts?: readonly Buffer[];
  /** Absent: none. */
  readonly trailers?: http2.OutgoingHttpHeaders;
}

/** Answers with headers, parts of a body, and trailers. */
export function answerWith({ headers = grpcHeaders, parts = [], trailers }: Answer) {
  return (stream: http2.ServerHttp2Stream): void => {
    stream.respond(headers, { waitForTrailers: trailers !== undefined });
    if (trailers !== undefined)
      stream.on('wantTrailers', () => {
        stream.sendTrailers(trailers);
      });
    for (const part of parts) stream.write(part);
    stream.end();
  };
}

/** Headers that end the stream. */
export function onlyHeaders(headers: http2.OutgoingHttpHeaders) {
  return (stream: http2.ServerHttp2Stream): void => {
    stream.respond({ ...grpcHeaders, ...headers }, { endStream: true });
  };
}

/** Says so much, and resets the call. */
export function resetAfter(parts: readonly Buffer[], code: number) {
  return (stream: http2.ServerHttp2Stream): void => {
    if (parts.length > 0) stream.respond(grpcHeaders);
    for (const part of parts) stream.write(part);
    setTimeout(() => {
      // Both runtimes make an end of a reset that follows data; a raw frame is one in any case.
      stream.close(code);
    }, 50);
  };
}

/** Never ends what it begins. */
export function hangAfter(parts: readonly Buffer[]) {
  return (stream: http2.ServerHttp2Stream): void => {
    stream.respond(grpcHeaders);
    for (const part of parts) stream.write(part);
  };
}

export class HostileAgent {
  readonly address: string;
  /** What is done with the next calls. */
  act: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void = onlyHeaders(
    {},
  );
  sessions = 0;
  readonly #server: http2.Http2Server;
  readonly #open = new Set<http2.ServerHttp2Session>();

  private constructor(server: http2.Http2Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** @param at a Unix socket's path, or a host where a free port is taken */
  static async start(
    at: { readonly path: string } | { readonly host: string },
    settings: http2.Settings = {},
  ): Promise<HostileAgent> {
    const server = http2.createServer({ settings });
    await new Promise<void>((resolve) =>
      server.listen('path' in at ? at : { ...at, port: 0 }, resolve),
    );
    const bound = server.address();
    const isSocket = typeof bound === 'string' || bound === null;
    const host = isSocket || bound.family === 'IPv4' ? '127.0.0.1' : '[::1]';
    const address = isSocket ? `unix://${String(bound)}` : `tcp://${host}:${bound.port}`;
    const agent = new HostileAgent(server, address);
    server.on('session', (session) => {
      agent.sessions += 1;
      agent.#open.add(session);
      session.on('error', () => undefined);
      session.on('close', () => agent.#open.delete(session));
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      agent.act(stream, headers);
    });
    return agent;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const session of this.#open) session.destroy();
    await closed;
  }
}

/** Bytes in place of HTTP/2, as soon as somebody connects. */
export async function startRawAgent(
  path: string,
  onConnection: (socket: net.Socket) => void,
): Promise<{ readonly address: string; close(): Promise<void> }> {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    address: `unix://${path}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** An HTTP/2 frame. @see RFC 9113 §4.1 */
export function http2Frame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(type === frameTypes.settings || type === frameTypes.goaway ? 0 : 1, 5);
  return Buffer.concat([head, payload]);
}

export const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, goaway: 7 } as const;
