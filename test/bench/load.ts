/** Load over TLS on loopback: connections that send one request after the other and wait for each answer. */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

export interface LoadFigures {
  readonly count: number;
  readonly seconds: number;
  /** Milliseconds, in ascending order. */
  readonly latencies: readonly number[];
}

/** One kept-alive connection. */
export class Connection {
  readonly #socket: TLSSocket;
  readonly #head: Buffer;
  #received: Buffer[] = [];
  #answered: (status: number) => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;

  constructor(socket: TLSSocket, bytes: number) {
    this.#socket = socket;
    this.#head = Buffer.from(
      `POST /mutate HTTP/1.1\r\nhost: webhook\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`,
    );
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#read();
    });
    socket.on('error', (error: Error) => {
      this.#failed(error);
    });
  }

  static async open(port: number, bytes: number): Promise<Connection> {
    // The benchmark's own server, with a certificate made for it a moment ago.
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return new Connection(socket, bytes);
  }

  /** @returns the HTTP status */
  ask(body: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(Buffer.concat([this.#head, body]));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(): void {
    const all = Buffer.concat(this.#received);
    const end = all.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = all.subarray(0, end).toString('latin1');
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (all.length < end + 4 + length) return;
    this.#received = [];
    this.#answered(Number(head.slice(9, 12)));
  }
}

/** @throws {Error} at the first answer that is not 200 */
export async function load(
  port: number,
  body: Buffer,
  options: { readonly connections: number; readonly seconds: number },
): Promise<LoadFigures> {
  const open = Array.from({ length: options.connections }, () =>
    Connection.open(port, body.length),
  );
  const connections = await Promise.all(open);
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + options.seconds * 1000;
  const drive = async (connection: Connection): Promise<void> => {
    while (performance.now() < end) {
      const asked = performance.now();
      const status = await connection.ask(body);
      if (status !== 200) throw new Error(`the server answered ${status}`);
      latencies.push(performance.now() - asked);
    }
  };
  await Promise.all(connections.map(drive));
  const seconds = (performance.now() - start) / 1000;
  for (const connection of connections) connection.close();
  return { count: latencies.length, seconds, latencies: latencies.sort((a, b) => a - b) };
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
