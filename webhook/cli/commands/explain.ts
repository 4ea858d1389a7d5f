/** `svidecar explain`: why a workload was, or was not, injected. */
import { jsonText, printable } from '#kernel/text.ts';
import { AppError } from '#kernel/errors.ts';
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { nameOf } from '../../admission/decide.ts';
import type { LiveFacts } from '../../checks/facts.ts';
import type { TraceStep } from '../../injection/trace.ts';
import { lineOf } from '../../manifests/decide-all.ts';
import {
  explainLive,
  explainRecords,
  explainTexts,
  type Explained,
  type ExplainedWorkload,
} from '../../manifests/explain-texts.ts';
import type { Foreign } from '../../manifests/foreign-objects.ts';
import { verdictWords } from '../../manifests/verdict-words.ts';
import { addClusterFlags, connectTo, type ClusterFlags } from '../cluster-flags.ts';
import {
  addEngineFlags,
  decideOptions,
  defaultNamespace,
  engineFrom,
  outputOption,
  type EngineFlags,
} from '../options.ts';
import type { AccessRight, RightsApi } from '../../kube/denied-rights.ts';
import { addPaths } from '../given-paths.ts';
import { readInputs } from '../read-inputs.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import { painter, reportProblems, type Paint } from '../reports.ts';
import { addRevisionFlag } from '../revision-flag.ts';
import type { CliContext, Terminal } from '../terminal.ts';

interface ExplainFlags extends EngineFlags, ClusterFlags {
  readonly output?: 'text' | 'json';
}

const examples = `
Examples:
  svidecar explain shop.yaml
  svidecar explain manifests/ -o json
  svidecar explain deployment/frontend -n shop           a live object of kubectl's current context

The steps are those that the webhook takes: the same ids appear in kubectl's warnings, in audit annotations and
in the webhook's metrics. Exit code: 0, or 1 when a workload is refused.`;

export function explainCommand(context: CliContext): Command {
  const command = addPaths(
    new Command('explain')
      .summary('say why a workload is, or is not, injected')
      .description('Say step by step what would happen to each workload, and why.')
      .addOption(outputOption(['text', 'json'], 'for people or for programs')),
    'files, folders, - for standard input, or live objects as kind/name',
  );
  return addClusterFlags(addRevisionFlag(addEngineFlags(command)), 'for live objects')
    .addHelpText('after', examples)
    .action(async (paths: readonly string[], flags: ExplainFlags) => {
      context.exit(await explain(paths, flags, context));
    });
}

/** Milliseconds for all live objects: a longer run hangs. */
const liveMs = 60_000;

async function explain(
  paths: readonly string[],
  flags: ExplainFlags,
  context: CliContext,
): Promise<number> {
  const { terminal } = context;
  const live = paths.filter((path) => isLiveName(path) && !existsSync(path));
  const files = paths.filter((path) => !live.includes(path));
  checkIsNoLiveName(files);
  const explained = [
    ...(live.length === 0 ? [] : await explainAll(live, flags, context)),
    ...(live.length > 0 && files.length === 0 ? [] : [explainFiles(files, flags, context)]),
  ];
  const faults = explained.flatMap(({ documents }) =>
    documents.flatMap(({ fault }) => (fault === undefined ? [] : [{ error: fault }])),
  );
  if (flags.output === 'json') {
    terminal.out(jsonText(explainRecords(explained)));
  } else {
    for (const one of explained) print(one, terminal);
  }
  reportProblems(faults, terminal);
  const refused = explained.flatMap(({ outcomes }) =>
    outcomes.flatMap(({ decision }) => (decision.kind === 'refused' ? [decision.code] : [])),
  );
  return exitCodeOfAll([...faults.map(({ error }) => error.code), ...refused]);
}

/** `deployment/frontend`, `deployments.apps/frontend`, `pod/x`: what kubectl accepts as one argument. */
function isLiveName(text: string): boolean {
  return (
    /^[a-zA-Z][a-zA-Z0-9]*(\.[a-z0-9.-]+)?\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text) &&
    !/\.(ya?ml|json)$/.test(text)
  );
}

