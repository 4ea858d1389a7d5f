import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startProcess, type RunningProcess } from '../integration/harness/processes.ts';
import { artefact } from './harness/artefacts.ts';
import { describeOnCluster, repository } from './harness/cluster.ts';
import { demoIn } from './harness/demo-in.ts';
import type { Report } from './harness/steady-load.ts';
import { installSvidecar, nameOf, Workloads } from './harness/workloads.ts';

const apps = ['backend', 'frontend'];
/** Requests a second to each group; for each, the frontend asks the backend three times. */
const rate = 4;
/**
 * None where the control group lost none. Where it lost some the machine has no time left for either: then the groups may
 * differ, but not by an order.
 */
const allowed = (lostByControl: number): number => 3 * lostByControl;
const loadProgram = join(import.meta.dirname, 'harness/steady-load.ts');

interface Phase {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Percent of the time in which something on this machine waited for a CPU; absent where the kernel does not tell. */
  readonly cpuWaited: number | undefined;
}

/** Milliseconds since the start of the machine in which something waited for a CPU. */
function cpuWaitedMs(): number | undefined {
  try {
    const [, total] = /^some .*total=(\d+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8')) ?? [];
    return total === undefined ? undefined : Number(total) / 1_000;
  } catch {
    return undefined;
  }
}

describeOnCluster('steady load on two pods of each workload', (cluster) => {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-load-'));
  const injected = new Workloads(cluster, 'load');
  /** The same, annotated alike, in a namespace without the label. */
  const control = new Workloads(cluster, 'load-control');
  const groups = [injected, control];
  const phases: Phase[] = [];

  beforeAll(async () => {
    await installSvidecar(cluster);
    const enabled = ['svidecar.dev/injection: enabled'];
    for (const { namespace } of groups) {
      const labels = namespace === injected.namespace ? enabled : [];
      await cluster.kubectl(['apply', '-f', '-'], demoIn({ namespace, labels, replicas: 2 }));
    }
    for (const group of groups) await group.rolledOut(apps);
    for (const group of groups) await group.answers();
  });
  afterAll(async () => {
    const namespaces = groups.map(({ namespace }) => namespace);
    await cluster.kubectl(['delete', 'namespace', ...namespaces, '--wait=false']);
    rmSync(work, { recursive: true });
  });

  async function during(name: string, action: () => Promise<void>): Promise<void> {
    const fromMs = Date.now();
    const waitedMs = cpuWaitedMs();
    await action();
    // What it breaks may show a little later.
    await sleep(2_000);
    const toMs = Date.now();
    const allMs = cpuWaitedMs();
    const isTold = waitedMs !== undefined && allMs !== undefined;
    const share = isTold ? (allMs - waitedMs) / (toMs - fromMs) : undefined;
    const cpuWaited = share === undefined ? undefined : Math.round(share * 100);
    phases.push({ name, fromMs, toMs, cpuWaited });
  }

  async function restart(namespace: string, owner: string): Promise<void> {
    await cluster.kubectl(['rollout', 'restart', '-n', namespace, owner]);
    await cluster.kubectl(['rollout', 'status', '-n', namespace, owner, '--timeout', '150s']);
  }

  function startLoad(): RunningProcess {
    const urls = groups.map(({ url }) => url);
    const load = ['exec', '--', process.execPath, loadProgram, `${rate}`, ...urls];
    const command = join(repository, 'scripts/cluster');
    return startProcess({
      name: 'load',
      command,
      args: ['--name', cluster.name, ...load],
      folder: work,
    });
  }

  async function disturb(): Promise<void> {
    await during('nothing', () => sleep(3_000));
    await during('rolling update of all workloads', async () => {
      const all = apps.map((app) => `deployment/${app}`);
      for (const group of groups) await group.kubectl(['rollout', 'restart', ...all]);
      for (const group of groups) await group.rolledOut(apps);
    });
    await during("restart of the node's SPIRE agent", () =>
      restart('spire', 'daemonset/spire-agent'),
    );
    await during('restart of the SPIRE server', () => restart('spire', 'statefulset/spire-server'));
    await during('restart of the webhook', () => restart('svidecar', 'deployment/svidecar'));
    await during('eviction of a pod of each workload', async () => {
      for (const group of groups) {
        for (const app of apps) {
          const [pod] = await group.podsOf(app);
          if (pod !== undefined) await group.evict(nameOf(pod));
        }
      }
      for (const group of groups) await group.rolledOut(apps);
    });
  }

  test(
    'loses no request to svidecar: not by rolling updates, restarts, or evictions',
    { timeout: 300_000 },
    async () => {
      const load = startLoad();
      try {
        await disturb();
      } finally {
        await load.stop(15_000);
      }
      // Our own program's, which wrote it a moment ago.
      const report = JSON.parse(readFileSync(load.logFile, 'utf8')) as Report;
      const failed = ({ url }: Workloads, { fromMs, toMs }: Phase): readonly string[] =>
        (report[url]?.failures ?? [])
          .filter(({ sentMs }) => sentMs >= fromMs && sentMs < toMs)
          .map(({ what }) => what);
      const rows = phases.map((phase) => ({
        phase: phase.name,
        seconds: Math.round((phase.toMs - phase.fromMs) / 1000),
        cpuWaited: phase.cpuWaited,
        injected: failed(injected, phase),
        control: failed(control, phase),
      }));
      writeFileSync(artefact('load.json'), JSON.stringify({ rate, rows, report }, undefined, 1));
      for (const { url } of groups) expect(report[url]?.sent).toBeGreaterThan(rate * 20);
      expect(rows.filter((row) => row.injected.length > allowed(row.control.length))).toEqual([]);
    },
  );
});
