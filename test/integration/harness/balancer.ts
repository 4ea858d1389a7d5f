/** A Service on loopback: each new connection goes to the next replica that says it is ready. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

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

  /** Ends every connection that is open now, as a restarted proxy does. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  stop(): void {
    this.#stop.abort();
    this.#server.close();
    this.cut();
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
    for (const each of [socket, onward]) {
      this.#sockets.add(each);
      each.on('error', () => undefined);
      each.on('close', () => {
        this.#sockets.delete(each);
        socket.destroy();
        onward.destroy();
      });
    }
    socket.pipe(onward).pipe(socket);
  }
}
