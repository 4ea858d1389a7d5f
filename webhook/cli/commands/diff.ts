/** `svidecar diff`: what injection changes, in each workload and in each Envoy file. */
import { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { injectTexts } from '../../manifests/inject-texts.ts';
import { addEngineFlags, decideOptions, type EngineFlags } from '../options.ts';
import { addPaths } from '../given-paths.ts';
import { readInputs } from '../read-inputs.ts';
import {
  exitCodeOfProblems,
  painter,
  reportProblems,
  type Paint,
  reportForeign,
} from '../reports.ts';
import { addRevisionFlag } from '../revision-flag.ts';
import type { CliContext, Terminal } from '../terminal.ts';
import { differencesOf } from '../../manifests/diff-texts.ts';

interface DiffFlags extends EngineFlags {
  readonly exitCode?: true;
}

const examples = `
Examples:
  svidecar diff shop.yaml
  svidecar diff manifests/ --exit-code > changes.diff

On a terminal the diff is coloured (NO_COLOR=1 switches that off) and the long status annotation is shortened.
Exit code: 0, also where there are differences; with --exit-code 4 where there are; 1 when something was refused.`;

export function diffCommand(context: CliContext): Command {
  const command = addPaths(
    new Command('diff')
      .summary('show what injection would change')
      .description(
        'Show what injection would change, in each workload and in each Envoy configuration.',
      )
      .option('--exit-code', `exit with ${exitCodes.different} when there are differences`),
    'files or folders; - or nothing reads standard input',
  );
  return addRevisionFlag(addEngineFlags(command))
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: DiffFlags) => {
      const { terminal } = context;
      const options = decideOptions(flags, context);
      const injection = injectTexts(readInputs(paths, { terminal, command: 'diff' }), options);
      const text = differencesOf(injection, options);
      terminal.out(forPeople(text, terminal));
      reportForeign(injection.foreign, terminal);
      reportProblems(injection.problems, terminal);
      const isTold = flags.exitCode === true && text !== '';
      const code = exitCodeOfProblems(injection.problems);
      context.exit(code === exitCodes.ok && isTold ? exitCodes.different : code);
    });
}

/** Characters of a line from which a terminal shows its beginning only. */
const longLine = 160;

/** The diff as a terminal shows it; elsewhere it stays exact. */
export function forPeople(diff: string, terminal: Terminal): string {
  if (!terminal.isInteractive) return diff;
  const paint = painter(terminal);
  return diff
    .split('\n')
    .map((line) => paintLine(shortened(line), paint))
    .join('\n');
}

function shortened(line: string): string {
  if (line.length <= longLine || !line.includes('svidecar.dev/status')) return line;
  return `${line.slice(0, longLine)} … (${line.length - longLine} more characters)`;
}

function paintLine(line: string, paint: Paint): string {
  if (line.startsWith('---') || line.startsWith('+++')) return paint('bold', line);
  if (line.startsWith('@@')) return paint('cyan', line);
  if (line.startsWith('-')) return paint('red', line);
  return line.startsWith('+') ? paint('green', line) : line;
}