/** `explain deployment frontend` and `explain frontend` are meant as kubectl takes them. @throws {AppError} FILE_UNREADABLE */
function checkIsNoLiveName(paths: readonly string[]): void {
  const absent = paths.filter((path) => /^[a-zA-Z][\w.-]*$/.test(path) && !existsSync(path));
  const [first] = absent.filter((path) => !/\.(ya?ml|json)$/.test(path));
  if (first === undefined) return;
  const meant = absent.length === 2 ? absent.join('/') : `deployment/${first}`;
  throw new AppError(
    'FILE_UNREADABLE',
    `${first}: there is no such file or folder; a live object is written KIND/NAME: svidecar explain ${meant}`,
  );
}

function explainFiles(
  paths: readonly string[],
  flags: ExplainFlags,
  context: CliContext,
): Explained {
  const sources = readInputs(paths, { terminal: context.terminal, command: 'explain' });
  return explainTexts(sources, decideOptions(flags, context));
}

async function explainAll(
  names: readonly string[],
  flags: ExplainFlags,
  context: CliContext,
): Promise<readonly Explained[]> {
  const { readLive } = await import('../../survey/live-object.ts');
  const namespaceOf = (asked: RightsApi): string =>
    flags.namespace ?? asked.namespace ?? defaultNamespace;
  const api = await connectTo(flags, context, (asked) => furtherRights(namespaceOf(asked)));
  const namespace = namespaceOf(api);
  const isNamespaceGiven = flags.namespace !== undefined;
  const signal = AbortSignal.timeout(liveMs);
  const explained: Explained[] = [];
  for (const name of names) {
    const live = await readLive(name, { api, namespace, isNamespaceGiven, signal });
    const kubernetesVersion = versionOf(live.serverVersion) ?? flags.kubernetesVersion;
    explained.push(explainLive(live, engineFrom({ ...flags, kubernetesVersion }, context)));
  }
  return explained;
}

/** What is read once the object is. */
function furtherRights(namespace: string): readonly AccessRight[] {
  return [
    { verb: 'get', group: '', resource: 'configmaps', namespace },
    { verb: 'list', group: 'networking.istio.io', resource: 'envoyfilters', namespace },
    { verb: 'get', group: '', resource: 'namespaces', name: namespace },
  ];
}

function versionOf(version: LiveFacts['serverVersion']): string | undefined {
  return version.kind === 'known' ? `${version.value.major}.${version.value.minor}` : undefined;
}

const styles = { good: 'green', change: 'yellow', quiet: 'dim', bad: 'red' } as const;

function print({ outcomes, foreign, documents }: Explained, terminal: Terminal): void {
  const paint = painter(terminal);
  // What cannot be read may be a workload: it is told of by its fault.
  const isRead = documents.every(({ fault }) => fault === undefined);
  if (outcomes.length === 0 && foreign.length === 0 && isRead) {
    terminal.out('There is no workload: nothing here has a pod template that svidecar knows.\n');
  }
  for (const outcome of outcomes) terminal.out(`${traceOf(outcome, paint)}\n`);
  for (const one of foreign) terminal.out(`${foreignTraceOf(one, paint)}\n`);
}

function foreignTraceOf(foreign: Foreign, paint: Paint): string {
  const { document, object, kind, namespace, name, steps } = foreign;
  const place = paint('dim', printable(`${document.source.name}:${object.line}`));
  const title = `${paint('bold', printable(`${kind} ${namespace}/${name}`))} ${paint('yellow', 'is not changed here')}  ${place}`;
  return `${title}\n${stepLines(steps, paint)}`;
}

/** One workload's trace, for people. */
function traceOf(outcome: ExplainedWorkload, paint: Paint): string {
  const { document, decision, located } = outcome;
  const { words, tone } = verdictWords(decision);
  const place = paint('dim', printable(`${document.source.name}:${lineOf(outcome)}`));
  const code = decision.kind === 'refused' ? ` [${decision.code}]` : '';
  const title = `${paint('bold', printable(nameOf(located)))} ${paint(styles[tone], words)}${code}  ${place}`;
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
