/** What an API server makes of a port-forward by WebSocket (`v4.channel.k8s.io`), to one port on loopback. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** @see RFC 6455 §1.3 */
const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const opcodes = { binary: 0x82, close: 0x88 };

/** @see RFC 6455 §5.2; what a server sends is not masked */
function frame(opcode: number, payload: Buffer): Buffer {
  const short = payload.length < 126;
  const head = Buffer.alloc(short ? 2 : 4);
  head.writeUInt8(opcode, 0);
  head.writeUInt8(short ? payload.length : 126, 1);
  if (!short) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

/** One short masked frame, as our requests are. */
function unmasked(bytes: Buffer): { readonly opcode: number; readonly payload: Buffer } {
  const length = bytes.readUInt8(1) & 0x7f;
  const at = length === 126 ? 4 : 2;
  const size = length === 126 ? bytes.readUInt16BE(2) : length;
  const mask = bytes.subarray(at, at + 4);
  const masked = bytes.subarray(at + 4, at + 4 + size);
  const payload = Buffer.from(masked.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
  return { opcode: bytes.readUInt8(0), payload };
}

export class PortForwarder {
  /** Paths that were asked for. */
  readonly seen: string[] = [];
  /** Connections that are open. */
  open = 0;
  readonly #server: Server;

  /** @param answer the port to forward to, or the status of a refusal */
  constructor(answer: { readonly port: number } | { readonly status: number }) {
    this.#server = createServer();
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      this.seen.push(request.url ?? '');
      if ('status' in answer) socket.end(`HTTP/1.1 ${answer.status} No\r\n\r\n`);
      else this.#forward(request, socket, answer.port);
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(request: IncomingMessage, socket: Duplex, port: number): void {
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1').update(`${key}${magic}`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    // Each of the two streams begins with the number of the port.
    for (const stream of [0, 1]) socket.write(frame(opcodes.binary, Buffer.from([stream, 0, 0])));
    this.open += 1;
    const pod = connect(port, '127.0.0.1');
    pod.on('data', (bytes) => {
      socket.write(frame(opcodes.binary, Buffer.concat([Buffer.from([0]), bytes])));
    });
    pod.on('close', () => socket.end(frame(opcodes.close, Buffer.alloc(0))));
    pod.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      const { opcode, payload } = unmasked(bytes);
      if (opcode === opcodes.binary) pod.write(payload.subarray(1));
      else socket.end();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.open -= 1;
      pod.destroy();
    });
  }
}
