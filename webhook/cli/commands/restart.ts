/** `svidecar restart`: workloads whose pods are not as of today are rolled, one after the other. */
import { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import type {
  JudgedWorkloads,
  UnfinishedWorkload,
} from '../../console-cluster/judged-workloads.ts';
import type { NamedWorkload } from '../../console-cluster/restart-workload.ts';
import type { ClusterStanding, WorkloadRow } from '../../console/console-model.ts';
import { isInVain } from '../../console/coverage-status.ts';
import type { RightsApi } from '../../kube/denied-rights.ts';
import { anewWords } from '../../objects/anew-words.ts';
import { kindNamed } from '../../objects/kinds.ts';
import { addClusterFlags, connectTo, engineSource, type ClusterFlags } from '../cluster-flags.ts';
import { parseDuration } from '../duration.ts';
import { exitCodes } from '../exit-codes.ts';
import { addClusterConfigFlag, checkNamespace } from '../options.ts';
import { restartAll, titleOfWorkload, type RestartPace } from '../restart-one-by-one.ts';
import { parseRevision } from '../revision-flag.ts';
import type { CliContext } from '../terminal.ts';

interface RestartFlags extends ClusterFlags {
  readonly stale?: true;
  readonly missing?: true;
  readonly namespace?: string;
  readonly config?: string;
  readonly revision?: string;
  readonly perMinute: string;
  readonly patience: string;
  readonly yes?: true;
}

/** Milliseconds for which a restart is remembered: what is not ready after that is nobody's roll-out any more. */
const rememberedMs = 7 * 86_400_000;

const examples = `
Examples:
  svidecar restart --stale                            which workloads it would be, and why
  svidecar restart --stale --yes                      one after the other, each waited for
  svidecar restart --stale --missing -n shop --per-minute 2 --yes
  svidecar restart --stale -n trial --revision canary --yes

A workload is stale if its pods were injected with other settings than today's (an upgrade, a changed configuration), and
missing if pods of it run without what it asks for. Each is restarted as kubectl rollout restart does it, and the next one
only once all its pods are ready: what does not become ready stops the rest. Run it again to go on: it first waits for what was
restarted in the last seven days and is not ready yet, and goes on only then. A workload that svidecar in the cluster would leave
as it is (another version or configuration, a paused Deployment) is told of and not touched; so are pods that stay as they were
after a restart (a partition, OnDelete).
Exit code: 0 nothing to do, or all done · 1 stopped, or something was not or cannot be restarted · 3 something could not be read or judged.`;

export function restartCommand(context: CliContext): Command {
  const command = new Command('restart')
    .summary('roll workloads whose pods are not injected as of today')
    .description(
      'List the workloads whose pods are not injected as of today, and with --yes restart them at a limited rate.',
    )
    .option('--stale', 'those that were injected with other settings')
    .option('--missing', 'those of which pods run without their injection')
    .option('-n, --namespace <name>', 'one namespace (default: all)')
    .option('--per-minute <number>', 'restarts a minute at most', '6')
    .option('--patience <duration>', 'for the pods of one workload, such as 90s or 10m', '5m')
    .option(
      '--revision <name>',
      'by whose configuration, where several injectors are there (default: the default one)',
      parseRevision,
    )
    .option('--yes', 'restart them');
  return addClusterConfigFlag(addClusterFlags(command, 'the cluster'))
    .addHelpText('after', examples)
    .action(async (flags: RestartFlags) => {
      context.exit(await run(flags, context));
    });
}

async function run(flags: RestartFlags, context: CliContext): Promise<number> {
  if (flags.stale !== true && flags.missing !== true)
    throw new AppError('USAGE', 'say which: --stale, --missing or both');
  const pace = paceOf(flags);
  checkNamespace(flags.namespace);
  const api = await connectTo(flags, context);
  const { checkNamespaceIsThere } = await import('../../survey/namespace-there.ts');
  await checkNamespaceIsThere(api, flags.namespace);
  const choice = await choose(flags, api, context);
  const { chosen, awaited, judge } = choice;
  const able = chosen.filter(isRestartable);
  tellChosen(choice, flags.yes === true, context);
  const { terminal } = context;
  if (flags.yes === true) {
    const site = { api, pace, terminal, judge };
    if (!(await restartAll({ awaited, all: able }, site))) return exitCodes.refused;
  }
  const isLeft = chosen.length > able.length || (flags.yes !== true && awaited.length > 0);
  return codeOf(choice, isLeft);
}

function codeOf({ kept, unknown, isPartial }: Choice, isLeft: boolean): number {
  if (isLeft || kept.length > 0) return exitCodes.refused;
  return unknown > 0 || isPartial ? exitCodes.unreachable : exitCodes.ok;
}

function isRestartable({ kind }: NamedWorkload): boolean {
  return kindNamed(kind)?.isRestartable === true;
}

function tellChosen(
  { chosen, unknown, isPartial, awaited, kept }: Choice,
  isMeant: boolean,
  { terminal }: CliContext,
): void {
  for (const row of chosen) {
    const how = isRestartable(row) ? '' : `; ${notRestarted(row)}`;
    terminal.out(`${titleOfWorkload(row)}  ${row.status}: ${row.why?.message ?? ''}${how}\n`);
  }
  tellUnfinished(kept, 'was restarted before, but', terminal);
  // With --yes they are waited for, and told of where that is in vain.
  tellUnfinished(isMeant ? [] : awaited, 'was restarted before, and is not ready:', terminal);
  tellCounts({ chosen, unknown, isPartial }, isMeant, terminal);
}

function tellCounts(
  { chosen, unknown, isPartial }: Pick<Choice, 'chosen' | 'unknown' | 'isPartial'>,
  isMeant: boolean,
  { err }: CliContext['terminal'],
): void {
  if (unknown > 0) err(`${unknown} workloads could not be judged: svidecar check says why\n`);
  if (isPartial) err('not all workloads may be read: what is not seen is not restarted\n');
  const able = chosen.filter(isRestartable).length;
  const nothing = isPartial ? 'nothing that is seen is to be restarted\n' : 'nothing to restart\n';
  const those = isMeant ? `${able} to restart\n` : `${able} to restart; --yes does it\n`;
  err(able === 0 ? nothing : those);
}

function notRestarted({ kind, name, namespace, why }: WorkloadRow): string {
  const isCurrent = why?.id === 'pods_injected';
  return `a ${kind} is not restarted here: ${anewWords({ kind, name, namespace, isCurrent })}`;
}

function tellUnfinished(
  all: readonly UnfinishedWorkload[],
  words: string,
  { out }: CliContext['terminal'],
): void {
  for (const each of all) out(`${titleOfWorkload(each)}  ${words} ${each.rollout.words}\n`);
}

function paceOf({ perMinute, patience }: RestartFlags): RestartPace {
  const rate = Number(perMinute);
  if (!/^\d{1,4}$/.test(perMinute) || rate < 1)
    throw new AppError('USAGE', `--per-minute ${perMinute}: write a whole number from 1 to 9999`);
  const patienceMs = parseDuration(patience) * 1_000;
  if (patienceMs === 0)
    throw new AppError(
      'USAGE',
      `--patience ${patience}: write 1s or more; no pod is ready at once`,
    );
  return { everyMs: 60_000 / rate, patienceMs };
}

interface Choice {
  readonly chosen: readonly WorkloadRow[];
  readonly unknown: number;
  /** Some kind of workload may not be listed: more may be there. */
  readonly isPartial: boolean;
  /** Restarted before, and not ready; what is to be restarted now is not among them. */
  readonly awaited: readonly UnfinishedWorkload[];
  /** Restarted before, with pods that nobody makes anew. */
  readonly kept: readonly UnfinishedWorkload[];
}

async function choose(
  { stale, missing, namespace, config, revision }: RestartFlags,
  api: RightsApi,
  context: CliContext,
): Promise<Pick<JudgedWorkloads, 'judge'> & Choice> {
  // Loaded when called: other commands need no watches.
  const { judgedWorkloads } = await import('../../console-cluster/judged-workloads.ts');
  const judged = await judgedWorkloads({
    api,
    namespace,
    configFile: config,
    engines: engineSource(config, context),
    revision,
    contextName: undefined,
    version: context.installation.version,
    clock: context.terminal,
  });
  const { rows, standing, judge } = judged;
  checkHooks(standing, context);
  checkRevision(revision, judged);
  const isChosen = (row: WorkloadRow): boolean =>
    (stale === true && row.status === 'stale') ||
    // Without its namespace's label a restart changes nothing.
    (missing === true && row.status === 'missing' && !isInVain(row));
  const chosen = rows.filter(isChosen);
  const unknown = rows.filter(({ status }) => status === 'unknown').length;
  const isPartial = standing.missingRights?.hidesWorkloads === true;
  return { ...sorted(chosen, judged, context.terminal.now()), unknown, isPartial, judge };
}

/** What is to be restarted now is not waited for, but comes first: the restart may be what it needs. */
export function sorted(
  chosen: readonly WorkloadRow[],
  { unfinished }: Pick<JudgedWorkloads, 'unfinished'>,
  nowMs: number,
): Omit<Choice, 'unknown' | 'isPartial'> {
  const ids = new Map(unfinished.map((each) => [titleOfWorkload(each), each]));
  const isWaited = (each: UnfinishedWorkload): boolean =>
    each.rollout.kind !== 'by_hand' && each.restartedMs > nowMs - rememberedMs;
  const rank = (row: WorkloadRow): string => {
    const known = ids.get(titleOfWorkload(row));
    return `${known !== undefined && isWaited(known) ? 0 : 1} ${row.id}`;
  };
  const mine = new Set(chosen.map(titleOfWorkload));
  const others = unfinished.filter((each) => !mine.has(titleOfWorkload(each)));
  return {
    chosen: [...chosen].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)),
    awaited: others.filter(isWaited),
    kept: others.filter(({ rollout }) => rollout.kind === 'by_hand'),
  };
}

/** @throws {AppError} OBJECT_NOT_FOUND where nobody is injected by it */
function checkRevision(
  revision: string | undefined,
  { installed }: Pick<JudgedWorkloads, 'installed'>,
): void {
  if (revision === undefined || installed === undefined) return;
  if (installed.all.some(({ name }) => name === revision)) return;
  throw new AppError(
    'OBJECT_NOT_FOUND',
    `revision ${revision} is not installed here, so nothing would be injected by it: svidecar revision list shows those that are`,
  );
}

/** @throws {AppError} OBJECT_NOT_FOUND where no hook of ours is there: pods would be made anew for nothing */
function checkHooks({ hooks, server }: ClusterStanding, { terminal }: CliContext): void {
  if (hooks === 'none')
    throw new AppError(
      'OBJECT_NOT_FOUND',
      `svidecar is not installed in this cluster (${server}): no hook of it is there, and a restart would inject nothing`,
    );
  if (hooks === 'unknown')
    terminal.err('whether svidecar is installed here is not known: its hooks may not be read\n');
}
