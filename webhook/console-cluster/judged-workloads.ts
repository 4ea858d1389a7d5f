/** Where each workload stands, once: the console's board, waited for until all of it is judged. */
import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { InstalledRevisions } from '../checks/installed-revisions.ts';
import type { ClusterStanding, WorkloadRow } from '../console/console-model.ts';
import type { WorkloadVerdict } from '../console/judge-workload.ts';
import type { UnfinishedRollout } from '../objects/rollout.ts';
import { ConsoleCluster, type ConsoleClusterOptions } from './console-cluster.ts';
import type { NamedWorkload } from './restart-workload.ts';

export interface JudgedWorkloads {
  readonly rows: readonly WorkloadRow[];
  readonly standing: ClusterStanding;
  /** Those with roll-outs by a restart that are not done. */
  readonly unfinished: readonly UnfinishedWorkload[];
  /** Undefined while no hooks may be read. */
  readonly installed: InstalledRevisions | undefined;
  /** Another object, as the rows were judged. */
  readonly judge: (object: JsonObject) => WorkloadVerdict | undefined;
}

export type UnfinishedWorkload = NamedWorkload & UnfinishedRollout;

/** Milliseconds between two looks, and for the whole: a longer one hangs. */
const lookEveryMs = 100;
const deadlineMs = 5 * 60_000;

/** @throws {AppError} CLUSTER_UNREACHABLE where the cluster goes away meanwhile, or is not read in time */
export async function judgedWorkloads(options: ConsoleClusterOptions): Promise<JudgedWorkloads> {
  const over = new AbortController();
  const cluster = new ConsoleCluster(options);
  const deadline = options.clock.now() + deadlineMs;
  cluster.start(over.signal);
  try {
    for (;;) {
      await wait(lookEveryMs);
      cluster.flush();
      const { standing } = cluster;
      if (standing.connection === 'away')
        throw new AppError('CLUSTER_UNREACHABLE', standing.problem ?? 'the API server went away');
      const rows = cluster.board.rows();
      const isWhole = standing.connection === 'connected' && standing.awaited.length === 0;
      const isJudged = rows.every(({ why }) => why?.id !== 'being_judged');
      if (isWhole && isJudged && cluster.backlog === 0)
        return {
          rows,
          standing,
          unfinished: unfinishedOf(cluster),
          installed: cluster.configuration.installed,
          judge: (object) => cluster.judge(object),
        };
      if (options.clock.now() > deadline)
        throw new AppError('CLUSTER_UNREACHABLE', `${standing.server}: not read in five minutes`);
    }
  } finally {
    over.abort();
  }
}

function unfinishedOf({ board }: ConsoleCluster): readonly UnfinishedWorkload[] {
  return [...board.workloads()].flatMap(([, { namespace, kind, name, unfinished }]) =>
    unfinished === undefined ? [] : [{ namespace, kind, name, ...unfinished }],
  );
}
