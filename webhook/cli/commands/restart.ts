/** `svidecar restart`: workloads whose pods are not as of today are rolled, one after the other. */
import { setTimeout as wait } from 'node:timers/promises';
import { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import type { JudgedWorkloads } from '../../console-cluster/judged-workloads.ts';
import type { NamedWorkload } from '../../console-cluster/restart-workload.ts';
import type { ClusterStanding, WorkloadRow } from '../../console/console-model.ts';
import { isInVain } from '../../console/coverage-status.ts';
import type { RightsApi } from '../../kube/denied-rights.ts';
import { madeAnewWords } from '../../objects/anew-words.ts';
import { kindNamed } from '../../objects/kinds.ts';
import type { Rollout } from '../../objects/rollout.ts';
import { addClusterFlags, connectTo, engineSource, type ClusterFlags } from '../cluster-flags.ts';
import { parseDuration } from '../duration.ts';
import { exitCodes } from '../exit-codes.ts';
import { addClusterConfigFlag, checkNamespace } from '../options.ts';
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

/** Milliseconds between two looks at a rollout, and for one request. */
const lookEveryMs = 1_000;
const askMs = 30_000;

const examples = `
Examples:
  svidecar restart --stale                            which workloads it would be, and why
  svidecar restart --stale --yes                      one after the other, each waited for
  svidecar restart --stale --missing -n shop --per-minute 2 --yes
  svidecar restart --stale -n trial --revision canary --yes

A workload is stale if its pods were injected with other settings than today's (an upgrade, a changed configuration), and
missing if pods of it run without what it asks for. Each is restarted as kubectl rollout restart does it, and the next one
only once all its pods are ready: what does not become ready stops the rest. Run it again to go on. A workload that svidecar in
the cluster would leave as it is (another version or configuration, a paused Deployment) is told of and not touched.
Exit code: 0 nothing to do, or all done · 1 stopped, or something was not or cannot be restarted · 3 something could not be judged.`;

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
  const { chosen, unknown, judge } = await choose(flags, api, context);
  const able = chosen.filter(isRestartable);
  tellChosen(chosen, unknown, context);
  const left = chosen.length > able.length ? exitCodes.refused : exitCodes.ok;
  if (flags.yes === true && !(await restartAll(able, { api, pace, context, judge })))
    return exitCodes.refused;
  return left === exitCodes.ok && unknown > 0 ? exitCodes.unreachable : left;
}

function isRestartable({ kind }: NamedWorkload): boolean {
  return kindNamed(kind)?.isRestartable === true;
}

function tellChosen(
  chosen: readonly WorkloadRow[],
  unknown: number,
  { terminal }: CliContext,
): void {
  for (const row of chosen) {
    const how = isRestartable(row) ? '' : `; ${madeAnewWords(row.kind)}`;
    terminal.out(`${nameOf(row)}  ${row.status}: ${row.why?.message ?? ''}${how}\n`);
  }
  if (unknown > 0)
    terminal.err(`${unknown} workloads could not be judged: svidecar check says why\n`);
  const able = chosen.filter(isRestartable).length;
  terminal.err(able === 0 ? 'nothing to restart\n' : `${able} to restart; --yes does it\n`);
}

interface Pace {
  /** Milliseconds from one restart to the next. */
  readonly everyMs: number;
  readonly patienceMs: number;
}

function paceOf({ perMinute, patience }: RestartFlags): Pace {
  const rate = Number(perMinute);
  if (!/^\d{1,4}$/.test(perMinute) || rate < 1)
    throw new AppError('USAGE', `--per-minute ${perMinute}: write a whole number from 1 to 9999`);
  return { everyMs: 60_000 / rate, patienceMs: parseDuration(patience) * 1_000 };
}

interface Choice {
  readonly chosen: readonly WorkloadRow[];
  readonly unknown: number;
}

