/** `svidecar explain`: why a workload was, or was not, injected. */
import { jsonText, printable } from '#kernel/text.ts';
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { nameOf } from '../../admission/decide.ts';
import type { TraceStep } from '../../injection/trace.ts';
import {
  configMapsIn,
  decideAll,
  lineOf,
  type ConfigMaps,
  type DecideOptions,
  type DecidedWorkload,
} from '../../manifests/decide-all.ts';
import { foreignAmong, type Foreign } from '../../manifests/foreign-objects.ts';
import { isLiveName, readLive, type LiveFlags } from '../live-objects.ts';
import { readManifest, type ManifestDocument } from '../../manifests/manifest.ts';
import {
  addEngineFlags,
  defaultNamespace,
  engineFrom,
  outputOption,
  type EngineFlags,
} from '../options.ts';
import { readInputs } from '../read-inputs.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import { painter, reportProblems, type Paint, type Style } from '../reports.ts';
import type { CliContext, Terminal } from '../terminal.ts';
import { appendedAmong, toldOfStale } from '../../manifests/stale-config-maps.ts';
import { wantedConfigMaps } from '../../manifests/wanted-config-maps.ts';
import { withoutAppended } from '../../manifests/appended-documents.ts';

interface ExplainFlags extends EngineFlags, LiveFlags {
  readonly output?: 'text' | 'json';
}

const examples = `
Examples:
  svidecar explain shop.yaml
  svidecar explain manifests/ -o json
  svidecar explain deployment/frontend -n shop           a live object, read with kubectl

The steps are those that the webhook takes: the same ids appear in kubectl's warnings, in audit annotations and
in the webhook's metrics. Exit code: 0, or 1 when a workload is refused.`;

export function explainCommand(context: CliContext): Command {
  const command = new Command('explain')
    .summary('say why a workload is, or is not, injected')
    .description('Say step by step what would happen to each workload, and why.')
    .argument('[paths...]', 'files, folders, - for standard input, or live objects as kind/name')
    .addOption(outputOption(['text', 'json'], 'for people or for programs'));
  return addEngineFlags(command)
    .option('--context <name>', 'for live objects: the context that kubectl uses')
    .option('--kubeconfig <file>', 'for live objects: the kubeconfig that kubectl uses')
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: ExplainFlags) => {
      context.exit(explain(paths, flags, context));
    });
}

interface Explained {
  readonly outcomes: readonly DecidedWorkload[];
  readonly foreign: readonly Foreign[];
  readonly documents: readonly ManifestDocument[];
  /** What matters around a live object, such as its namespace's label. */
  readonly notes: readonly string[];
}

function explain(paths: readonly string[], flags: ExplainFlags, context: CliContext): number {
  const { terminal } = context;
  const live = paths.filter((path) => isLiveName(path) && !existsSync(path));
  const files = paths.filter((path) => !live.includes(path));
  const explained = [
    ...live.map((name) => explainLive(name, flags, context)),
    ...(live.length > 0 && files.length === 0 ? [] : [explainFiles(files, flags, context)]),
  ];
  const outcomes = explained.flatMap((one) => one.outcomes);
  const foreign = explained.flatMap((one) => one.foreign);
  const faults = explained.flatMap(({ documents }) =>
    documents.flatMap(({ fault }) => (fault === undefined ? [] : [{ error: fault }])),
  );
  if (flags.output === 'json') {
    const records = [...outcomes.map(record), ...foreign.map(foreignRecord)];
    terminal.out(jsonText(records));
  } else {
    for (const one of explained) print(one, terminal);
  }
  reportProblems(faults, terminal);
  const refused = outcomes.flatMap(({ decision }) =>
    decision.kind === 'refused' ? [decision.code] : [],
  );
  return exitCodeOfAll([...faults.map(({ error }) => error.code), ...refused]);
}

function explainFiles(
  paths: readonly string[],
  flags: ExplainFlags,
  context: CliContext,
): Explained {
  const namespace = flags.namespace ?? defaultNamespace;
  const sources = readInputs(paths, context.terminal);
  const documents = sources.flatMap(({ name, text }) =>
    readManifest({ name, text: withoutAppended(text) }),
  );
  const options = { engine: engineFrom(flags, context), namespace };
  const appended = appendedAmong(sources, namespace);
  const outcomes = decideWhole(documents, options, appended);
  return { outcomes, foreign: foreignAmong(documents, options), documents, notes: [] };
}

