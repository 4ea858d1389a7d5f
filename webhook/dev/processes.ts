/** Child processes: started, waited for, and ended by their process id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '#kernel/errors.ts';

export interface ChildProgram {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Milliseconds until a program must be up, or gone. */
const patienceMs = 20_000;
/** Characters of a program's output that are kept for messages. */
const keptOutput = 4_000;

/** Below those that the system takes for outgoing connections: one of these could be in the way of a program that listens a moment later. */
const portRange = { first: 10_240, last: 32_767 } as const;

/** @returns ports on loopback that nothing listens on now. @throws {AppError} USAGE when there are not as many */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held = new Map<number, Server>();
  for (let attempt = 0; attempt < 100 * count && held.size < count; attempt += 1) {
    const port = randomInt(portRange.first, portRange.last + 1);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (isFree) held.set(port, server);
  }
  for (const server of held.values()) server.close();
  await Promise.all([...held.values()].map((server) => once(server, 'close')));
  if (held.size < count)
    throw new AppError(
      'USAGE',
      `found ${held.size} free ports of ${count} between ${portRange.first} and ${portRange.last} on 127.0.0.1: end what listens there`,
    );
  return [...held.keys()];
}

/** Never started, ended, or ended by a signal. */
function isGone({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

/** Programs that end together. */
export class Programs {
  readonly #running: ChildProcess[] = [];

  /**
   * Starts a program and waits until `isUp` says yes.
   * @param isUp is given what the program has printed so far
   * @throws {AppError} USAGE with the end of its output when it ends or takes too long
   */
  async start(
    program: ChildProgram,
    isUp: (output: string) => Promise<boolean> | boolean,
  ): Promise<void> {
    const { name, command, args, env } = program;
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(env === undefined ? {} : { env }),
    });
    this.#running.push(child);
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-keptOutput);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      output += error.message;
    });
    const deadline = Date.now() + patienceMs;
    while (!(await isUp(output))) {
      if (isGone(child) || Date.now() > deadline) {
        throw new AppError('USAGE', `${name} did not start: ${output.trim()}`);
      }
      await sleep(50);
    }
  }

  /** Asks all to end, the last started first, and kills those that do not. */
  async stop(): Promise<void> {
    for (const child of this.#running.reverse()) {
      // Ctrl-C on a terminal reaches them as well as us.
      if (isGone(child)) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs / 4);
      await ended;
      clearTimeout(timer);
    }
  }
}
