/** What a command needs from the process; main gives the real one, tests their own. */

import type { WorkloadApiAnswer } from '../checks/facts.ts';

export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether standard output understands colours and wants them (NO_COLOR says no). */
  readonly hasColor: boolean;
  readonly isInteractive: boolean;
  /** Whether something is piped into standard input. */
  readonly isPiped: boolean;
  /** All of standard input, as text. */
  readonly readStdin: () => string;
  /** From the call on, Ctrl-C and SIGTERM abort the signal instead of ending the process. */
  readonly untilInterrupted: () => AbortSignal;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** Where this installation keeps its parts. */
export interface Installation {
  readonly version: string;
  /** Folder of the built-in templates. */
  readonly templates: string;
  /** Folder of the demo's manifests. */
  readonly demo: string;
  /** The helper, and the stand-ins for what a machine may not have. */
  readonly helperProgram: string;
  readonly standInProgram: string;
  /** Runs the helper in this process. @returns its exit code */
  readonly runHelper: (argv: readonly string[]) => Promise<number>;
  /** Asks a Workload API whether it answers. @param address `unix:///path` or `tcp://ip:port` */
  readonly askWorkloadApi: (address: string) => Promise<WorkloadApiAnswer>;
  /** Envoy's binary, where there is one. */
  readonly envoy: string | undefined;
}

export interface CliContext {
  readonly terminal: Terminal;
  readonly installation: Installation;
  /** Called once by the command that ran. */
  readonly exit: (code: number) => void;
}