function explainLive(name: string, flags: ExplainFlags, context: CliContext): Explained {
  const live = readLive(name, flags);
  const engine = engineFrom({ ...flags, kubernetesVersion: live.kubernetesVersion }, context);
  const outcomes = decideWhole(live.documents, { engine, namespace: live.namespace }, new Map());
  const own = outcomes.filter(({ document }) => document === live.documents[0]);
  // Where nothing was asked for, the namespace's label is no news.
  const isAsked = own.some(
    ({ decision }) => decision.kind !== 'skipped' || decision.reason !== 'not_requested',
  );
  const foreign = foreignAmong(live.documents, { engine, namespace: live.namespace });
  const notes = isAsked || foreign.length > 0 ? live.notes : [];
  return { outcomes: own, foreign, documents: [], notes };
}

/** The decisions, and whether the ConfigMaps behind them hold what they should. */
function decideWhole(
  documents: readonly ManifestDocument[],
  options: DecideOptions,
  appended: ConfigMaps,
): readonly DecidedWorkload[] {
  const outcomes = decideAll(documents, options);
  const others = configMapsIn(documents, options.namespace);
  const facts = { configMaps: others, printed: new Set(documents), options };
  const { configMaps } = wantedConfigMaps(outcomes, facts);
  return toldOfStale(outcomes, configMaps, { appended, others });
}

function foreignRecord({ document, object, kind, namespace, name, steps }: Foreign): object {
  const place = { file: document.source.name, line: object.line, kind, namespace, name };
  return { ...place, decision: 'skipped', reason: 'kind_not_changed', steps };
}

function record(outcome: DecidedWorkload): object {
  const { document, decision, located } = outcome;
  const { kind, name, namespace } = located;
  return {
    ...{ file: document.source.name, line: lineOf(outcome), kind, namespace, name },
    decision: decision.kind,
    ...(decision.kind === 'skipped' ? { reason: decision.reason } : {}),
    ...(decision.kind === 'refused'
      ? { code: decision.code, message: decision.message, facts: decision.facts }
      : {}),
    ...('status' in decision ? { templates: decision.status.templates } : {}),
    steps: decision.steps,
  };
}

const verdicts: Readonly<Record<DecidedWorkload['decision']['kind'], readonly [string, Style]>> = {
  injected: ['will be injected', 'green'],
  uninjected: ['will be un-injected', 'yellow'],
  unchanged: ['stays as it is', 'green'],
  skipped: ['is left alone', 'dim'],
  refused: ['is refused', 'red'],
};

function print({ outcomes, foreign, notes }: Explained, terminal: Terminal): void {
  const paint = painter(terminal);
  if (outcomes.length === 0 && foreign.length === 0) {
    terminal.out('There is no workload: nothing here has a pod template that svidecar knows.\n');
  }
  for (const outcome of outcomes) terminal.out(`${traceOf(outcome, paint)}\n`);
  for (const one of foreign) terminal.out(`${foreignTraceOf(one, paint)}\n`);
  for (const note of notes) terminal.out(`${paint('yellow', '!')} ${printable(note)}\n`);
}

function foreignTraceOf(foreign: Foreign, paint: Paint): string {
  const { document, object, kind, namespace, name, steps } = foreign;
  const place = paint('dim', printable(`${document.source.name}:${object.line}`));
  const title = `${paint('bold', printable(`${kind} ${namespace}/${name}`))} ${paint('yellow', 'is not changed here')}  ${place}`;
  return `${title}\n${stepLines(steps, paint)}`;
}

/** One workload's trace, for people. */
function traceOf(outcome: DecidedWorkload, paint: Paint): string {
  const { document, decision, located } = outcome;
  const [verdict, style] = verdicts[decision.kind];
  const place = paint('dim', printable(`${document.source.name}:${lineOf(outcome)}`));
  const code = decision.kind === 'refused' ? ` [${decision.code}]` : '';
  const title = `${paint('bold', printable(nameOf(located)))} ${paint(style, verdict)}${code}  ${place}`;
  return `${title}\n${stepLines(decision.steps, paint)}`;
}

function stepLines(steps: readonly TraceStep[], paint: Paint): string {
  const width = Math.max(...steps.map(({ id }) => id.length));
  const lines = steps.map(({ id, level, message }) => {
    const mark = level === 'warning' ? paint('yellow', '!') : ' ';
    const gap = ' '.repeat(width - id.length);
    return `  ${mark} ${paint('cyan', id)}${gap}  ${printable(message)}\n`;
  });
  return lines.join('');
}
