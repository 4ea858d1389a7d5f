/** `svidecar explain`: why a workload was, or was not, injected. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { nameOf } from '../admission/decide.ts';
import { decideAll, lineOf, type Outcome } from './decide-all.ts';
import { isLiveName, readLive, type LiveFlags } from './live-objects.ts';
import { readManifest, type ManifestDocument } from './manifest.ts';
import {
  addEngineFlags,
  defaultNamespace,
  engineFrom,
  outputOption,
  type EngineFlags,
} from './options.ts';
import { readInputs } from './read-inputs.ts';
import { exitCodeOfAll } from './exit-codes.ts';
import { painter, reportProblems, type Paint, type Style } from './reports.ts';
import type { CliContext, Terminal } from './terminal.ts';
import { withoutAppended } from './appended.ts';

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
  readonly outcomes: readonly Outcome[];
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
  const faults = explained.flatMap(({ documents }) =>
    documents.flatMap(({ fault }) => (fault === undefined ? [] : [{ error: fault }])),
  );
  if (flags.output === 'json') {
    terminal.out(`${JSON.stringify(outcomes.map(record), null, 2)}\n`);
  } else {
    for (const { notes, outcomes: own } of explained) print(own, notes, terminal);
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
  const documents = readInputs(paths, context.terminal).flatMap(({ name, text }) =>
    readManifest({ name, text: withoutAppended(text) }),
  );
  const outcomes = decideAll(documents, { engine: engineFrom(flags, context), namespace });
  return { outcomes, documents, notes: [] };
}

function explainLive(name: string, flags: ExplainFlags, context: CliContext): Explained {
  const live = readLive(name, flags);
  const engine = engineFrom({ ...flags, kubernetesVersion: live.kubernetesVersion }, context);
  const outcomes = decideAll(live.documents, { engine, namespace: live.namespace });
  const own = outcomes.filter(({ document }) => document === live.documents[0]);
  // Where nothing was asked for, the namespace's label is no news.
  const isAsked = own.some(
    ({ decision }) => decision.kind !== 'skipped' || decision.reason !== 'not_requested',
  );
  return { outcomes: own, documents: [], notes: isAsked ? live.notes : [] };
}

function record(outcome: Outcome): object {
  const { document, decision, located } = outcome;
  const { kind, name, namespace } = located;
  return {
    ...{ file: document.source.name, line: lineOf(outcome), kind, namespace, name },
    decision: decision.kind,
    ...(decision.kind === 'skipped' ? { reason: decision.reason } : {}),
    ...(decision.kind === 'refused' ? { code: decision.code, message: decision.message } : {}),
    ...('status' in decision ? { templates: decision.status.templates } : {}),
    steps: decision.steps,
  };
}

const verdicts: Readonly<Record<Outcome['decision']['kind'], readonly [string, Style]>> = {
  injected: ['will be injected', 'green'],
  uninjected: ['will be un-injected', 'yellow'],
  unchanged: ['stays as it is', 'green'],
  skipped: ['is left alone', 'dim'],
  refused: ['is refused', 'red'],
};

function print(outcomes: readonly Outcome[], notes: readonly string[], terminal: Terminal): void {
  const paint = painter(terminal);
  if (outcomes.length === 0) {
    terminal.out('There is no workload: nothing here has a pod template that svidecar knows.\n');
  }
  for (const outcome of outcomes) terminal.out(`${traceOf(outcome, paint)}\n`);
  for (const note of notes) terminal.out(`${paint('yellow', '!')} ${note}\n`);
}

/** One workload's trace, for people. */
function traceOf(outcome: Outcome, paint: Paint): string {
  const { document, decision, located } = outcome;
  const [verdict, style] = verdicts[decision.kind];
  const place = paint('dim', `${document.source.name}:${lineOf(outcome)}`);
  const code = decision.kind === 'refused' ? ` [${decision.code}]` : '';
  const width = Math.max(...decision.steps.map(({ id }) => id.length));
  const steps = decision.steps.map(({ id, level, message }) => {
    const mark = level === 'warning' ? paint('yellow', '!') : ' ';
    const gap = ' '.repeat(width - id.length);
    return `  ${mark} ${paint('cyan', id)}${gap}  ${message}\n`;
  });
  const title = `${paint('bold', nameOf(located))} ${paint(style, verdict)}${code}  ${place}`;
  return `${title}\n${steps.join('')}`;
}
