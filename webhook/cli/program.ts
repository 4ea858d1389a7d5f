/** The command tree. */
import { Command, CommanderError } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { printable } from '#kernel/text.ts';
import { banCommand } from './commands/ban.ts';
import { bansCommand } from './commands/bans.ts';
import { ApiRefusal } from '../kube/kubernetes-api.ts';
import { codedRefusal } from '../kube/coded-refusal.ts';
import { checkCommand } from './commands/check.ts';
import { cleanupCommand } from './commands/cleanup.ts';
import { completionCommand } from './commands/completion.ts';
import { consoleCommand } from './commands/console.ts';
import { exitCodeOfError, exitCodes } from './exit-codes.ts';
import { helperCommand } from './commands/helper.ts';
import { identitiesCommand } from './commands/identities.ts';
import { explainCommand } from './commands/explain.ts';
import { devCommand } from './commands/dev.ts';
import { diffCommand } from './commands/diff.ts';
import { injectCommand } from './commands/inject.ts';
import { renderCommand } from './commands/render.ts';
import { restartCommand } from './commands/restart.ts';
import { revisionCommand } from './commands/revision.ts';
import { serveCommand } from './commands/serve.ts';
import {
  guarded,
  withProgress,
  type CliContext,
  type Installation,
  type Terminal,
} from './terminal.ts';
import { uninjectCommand } from './commands/uninject.ts';
import { versionCommand } from './commands/version.ts';
import { workbenchCommand } from './commands/workbench.ts';

const overview = `
First steps:
  svidecar inject shop.yaml            see what injection makes of a manifest
  svidecar explain shop.yaml           see why
  svidecar <command> --help            options and examples of one command

Exit codes: 0 done · 1 something in the input was refused · 2 wrong usage · 3 a file or the cluster cannot be
reached · 4 there are differences (diff --exit-code) · 5 warnings only (check, identities) · 6 there is no such ban (ban) · 70 a mistake of svidecar's own.`;

/** @param context where commands print, and how they report their exit code */
function buildProgram(context: CliContext): Command {
  const { terminal, installation } = context;
  const program = new Command('svidecar')
    .description(
      'Gives workloads on Kubernetes proof of identity on every HTTP request: an auth helper next to their Envoy\nputs JWT-SVIDs from SPIRE into outgoing requests, and checks those of incoming ones.',
    )
    .version(installation.version, '-V, --version')
    .addHelpText('after', overview)
    .showHelpAfterError('(svidecar --help shows what there is)');
  for (const command of [
    injectCommand(context),
    uninjectCommand(context),
    diffCommand(context),
    explainCommand(context),
    checkCommand(context),
    identitiesCommand(context),
    consoleCommand(context),
    restartCommand(context),
    revisionCommand(context),
    workbenchCommand(context),
    banCommand(context),
    serveCommand(context),
    helperCommand(context),
    bansCommand(context),
    renderCommand(context),
    devCommand(context),
    cleanupCommand(context),
    completionCommand(context, () => program),
    versionCommand(context),
  ]) {
    program.addCommand(command);
  }
  for (const command of withSubcommands(program)) {
    command.exitOverride();
    command.configureOutput({ writeOut: terminal.out, writeErr: terminal.err });
    command.configureHelp({ helpWidth: 110 });
  }
  return program;
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/**
 * Runs one command line.
 * @param words without the program's own name
 * @returns the exit code
 */
export async function runCli(
  words: readonly string[],
  given: { readonly terminal: Terminal; readonly installation: Installation },
): Promise<number> {
  const { installation } = given;
  const shown = withProgress(given.terminal);
  const terminal = guarded(isQuiet(words) ? { ...shown, tellProgress: () => undefined } : shown);
  let code: number = exitCodes.ok;
  const exit = (chosen: number): void => {
    code = chosen;
  };
  const last: (() => Promise<void>)[] = [];
  const atEnd = (tell: () => Promise<void>): void => {
    last.push(tell);
  };
  const program = buildProgram({ terminal, installation, exit, atEnd });
  const failed = await run(program, words, terminal);
  for (const tell of last) await tell();
  shown.clear();
  return failed ?? code;
}

function isQuiet(words: readonly string[]): boolean {
  return words.some((word) => word === '--quiet' || /^-[a-z]*q/.test(word));
}

/** @returns the exit code of a failure */
async function run(
  program: Command,
  words: readonly string[],
  terminal: Terminal,
): Promise<number | undefined> {
  try {
    if (words.length === 0) program.outputHelp();
    else await program.parseAsync(words, { from: 'user' });
    return undefined;
  } catch (failure) {
    if (failure instanceof CommanderError) {
      return failure.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    // A command that knows more about it has said so already.
    const thrown = failure instanceof ApiRefusal ? codedRefusal(failure) : failure;
    terminal.err(`${failureText(thrown)}\n`);
    return exitCodeOfError(thrown);
  }
}

function failureText(thrown: unknown): string {
  if (thrown instanceof AppError) return `${printable(thrown.message)} [${thrown.code}]`;
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return `This is a mistake of svidecar's own; please report it with what you ran.\n${stack}`;
}
