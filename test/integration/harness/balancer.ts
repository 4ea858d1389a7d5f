/** A Service on loopback: each new connection goes to the next replica that says it is ready. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { waitUntil } from './processes.ts';

export interface Backend {
  readonly port: number;
  isReady(): Promise<boolean>;
}

/** Milliseconds between looks at readiness; a kubelet takes two seconds. */
const lookMs = 500;

export class Balancer {
  /** Asked at each look. */
  backends: readonly Backend[] = [];
  #ready: readonly Backend[] = [];
  #next = 0;
  readonly #stop = new AbortController();
  /** Those of the API server. */
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => {
    this.#carry(socket);
  });

  /** @returns the port that never changes */
  async start(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    void this.#look();
    // A TCP server has an AddressInfo; the text form is for Unix sockets only.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Whether new connections may go there, as far as it was seen. */
  sendsTo(backend: Backend): boolean {
    return this.#ready.includes(backend);
  }

  /** Ends every connection that is open now, as a restarted proxy does; returns when the API server has noticed. */
  async cut(): Promise<void> {
    for (const socket of this.#sockets) hangUp(socket);
    await this.noticed();
  }

  /** Returns when the API server has ended its side of every connection that was ended here: nothing is sent there any more. */
  async noticed(): Promise<void> {
    const areEnding = (): boolean => [...this.#sockets].some(({ writableEnded }) => writableEnded);
    await waitUntil('ended connections are noticed', () => Promise.resolve(!areEnding()));
  }

  stop(): void {
    this.#stop.abort();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #look(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const answers = await Promise.all(
        this.backends.map(async (each) => ((await each.isReady()) ? [each] : [])),
      );
      this.#ready = answers.flat();
      await wait(lookMs);
    }
  }

  #carry(socket: Socket): void {
    const backend = this.#ready[this.#next++ % Math.max(1, this.#ready.length)];
    if (backend === undefined) {
      socket.destroy();
      return;
    }
    const onward = connect(backend.port, '127.0.0.1');
    this.#sockets.add(socket);
    for (const each of [socket, onward]) each.on('error', () => undefined);
    onward.on('close', () => {
      hangUp(socket);
    });
    socket.on('close', () => {
      this.#sockets.delete(socket);
      onward.destroy();
    });
    socket.pipe(onward).pipe(socket);
  }
}

/** Says that nothing more comes, and reads on, to nowhere, until the other side has closed too. */
function hangUp(socket: Socket): void {
  socket.unpipe();
  socket.resume();
  socket.end();
}
