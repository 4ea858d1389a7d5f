/** `svidecar check`: finds the usual mistakes, in a cluster or in manifests. */
import { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import type { ClusterFacts } from '../../checks/facts.ts';
import { runChecks, type Report } from '../../checks/run-checks.ts';
import { factsOfFiles, withExactLines } from '../../manifests/facts-of-manifests.ts';
import { exitCodeOfReport, jsonReport, summaryLine, textReport } from '../check-report.ts';
import { exitCodeBeside } from '../exit-codes.ts';
import { addClusterFlags, connectTo, engineSource, type ClusterFlags } from '../cluster-flags.ts';
import type { AccessRight, RightsApi } from '../../kube/denied-rights.ts';
import { readManifest } from '../../manifests/manifest.ts';
import {
  addEngineFlags,
  defaultNamespace,
  engineFrom,
  outputOption,
  type EngineFlags,
} from '../options.ts';
import { foreignAmong } from '../../manifests/foreign-objects.ts';
import { deniedSentences } from '../../kube/read-list.ts';
import { addPaths } from '../given-paths.ts';
import { readInputs } from '../read-inputs.ts';
import { painter, reportProblems, reportForeign } from '../reports.ts';
import {
  addSpireFlags,
  asAddress,
  refuseTwoStdins,
  spireFacts,
  type SpireFlags,
} from '../spire-flags.ts';
import { parseRevision } from '../revision-flag.ts';
import type { CliContext } from '../terminal.ts';

interface CheckFlags extends EngineFlags, ClusterFlags, SpireFlags {
  readonly output?: 'text' | 'json';
  readonly quiet?: boolean;
  readonly socket?: string;
  readonly revision?: string;
}

/** Milliseconds for a whole cluster: a longer run hangs. */
const clusterMs = 5 * 60_000;

const examples = `
Examples:
  svidecar check                                  the cluster of kubectl's current context
  svidecar check --context prod -n shop           one namespace of another one
  svidecar check shop/                            manifests: files, folders, or - for standard input
  kubectl kustomize overlays/prod | svidecar check -
  svidecar check --spire-server /run/spire-server/api.sock      registrations too
  svidecar check --socket /run/spire/agent-sockets/spire-agent.sock      on a node: asks its Workload API too

A cluster is only read, but for one Pod that is sent as a dry run. Each check has an id, which docs/check.md explains.
Exit code: 0 nothing found · 5 warnings only · 1 errors · 3 the cluster cannot be reached, or something could not be
checked and nothing was found.`;

export function checkCommand(context: CliContext): Command {
  const command = addPaths(
    new Command('check')
      .summary('find the usual mistakes in a cluster, or in manifests')
      .description(
        'Look for the usual mistakes in a cluster, or in manifests, and say what to do about each.',
      )
      .addOption(outputOption(['text', 'json'], 'for people or for programs'))
      .option('-q, --quiet', 'print only what was found, and what could not be checked'),
    'files, folders, or - for standard input; without any, the cluster is checked',
  );
  return addSpireFlags(addClusterFlags(addEngineFlags(command), 'for a cluster'))
    .option(
      '--revision <name>',
      'whose configuration judges workloads, where several are installed (default: by the labels; in a cluster the default one)',
      parseRevision,
    )
    .option('--socket <path>', 'for a cluster: a Workload API on this machine, asked as well')
    .addHelpText('after', examples)
    .action(async (paths: readonly string[], flags: CheckFlags) => {
      const isFiles = paths.length > 0;
      context.exit(
        isFiles ? await checkFiles(paths, flags, context) : await checkCluster(flags, context),
      );
    });
}

async function checkCluster(flags: CheckFlags, context: CliContext): Promise<number> {
  const { survey } = await import('../../survey/survey.ts');
  const { checkNamespaceIsThere } = await import('../../survey/namespace-there.ts');
  const { namespace, config } = flags;
  const needs = (asked: RightsApi): readonly AccessRight[] => furtherRights(asked, namespace);
  const api = await connectTo(flags, context, needs).catch((thrown: unknown) => {
    throw withFilesHint(thrown, context.terminal.isPiped && flags.entries !== '-');
  });
  await checkNamespaceIsThere(api, namespace);
  const spire = await spireFacts(flags, context);
  const facts = await survey({
    api,
    namespace,
    revision: flags.revision,
    nowMs: context.terminal.now(),
    engines: engineSource(config, context),
    spire,
    asksHelpers: spire.kind !== 'not_asked',
    asksProxies: false,
    workloadApi: await askWorkloadApi(flags.socket, context),
    signal: AbortSignal.timeout(clusterMs),
  });
  const report = runChecks(facts, (id) => context.terminal.tellProgress?.(`checking: ${id}`));
  print(report, api.url, { flags, context, denied: deniedSentences(api) });
  return exitCodeOfReport(report);
}

/** ConfigMaps are only read where workloads are known. */
function furtherRights({ denied }: RightsApi, namespace?: string): readonly AccessRight[] {
  const isUnknown = denied.some(({ resource }) => ['pods', 'deployments'].includes(resource));
  return isUnknown ? [{ verb: 'list', group: '', resource: 'configmaps', namespace }] : [];
}

/** Where the others read what is piped in, this one asks the cluster: a cron job's standard input is not a terminal either. */
function withFilesHint(thrown: unknown, isPiped: boolean): unknown {
  if (!(thrown instanceof AppError)) return thrown;
  const hint = isPiped
    ? 'to check manifests from standard input, write: svidecar check -'
    : 'manifests are checked without a cluster: svidecar check shop.yaml';
  const message = `${thrown.message}; ${hint}`;
  return new AppError(thrown.code, message, { cause: thrown });
}

async function askWorkloadApi(
  socket: string | undefined,
  { installation }: CliContext,
): Promise<ClusterFacts['workloadApi']> {
  if (socket === undefined) {
    return { kind: 'not_asked', reason: 'give --socket on a node to ask its Workload API' };
  }
  return { kind: 'known', value: await installation.askWorkloadApi(asAddress(socket)) };
}

async function checkFiles(
  paths: readonly string[],
  flags: CheckFlags,
  context: CliContext,
): Promise<number> {
  refuseTwoStdins(paths, flags);
  const spire = await spireFacts(flags, context);
  const { terminal } = context;
  const sources = readInputs(paths, { terminal, command: 'check' });
  const documents = sources.flatMap(({ name, text }, at) => {
    terminal.tellProgress?.(`reading: file ${at + 1} of ${sources.length}`);
    return readManifest({ name, text });
  });
  const engine = engineFrom(flags, context);
  const namespace = flags.namespace ?? defaultNamespace;
  const { facts, faults } = factsOfFiles(documents, {
    engine,
    namespace,
    nowMs: terminal.now(),
    spire,
  });
  terminal.tellProgress?.(`deciding about ${documents.length} documents`);
  const checked = runChecks(facts, (id) => terminal.tellProgress?.(`checking: ${id}`));
  const report = withExactLines(checked, documents);
  print(report, 'files', { flags, context, denied: new Set() });
  const foreign = foreignAmong(documents, { engine, namespace });
  reportForeign(foreign, terminal);
  // Else every check that has nothing to look at would look like praise.
  if (report.examined + foreign.length + faults.length === 0 && flags.quiet !== true)
    terminal.err('note: there is no workload in these files, so there was nothing to judge\n');
  reportProblems(
    faults.map((error) => ({ error })),
    terminal,
  );
  return exitCodeBeside(faults, exitCodeOfReport(report));
}

function print(
  report: Report,
  target: string,
  {
    flags,
    context,
    denied,
  }: {
    readonly flags: CheckFlags;
    readonly context: CliContext;
    readonly denied: ReadonlySet<string>;
  },
): void {
  const { terminal } = context;
  if (flags.output === 'json') {
    terminal.out(jsonReport(report, target));
    return;
  }
  const isQuiet = flags.quiet === true;
  const text = textReport(report, { paint: painter(terminal), isQuiet, denied });
  terminal.out(isQuiet ? text : `${text}\n${target}: ${summaryLine(report)}\n`);
}
