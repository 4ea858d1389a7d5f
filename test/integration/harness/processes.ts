/** Real programs: started with a log file, watched while they become ready, stopped by their process id. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessSpec {
  /** Also the name of the log file. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Where the log file is written; also the working directory. */
  readonly folder: string;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** User and group id to run as; needs root. */
  readonly uid?: number;
}

export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  isRunning(): boolean;
  /** The last lines of its output. */
  logTail(): string;
  /** Stops all of its threads, and returns when none of them runs any more. */
  pause(): Promise<void>;
  resume(): void;
  /** @param graceMs from SIGTERM to SIGKILL; 0 kills at once. */
  stop(graceMs?: number): Promise<void>;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const tailLines = 25;

/** The kernel kills the program when this process ends, however it ends. */
function guarded({ command, args, uid }: Pick<ProcessSpec, 'command' | 'args' | 'uid'>): string[] {
  const user =
    uid === undefined ? [] : ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups'];
  return ['--pdeathsig', 'KILL', ...user, '--', command, ...args];
}

/** Starts a program in the background. */
export function startProcess(spec: ProcessSpec): RunningProcess {
  const logFile = join(spec.folder, `${spec.name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn('setpriv', guarded(spec), {
    cwd: spec.folder,
    env: { ...process.env, ...spec.env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = once(child, 'exit');
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    name: spec.name,
    pid: child.pid ?? 0,
    logFile,
    isRunning,
    logTail: () => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-tailLines).join('\n'),
    async pause(): Promise<void> {
      if (!isRunning()) return;
      await pauseProcess(child.pid ?? 0);
    },
    resume: () => {
      if (isRunning()) child.kill('SIGCONT');
    },
    async stop(graceMs = 5_000): Promise<void> {
      if (!isRunning()) return;
      child.kill(graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
      // One that is stopped sees no SIGTERM.
      child.kill('SIGCONT');
      const impatience = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(impatience);
    },
  };
}

/**
 * Runs a program to its end.
 * @param options.input standard input.
 * @param options.deadlineMs after which it is killed and `code` is -1 (default 60 s).
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: {
    readonly input?: string;
    readonly deadlineMs?: number;
    readonly env?: Readonly<Record<string, string>>;
    readonly uid?: number;
  } = {},
): Promise<CommandResult> {
  const { input = '', deadlineMs = 60_000, env, uid } = options;
  const child = spawn('setpriv', guarded({ command, args, ...(uid !== undefined && { uid }) }), {
    env: { ...process.env, ...env },
    stdio: 'pipe',
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  // A program that ends without reading its input is no failure of ours.
  child.stdin.on('error', () => undefined).end(input);
  await once(child, 'close');
  return { code: child.exitCode ?? -1, ...output };
}

/** Stops all of a process's threads, and returns when none runs any more: until then they may still answer. */
export async function pauseProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const isStill = (): Promise<boolean> => Promise.resolve(isStopped(pid));
  await waitUntil(`process ${pid} is stopped`, isStill, { deadlineMs: 10_000 });
}

/** Whether each of its threads is stopped. @see proc(5): the state comes after the name in brackets */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every((id) => {
    const stat = readFileSync(join(tasks, id, 'stat'), 'utf8');
    return stat
      .slice(stat.lastIndexOf(')') + 1)
      .trim()
      .startsWith('T');
  });
}

interface WaitOptions {
  readonly deadlineMs?: number;
  /** Between two looks. */
  readonly everyMs?: number;
  readonly processes?: readonly RunningProcess[];
}

/**
 * Asks until the answer is yes. A probe that throws counts as a no.
 * @throws {Error} at the deadline, or as soon as one of the processes has ended; with the tails of their logs.
 */
export async function waitUntil(
  what: string,
  probe: () => Promise<boolean>,
  options: WaitOptions = {},
): Promise<void> {
  const { deadlineMs = 60_000, everyMs = 50, processes = [] } = options;
  const deadline = performance.now() + deadlineMs;
  while (!(await probe().catch(() => false))) {
    const dead = processes.filter((each) => !each.isRunning());
    if (dead.length > 0 || performance.now() > deadline) {
      const why =
        dead.length > 0 ? `${dead.map(({ name }) => name).join(', ')} ended` : 'time is up';
      const logs = processes.map((each) => `--- ${each.name}\n${each.logTail()}`);
      throw new Error([`waiting until ${what}: ${why}`, ...logs].join('\n'));
    }
    await sleep(everyMs);
  }
}
