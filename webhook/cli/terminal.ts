/** What a command needs from the process; main gives the real one, tests their own. */

import { printable, printableLines } from '#kernel/text.ts';
import type { WorkloadApiAnswer } from '../checks/facts.ts';
import type { BuiltPage, PageName } from './built-page.ts';
import { ProgressLine } from './progress-line.ts';

export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether standard output supports colours and they are wanted (not with NO_COLOR). */
  readonly hasColor: boolean;
  readonly isInteractive: boolean;
  /** Width of standard error where it is a terminal on which a line can be written over, and nobody asked for quiet. */
  readonly progressColumns?: number | undefined;
  /** How far long work is. It costs next to nothing where nobody looks. */
  readonly tellProgress?: (text: string) => void;
  /** Whether something is piped into standard input. */
  readonly isPiped: boolean;
  /** The whole of standard input, as text. */
  readonly readStdin: () => string;
  /** From the call on, Ctrl-C and SIGTERM abort the signal instead of ending the process. */
  readonly untilInterrupted: () => AbortSignal;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** The codes that set and reset a colour. */
const style = /(\u001b\[\d{1,2}m)/;

/**
 * The terminal for what people read: output can only show text, and set colours where those are
 * wanted. Lines stay lines.
 */
export function forEyes(terminal: Terminal): Terminal {
  const shown = (text: string): string => {
    if (!terminal.hasColor) return printableLines(text);
    return text
      .split(style)
      .map((part, at) => (at % 2 === 1 ? part : printableLines(part)))
      .join('');
  };
  return {
    ...terminal,
    out: (text) => {
      terminal.out(shown(text));
    },
    err: (text) => {
      terminal.err(shown(text));
    },
  };
}

/** Standard error is for people always; standard output where it is a terminal, and data with all its bytes elsewhere. */
export function guarded(terminal: Terminal): Terminal {
  const eyes = forEyes(terminal);
  return terminal.isInteractive ? eyes : { ...terminal, err: eyes.err };
}

/** The same with a line of progress, which goes away before anything is printed. */
export function withProgress(terminal: Terminal): Terminal & { readonly clear: () => void } {
  const { progressColumns: columns, err: write, now } = terminal;
  if (columns === undefined) return { ...terminal, clear: () => undefined };
  const line = new ProgressLine({ write, columns, now });
  const after = (print: (text: string) => void) => (text: string) => {
    line.clear();
    print(text);
  };
  return {
    ...terminal,
    out: after(terminal.out),
    err: after(terminal.err),
    tellProgress: (text) => {
      line.tell(printable(text));
    },
    clear: () => {
      line.clear();
    },
  };
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
  /** A page for a browser, with all that it needs. @throws {AppError} FILE_UNREADABLE where there is none, as in the image */
  readonly page: (name: PageName) => BuiltPage;
  /** Of `KUBECONFIG`, where it is set. */
  readonly kubeconfigs?: readonly string[];
  /** Envoy's binary, where there is one. */
  readonly envoy: string | undefined;
  /** In a clone: the script that fetches Envoy, and where that puts it. */
  readonly components?: {
    readonly script: string;
    readonly findEnvoy: () => string | undefined;
  };
}

export interface CliContext {
  readonly terminal: Terminal;
  readonly installation: Installation;
  /** Called once by the command that ran. */
  readonly exit: (code: number) => void;
  /** What is told last: after the command, and after what it failed for. */
  readonly atEnd: (tell: () => Promise<void>) => void;
}
