/** Workloads are restarted one after the other: each once the one before is ready, and none while an earlier one is not. */
import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '#kernel/errors.ts';
import type { JudgedWorkloads, UnfinishedWorkload } from '../console-cluster/judged-workloads.ts';
import type { NamedWorkload } from '../console-cluster/restart-workload.ts';
import type { WorkloadRow } from '../console/console-model.ts';
import type { KubernetesApi } from '../kube/kubernetes-api.ts';
import type { Rollout } from '../objects/rollout.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds between two looks at a rollout, and for one request. */
const lookEveryMs = 1_000;
const askMs = 30_000;

export interface RestartPace {
  /** Milliseconds from one restart to the next. */
  readonly everyMs: number;
  readonly patienceMs: number;
}

export interface RestartSite extends Pick<JudgedWorkloads, 'judge'> {
  readonly api: KubernetesApi;
  readonly pace: RestartPace;
  readonly terminal: Terminal;
}

interface Restarts {
  /** Roll-outs of earlier restarts, which are waited for first. */
  readonly awaited: readonly UnfinishedWorkload[];
  readonly all: readonly WorkloadRow[];
}

export function titleOfWorkload({ kind, namespace, name }: NamedWorkload): string {
  return `${kind} ${namespace}/${name}`;
}

/** @returns whether all of them are ready again, and as of today */
export async function restartAll({ awaited, all }: Restarts, site: RestartSite): Promise<boolean> {
  const { pace, terminal } = site;
  const interrupted = terminal.untilInterrupted();
  const before = await untilReady(awaited, site, interrupted);
  if (before !== undefined) return stopped(all.length, before, terminal);
  let dueMs = 0;
  let areAllDone = true;
  for (const [index, workload] of all.entries()) {
    const early = dueMs - terminal.now();
    if (early > 0) await wait(early, undefined, { signal: interrupted }).catch(() => undefined);
    if (interrupted.aborted) return stopped(all.length - index, wasInterrupted, terminal);
    const end = await restartOne(workload, site, interrupted);
    terminal.out(`${titleOfWorkload(workload)}  ${end.words}\n`);
    if (end.kind === 'stopped') return stopped(all.length - index - 1, end.why, terminal);
    if (end.kind === 'in_vain' || end.kind === 'by_hand') areAllDone = false;
    // What was not touched costs no time.
    if ('beganMs' in end) dueMs = end.beganMs + pace.everyMs;
  }
  return areAllDone;
}

const wasInterrupted = 'it was interrupted';
const wasNotReady = 'a workload did not become ready';

/** @returns why not: words for {@link stopped} */
async function untilReady(
  awaited: readonly UnfinishedWorkload[],
  site: RestartSite,
  interrupted: AbortSignal,
): Promise<string | undefined> {
  for (const workload of awaited) {
    const end = await untilRolled(workload, site, interrupted).catch(unlessGone);
    const title = titleOfWorkload(workload);
    if (end === undefined || end.kind === 'done') continue;
    site.terminal.out(`${title}  was restarted before, and is not ready: ${end.words}\n`);
    if (end.kind === 'interrupted') return wasInterrupted;
    if (end.kind !== 'by_hand')
      return `what was restarted before is not ready (mend ${title}, or take its change back: kubectl rollout undo)`;
  }
  return undefined;
}

function unlessGone(thrown: unknown): undefined {
  if (!(thrown instanceof AppError) || thrown.code !== 'OBJECT_NOT_FOUND') throw thrown;
  return undefined;
}

type Ended =
  | { readonly kind: 'restarted' | 'by_hand'; readonly words: string; readonly beganMs: number }
  | { readonly kind: 'stopped'; readonly words: string; readonly why: string }
  | { readonly kind: 'in_vain' | 'nothing_to_do'; readonly words: string };

async function restartOne(
  workload: WorkloadRow,
  site: RestartSite,
  interrupted: AbortSignal,
): Promise<Ended> {
  const { restartProspect, restartWorkload } =
    await import('../console-cluster/restart-workload.ts');
  const { api, judge, terminal } = site;
  const beganMs = terminal.now();
  const asked = { nowMs: beganMs, signal: AbortSignal.timeout(askMs) };
  try {
    const prospect = await restartProspect(api, workload, { ...asked, judge });
    if (prospect.kind === 'in_vain')
      return { kind: 'in_vain', words: `not restarted: ${prospect.words}` };
    if (prospect.kind === 'current') return { kind: 'nothing_to_do', words: prospect.words };
    await restartWorkload(api, workload, asked);
    return endedBy(await untilRolled(workload, site, interrupted), beganMs);
  } catch (thrown) {
    unlessGone(thrown);
    return { kind: 'nothing_to_do', words: 'is gone' };
  }
}

function endedBy(end: Rolled, beganMs: number): Ended {
  switch (end.kind) {
    case 'done':
      return { kind: 'restarted', words: 'restarted, and ready', beganMs };
    case 'by_hand':
      return { kind: 'by_hand', words: `restarted, but ${end.words}`, beganMs };
    case 'interrupted':
      return {
        kind: 'stopped',
        words: `restarted, and not waited for to the end: ${end.words}`,
        why: wasInterrupted,
      };
    case 'under_way':
    case 'stuck':
      return {
        kind: 'stopped',
        words: `restarted, and not ready: ${end.words}`,
        why: wasNotReady,
      };
    default:
      return end satisfies never;
  }
}

function stopped(left: number, why: string, { err }: Terminal): false {
  err(`stopped, because ${why}; ${left} more were not touched: run it again to go on\n`);
  return false;
}

type Rolled = Rollout | { readonly kind: 'interrupted'; readonly words: string };

async function untilRolled(
  workload: NamedWorkload,
  { api, pace, terminal }: RestartSite,
  interrupted: AbortSignal,
): Promise<Rolled> {
  const { readRollout } = await import('../console-cluster/restart-workload.ts');
  const deadline = terminal.now() + pace.patienceMs;
  for (;;) {
    const now = await readRollout(api, workload, AbortSignal.timeout(askMs)).catch(notNow);
    if (now.kind !== 'under_way') return now;
    if (interrupted.aborted) return { kind: 'interrupted', words: now.words };
    if (terminal.now() >= deadline) return now;
    terminal.tellProgress?.(`${titleOfWorkload(workload)}: ${now.words}`);
    await wait(lookEveryMs, undefined, { signal: interrupted }).catch(() => undefined);
  }
}

/** An API server that is away for a while is waited for as the pods are. @throws what else is thrown */
function notNow(thrown: unknown): Rollout {
  if (!(thrown instanceof AppError) || thrown.code !== 'CLUSTER_UNREACHABLE') throw thrown;
  return { kind: 'under_way', words: thrown.message };
}
