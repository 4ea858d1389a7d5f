/** The runtimes that the helper must work on, and programs started on them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { bunBinary } from '../../scripts/architectures.ts';

export type Runtime = 'node' | 'bun';
/** The helper alone may be a program that has its runtime inside. */
export type HelperRuntime = Runtime | 'executable';

/** Path of a runtime's binary: the running Node, or the Bun that the lock names, which is inside the executable. */
export function binaryOf(runtime: HelperRuntime): string {
  return runtime === 'node' ? process.execPath : bunBinary;
}

/** Bun is an optional dependency: where it cannot be had, only Node is tried. */
export const runtimes: readonly Runtime[] = existsSync(bunBinary) ? ['node', 'bun'] : ['node'];

export const helperRuntimes: readonly HelperRuntime[] = runtimes.includes('bun')
  ? [...runtimes, 'executable']
  : runtimes;

/** What a benchmark was told; the image's where it was told of none. */
export function helperRuntimeOf(name: string | undefined): HelperRuntime {
  return helperRuntimes.find((known) => known === name) ?? helperRuntimes.at(-1) ?? 'node';
}

export class Program {
  readonly child: ChildProcess;
  /** Standard output and error so far. */
  output = '';

  constructor(runtime: Runtime, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.child = spawn(binaryOf(runtime), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    this.child.stdout?.on('data', keep);
    this.child.stderr?.on('data', keep);
  }

  /** Resolves once the output holds `text`. @throws {Error} with the output, after `limitMs` or when the program has ended. */
  async says(text: string, limitMs = 20_000): Promise<void> {
    const end = Date.now() + limitMs;
    while (!this.output.includes(text)) {
      if (Date.now() > end || this.child.exitCode !== null)
        throw new Error(`"${text}" was never said:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Sends a signal and waits for the end. @returns the exit code, or the signal that ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill(signal);
      await ended;
    }
    return this.child.exitCode ?? this.child.signalCode ?? '';
  }
}
