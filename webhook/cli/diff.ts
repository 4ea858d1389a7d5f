/** `svidecar diff`: what injection changes, in each workload and in each Envoy file. */
import { own } from '#kernel/members.ts';
import { Command } from 'commander';
import type { DesiredConfigMap } from '../desired/desired.ts';
import { sourceAnnotation } from '../desired/desired.ts';
import { configMapsIn, type DecideOptions } from './decide-all.ts';
import { exitCodes } from './exit-codes.ts';
import { reportForeign } from './foreign.ts';
import { injectTexts, type InjectedTexts } from './inject-texts.ts';
import { addEngineFlags, decideOptions, type EngineFlags } from './options.ts';
import { readInputs } from './read-inputs.ts';
import { exitCodeOfProblems, painter, reportProblems, type Paint } from './reports.ts';
import type { CliContext, Terminal } from './terminal.ts';
import { unifiedDiff } from './unified-diff.ts';

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
  const command = new Command('diff')
    .summary('show what injection would change')
    .description(
      'Show what injection would change, in each workload and in each Envoy configuration.',
    )
    .argument('[paths...]', 'files or folders; - or nothing reads standard input')
    .option('--exit-code', `exit with ${exitCodes.different} when there are differences`);
  return addEngineFlags(command)
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: DiffFlags) => {
      const { terminal } = context;
      const options = decideOptions(flags, context);
      const injection = injectTexts(readInputs(paths, terminal), options);
      const text = differencesOf(injection, options);
      terminal.out(forPeople(text, terminal));
      reportForeign(injection.foreign, terminal);
      reportProblems(injection.problems, terminal);
      const isTold = flags.exitCode === true && text !== '';
      const code = exitCodeOfProblems(injection.problems);
      context.exit(code === exitCodes.ok && isTold ? exitCodes.different : code);
    });
}

/** Unified diffs: the workloads in their order, then what their ConfigMaps hold. */
function differencesOf(injection: InjectedTexts, options: DecideOptions): string {
  return [...workloadDiffs(injection), ...configMapDiffs(injection, options)].join('');
}

function workloadDiffs({ documents, outcomes }: InjectedTexts): readonly string[] {
  return documents.flatMap(({ document, text }) => {
    if (text === undefined || text === document.text) return [];
    const names = outcomes
      .filter((outcome) => outcome.document === document && 'operations' in outcome.decision)
      .map(({ located }) => `${located.kind} ${located.namespace}/${located.name}`);
    const what = `${document.source.name} ${names.join(', ')}`;
    const labels = { before: what, after: `${what} (injected)`, firstLine: document.firstLine };
    return [unifiedDiff({ before: document.text, after: text }, labels)];
  });
}

/** What the ConfigMaps of injected workloads hold, against their sources. */
export function configMapDiffs(
  { configMaps, outcomes, documents }: InjectedTexts,
  { namespace }: DecideOptions,
): readonly string[] {
  const used = new Set(
    outcomes.flatMap(({ decision, located }) =>
      decision.kind === 'injected'
        ? [decision.status.helper?.configMap, decision.status.envoy?.derived].map(
            (name) => `${located.namespace}/${name ?? ''}`,
          )
        : [],
    ),
  );
  const sources = configMapsIn(
    documents.map(({ document }) => document),
    namespace,
  );
  return configMaps
    .filter((configMap) => used.has(`${configMap.namespace}/${configMap.name}`))
    .flatMap((configMap) => {
      const source = configMap.annotations[sourceAnnotation];
      const data = sources.get(`${configMap.namespace}/${source ?? ''}`)?.data ?? {};
      return fileDiffs(configMap, source, data);
    });
}

function fileDiffs(
  configMap: DesiredConfigMap,
  source: string | undefined,
  data: Readonly<Record<string, string>>,
): readonly string[] {
  const { namespace, name } = configMap;
  return Object.entries(configMap.data).map(([file, after]) => {
    const before = source === undefined ? '/dev/null' : `ConfigMap ${namespace}/${source} ${file}`;
    const labels = { before, after: `ConfigMap ${namespace}/${name} ${file}` };
    return unifiedDiff({ before: own(data, file) ?? '', after }, labels);
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
