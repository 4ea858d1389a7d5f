/** A connection to a store in a process of its own, on either runtime, and what it says. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { waitUntil } from '../harness/processes.ts';
import { binaryOf, type Runtime } from '../runtimes.ts';
import type { StoreLine, StoreQuestion } from '../../fakes/redis-store-program.ts';

const program = 'test/fakes/redis-store-program.ts';

export class StoreWatcher {
  readonly #child: ChildProcess;
  readonly #name: string;
  /** All that it said so far. */
  readonly lines: StoreLine[] = [];
  #errors = '';

  /** @param settings of a store, as a person writes them */
  constructor(runtime: Runtime, settings: object) {
    this.#name = runtime;
    this.#child = spawn(binaryOf(runtime), [program, JSON.stringify(settings)], { stdio: 'pipe' });
    if (this.#child.stdout !== null)
      createInterface(this.#child.stdout).on('line', (line) => {
        // The program's own lines.
        this.lines.push(JSON.parse(line) as StoreLine);
      });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
  }

  /** The first line that was said after `seen` others and is meant. @throws {Error} after `limitMs` */
  async says(
    isMeant: (line: StoreLine) => boolean,
    { seen = 0, limitMs = 30_000 } = {},
  ): Promise<StoreLine> {
    const find = (): StoreLine | undefined => this.lines.slice(seen).find(isMeant);
    const isSaid = (): Promise<boolean> => Promise.resolve(find() !== undefined);
    try {
      await waitUntil('it is said', isSaid, { deadlineMs: limitMs });
    } catch {
      const said = this.lines.map((line) => JSON.stringify(line)).join('\n');
      throw new Error(`${this.#name} never said it, but:\n${said}\n${this.#errors}`);
    }
    return find() ?? { kind: 'fault', atMs: 0, says: '' };
  }

  async isUp(seen = 0, limitMs = 30_000): Promise<StoreLine> {
    return await this.says(({ kind }) => kind === 'up', { seen, limitMs });
  }

  /** @returns the answer, or why there is none; and how long it took */
  async ask(question: StoreQuestion): Promise<{ readonly says: unknown; readonly tookMs: number }> {
    const seen = this.lines.length;
    const beganMs = Date.now();
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    const isAnswer = ({ kind }: StoreLine): boolean => kind === 'answer' || kind === 'fault';
    const line = await this.says(isAnswer, { seen });
    return { says: line.says, tookMs: line.atMs - beganMs };
  }

  /** Its input ends, so it closes the connection. @returns the exit code, once nothing keeps it alive any more */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(impatience);
    return this.#child.exitCode;
  }
}
