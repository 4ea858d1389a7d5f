/** Pages that are asked for at a steady rate while something happens to the pods behind them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../../integration/harness/processes.ts';
import { createWorkFolder } from '../../integration/harness/work-folder.ts';
import { repository, type Cluster } from './cluster.ts';
import type { Report } from './steady-load.ts';

/** Before and after what happens. */
const aroundMs = 1_000;

export type PageReport = Report[string];

/** @param load.rate requests a second */
export async function underLoad(
  cluster: Cluster,
  load: { readonly url: string; readonly rate: number },
  happens: () => Promise<unknown>,
): Promise<PageReport> {
  const work = await createWorkFolder('load');
  const program = join(import.meta.dirname, 'steady-load.ts');
  const running = startProcess({
    name: 'load',
    command: join(repository, 'scripts/cluster'),
    args: [
      '--name',
      cluster.name,
      'exec',
      '--',
      process.execPath,
      program,
      `${load.rate}`,
      load.url,
    ],
    folder: work.path,
  });
  try {
    await sleep(aroundMs);
    await happens();
    await sleep(aroundMs);
    await running.stop(15_000);
    // Our own program's, which wrote it a moment ago.
    const report = JSON.parse(readFileSync(running.logFile, 'utf8')) as Report;
    return report[load.url] ?? { sent: 0, failures: [] };
  } finally {
    await running.stop(0);
    await work.remove();
  }
}
