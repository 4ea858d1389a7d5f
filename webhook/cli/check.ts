/** `svidecar check`: finds the usual mistakes, in manifests or in a cluster. */
import { Command } from 'commander';
import { runChecks, type Report } from '../checks/run-checks.ts';
import { withoutAppended } from './appended.ts';
import { factsOfFiles, withExactLines } from './check-files.ts';
import { exitCodeOfReport, jsonReport, summaryLine, textReport } from './check-report.ts';
import { exitCodeOfAll, exitCodes } from './exit-codes.ts';
import { readManifest } from './manifest.ts';
import {
  addEngineFlags,
  defaultNamespace,
  engineFrom,
  outputOption,
  type EngineFlags,
} from './options.ts';
import { readInputs } from './read-inputs.ts';
import { painter, reportProblems } from './reports.ts';
import type { CliContext } from './terminal.ts';

interface CheckFlags extends EngineFlags {
  readonly output?: 'text' | 'json';
  readonly quiet?: boolean;
}

const examples = `
Examples:
  svidecar check shop/                            manifests: files, folders, or - for standard input
  kubectl kustomize overlays/prod | svidecar check -

Each check has an id, which docs/check.md explains. Exit code: 0 nothing found · 5 warnings only · 1 errors ·
3 something could not be checked, and nothing was found.`;

export function checkCommand(context: CliContext): Command {
  const command = new Command('check')
    .summary('find the usual mistakes in manifests')
    .description('Look for the usual mistakes, and say what to do about each.')
    .argument('[paths...]', 'files, folders, or - for standard input')
    .addOption(outputOption(['text', 'json'], 'for people or for programs'))
    .option('-q, --quiet', 'print only what was found, and what could not be checked');
  return addEngineFlags(command)
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: CheckFlags) => {
      context.exit(checkFiles(paths, flags, context));
    });
}

function checkFiles(paths: readonly string[], flags: CheckFlags, context: CliContext): number {
  const { terminal } = context;
  const documents = readInputs(paths, terminal).flatMap(({ name, text }) =>
    readManifest({ name, text: withoutAppended(text) }),
  );
  const { facts, faults } = factsOfFiles(documents, {
    engine: engineFrom(flags, context),
    namespace: flags.namespace ?? defaultNamespace,
    nowMs: terminal.now(),
  });
  const report = withExactLines(runChecks(facts), documents);
  print(report, 'files', { flags, context });
  reportProblems(
    faults.map((error) => ({ error })),
    terminal,
  );
  const code = exitCodeOfReport(report);
  return faults.length > 0 && code !== exitCodes.refused
    ? exitCodeOfAll(faults.map((error) => error.code))
    : code;
}

function print(
  report: Report,
  target: string,
  { flags, context }: { readonly flags: CheckFlags; readonly context: CliContext },
): void {
  const { terminal } = context;
  if (flags.output === 'json') {
    terminal.out(jsonReport(report, target));
    return;
  }
  const isQuiet = flags.quiet === true;
  const text = textReport(report, { paint: painter(terminal), isQuiet });
  terminal.out(isQuiet ? text : `${text}\n${summaryLine(report)}\n`);
}