async function choose(
  { stale, missing, namespace, config, revision }: RestartFlags,
  api: RightsApi,
  context: CliContext,
): Promise<Pick<JudgedWorkloads, 'judge'> & Choice> {
  // Loaded when called: other commands need no watches.
  const { judgedWorkloads } = await import('../../console-cluster/judged-workloads.ts');
  const { rows, standing, judge } = await judgedWorkloads({
    api,
    namespace,
    configFile: config,
    engines: engineSource(config, context),
    revision,
    contextName: undefined,
    version: context.installation.version,
    clock: context.terminal,
  });
  checkHooks(standing, context);
  const isChosen = (row: WorkloadRow): boolean =>
    (stale === true && row.status === 'stale') ||
    // Without its namespace's label a restart changes nothing.
    (missing === true && row.status === 'missing' && !isInVain(row));
  return {
    chosen: rows.filter(isChosen).sort((a, b) => (a.id < b.id ? -1 : 1)),
    unknown: rows.filter(({ status }) => status === 'unknown').length,
    judge,
  };
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

function nameOf({ kind, namespace, name }: NamedWorkload): string {
  return `${kind} ${namespace}/${name}`;
}

interface Site extends Pick<JudgedWorkloads, 'judge'> {
  readonly api: RightsApi;
  readonly pace: Pace;
  readonly context: CliContext;
}

/** @returns whether all of them are ready again, and as of today */
async function restartAll(all: readonly WorkloadRow[], site: Site): Promise<boolean> {
  const { pace, context } = site;
  const { terminal } = context;
  const interrupted = terminal.untilInterrupted();
  let dueMs = 0;
  let areAllDone = true;
  for (const [index, workload] of all.entries()) {
    const early = dueMs - terminal.now();
    if (early > 0) await wait(early, undefined, { signal: interrupted }).catch(() => undefined);
    if (interrupted.aborted) return stopped(all.length - index, 'it was interrupted', terminal);
    const end = await restartOne(workload, site, interrupted);
    terminal.out(`${nameOf(workload)}  ${end.words}\n`);
    if (end.kind === 'not_ready')
      return stopped(all.length - index - 1, 'a workload did not become ready', terminal);
    if (end.kind === 'in_vain') areAllDone = false;
    // What was not touched costs no time.
    if (end.kind === 'restarted') dueMs = end.beganMs + pace.everyMs;
  }
  return areAllDone;
}

type Ended =
  | { readonly kind: 'restarted'; readonly words: string; readonly beganMs: number }
  | { readonly kind: 'not_ready' | 'in_vain' | 'nothing_to_do'; readonly words: string };

async function restartOne(
  workload: WorkloadRow,
  site: Site,
  interrupted: AbortSignal,
): Promise<Ended> {
  const { restartProspect, restartWorkload } =
    await import('../../console-cluster/restart-workload.ts');
  const { api, judge } = site;
  const beganMs = site.context.terminal.now();
  const asked = { nowMs: beganMs, signal: AbortSignal.timeout(askMs) };
  try {
    const prospect = await restartProspect(api, workload, { ...asked, judge });
    if (prospect.kind === 'in_vain')
      return { kind: 'in_vain', words: `not restarted: ${prospect.words}` };
    if (prospect.kind === 'current') return { kind: 'nothing_to_do', words: prospect.words };
    await restartWorkload(api, workload, asked);
    const end = await untilRolled(workload, site, interrupted);
    if (end.kind === 'by_hand') return { kind: 'restarted', words: end.words, beganMs };
    return end.kind === 'done'
      ? { kind: 'restarted', words: 'restarted, and ready', beganMs }
      : { kind: 'not_ready', words: `restarted, and not ready: ${end.words}` };
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code !== 'OBJECT_NOT_FOUND') throw thrown;
    return { kind: 'nothing_to_do', words: 'is gone' };
  }
}

function stopped(left: number, why: string, { err }: CliContext['terminal']): false {
  err(`stopped, because ${why}; ${left} more were not touched: run it again to go on\n`);
  return false;
}

async function untilRolled(
  workload: NamedWorkload,
  { api, pace, context: { terminal } }: Site,
  interrupted: AbortSignal,
): Promise<Rollout> {
  const { readRollout } = await import('../../console-cluster/restart-workload.ts');
  const deadline = terminal.now() + pace.patienceMs;
  for (;;) {
    const now = await readRollout(api, workload, AbortSignal.timeout(askMs)).catch(notNow);
    const isOver = now.kind !== 'under_way' || interrupted.aborted || terminal.now() >= deadline;
    if (isOver) return now;
    terminal.tellProgress?.(`${nameOf(workload)}: ${now.words}`);
    await wait(lookEveryMs, undefined, { signal: interrupted }).catch(() => undefined);
  }
}

/** An API server that is away for a while is waited for as the pods are. @throws what else is thrown */
function notNow(thrown: unknown): Rollout {
  if (!(thrown instanceof AppError) || thrown.code !== 'CLUSTER_UNREACHABLE') throw thrown;
  return { kind: 'under_way', words: thrown.message };
}
