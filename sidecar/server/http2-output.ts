/** Frames on their way to a socket: those of one turn are written together. */
import type { Socket } from 'node:net';

/** Bytes of one turn that are kept back at most. */
const maxHeldBytes = 65_536;

export class Http2Output {
  readonly #socket: Socket;
  readonly #onDrain: () => void;
  #frames: Buffer[] = [];
  #bytes = 0;
  #isHeld = false;
  #isDue = false;
  /** Milliseconds, `performance.now()`: since when the client has not taken what was written; undefined: it has. */
  fullSinceMs: number | undefined;

  constructor(socket: Socket, onDrain: () => void) {
    this.#socket = socket;
    this.#onDrain = onDrain;
  }

  /** Bytes that may be added now without keeping much. */
  get room(): number {
    return this.fullSinceMs === undefined ? maxHeldBytes - this.#bytes : 0;
  }

  send(frame: Buffer): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    if (this.#bytes >= maxHeldBytes) this.#flush();
    else if (!this.#isHeld && !this.#isDue) {
      this.#isDue = true;
      queueMicrotask(() => {
        this.#isDue = false;
        this.#flush();
      });
    }
  }

  /** Keeps frames back until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#flush();
  }

  /** Nothing more will be sent. */
  end(): void {
    this.#flush();
    this.#socket.end();
  }

  #flush(): void {
    if (this.#bytes === 0) return;
    const [first] = this.#frames;
    const all = this.#frames.length === 1 ? first : Buffer.concat(this.#frames, this.#bytes);
    this.#frames = [];
    this.#bytes = 0;
    if (all === undefined || !this.#socket.writable || this.#socket.write(all)) return;
    if (this.fullSinceMs !== undefined) return;
    // Who does not read what we say is not read either.
    this.fullSinceMs = performance.now();
    this.#socket.pause();
    this.#socket.once('drain', () => {
      this.fullSinceMs = undefined;
      this.#onDrain();
      this.#socket.resume();
    });
  }
}
