/** Our client of the Workload API as a process on a runtime of choice. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Ask, Said } from '../../fakes/workload-client-program.ts';
import { binaryOf, type Runtime } from '../runtimes.ts';

type Asked = Omit<Ask, 'id' | 'address' | 'call'>;

/** A stream as the client saw it. */
export interface Watched {
  readonly messages: unknown[];
  /** What it ended with. */
  readonly ended: Promise<unknown>;
  cancel(): void;
}

export class ClientProcess {
  readonly #child: ChildProcess;
  readonly #listeners = new Map<number, (said: Said) => void>();
  #last = 0;

  constructor(runtime: Runtime) {
    const args = ['test/fakes/workload-client-program.ts'];
    this.#child = spawn(binaryOf(runtime), args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.#child;
    if (stdout === null) throw new TypeError('it has no output');
    createInterface(stdout).on('line', (line) => {
      // The program writes nothing else.
      const said = JSON.parse(line) as Said;
      this.#listeners.get(said.id)?.(said);
    });
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The tokens, or what is wrong: one call of FetchJWTSVID. */
  fetch(address: string, asked: Asked = {}): Promise<unknown> {
    return this.#ask({ ...asked, address, call: 'fetch' }, []).ended;
  }

  /** One call of FetchJWTBundles: of each message the trust domains and the bytes of their keys. */
  watch(address: string, asked: Asked = {}): Watched {
    const messages: unknown[] = [];
    const { id, ended } = this.#ask({ ...asked, address, call: 'watch' }, messages);
    return {
      messages,
      ended,
      cancel: () => {
        this.#write({ id, address, call: 'cancel' });
      },
    };
  }

  close(address: string): void {
    this.#write({ id: 0, address, call: 'close' });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #ask(ask: Omit<Ask, 'id'>, messages: unknown[]): { id: number; ended: Promise<unknown> } {
    const id = ++this.#last;
    const ended = new Promise<unknown>((resolve) => {
      this.#listeners.set(id, ({ what, value }) => {
        if (what === 'end') resolve(value);
        else messages.push(value);
      });
    });
    this.#write({ ...ask, id });
    return { id, ended };
  }

  #write(ask: Ask): void {
    this.#child.stdin?.write(`${JSON.stringify(ask)}\n`);
  }
}
