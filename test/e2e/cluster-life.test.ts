/** The cluster script itself: up, again, beside another, status, down. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitUntil } from '../integration/harness/processes.ts';
import { describeOnCluster, ownCluster, type OwnCluster } from './harness/cluster.ts';

/** A fresh start takes 10 s on an idle machine, and several times that on a busy one. */
const startMs = 240_000;

const clusters =
  process.env['SVIDECAR_CLUSTERS'] ??
  join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'svidecar/clusters');

/** What `status` shows of each part: the process that runs it, or that it has stopped. */
async function parts(cluster: OwnCluster): Promise<ReadonlyMap<string, number | undefined>> {
  const { stdout } = await cluster.run(['status']);
  const lines = [...stdout.matchAll(/^(?:runs|stopped) +(\S+) \((?:process (\d+))?/gm)];
  return new Map(
    lines.map(([, part = '', pid]) => [part, pid === undefined ? undefined : Number(pid)]),
  );
}

/** One that has ended, and only waits for its parent to notice, is gone. @see proc(5): the state comes after the name in brackets */
function exists(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat
      .slice(stat.lastIndexOf(')') + 1)
      .trimStart()
      .startsWith('Z');
  } catch {
    return false;
  }
}

/** Processes of this machine in a network namespace, such as `net:[4026532008]`. */
function processesIn(network: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/net`) === network;
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

function cgroupsOf(name: string): readonly string[] {
  const root = '/sys/fs/cgroup';
  return [root, ...readdirSync(root).map((each) => join(root, each))]
    .map((hierarchy) => join(hierarchy, `svidecar-${name}`))
    .filter((folder) => existsSync(folder));
}

describeOnCluster('scripts/cluster', (shared) => {
  let cluster: OwnCluster;

  beforeAll(async () => {
    cluster = ownCluster('life');
    const { code, stdout, stderr } = await cluster.run(['up']);
    expect(code, stdout + stderr).toBe(0);
  }, startMs);
  afterAll(() => cluster.remove(), startMs);

  test(
    'a second up starts nothing anew',
    async () => {
      const before = await parts(cluster);
      expect((await cluster.run(['up'])).code).toBe(0);
      expect(await parts(cluster)).toEqual(before);
      expect([...before.keys()].sort()).toEqual([
        'containerd',
        'etcd',
        'kube-apiserver',
        'kube-controller-manager',
        'kube-proxy',
        'kube-scheduler',
        'kubelet',
        'machine',
      ]);
    },
    startMs,
  );

  test('two clusters stand side by side and know nothing of each other', async () => {
    await cluster.kubectl(['create', 'configmap', 'only-here']);
    const elsewhere = await shared.kubectl(['get', 'configmaps', '--output', 'name']);
    expect(elsewhere).not.toContain('only-here');
    for (const each of [cluster, shared]) {
      const address = ['get', 'service', 'kubernetes', '--output', 'jsonpath={.spec.clusterIP}'];
      expect(await each.kubectl(address)).toBe('10.96.0.1');
    }
  });

  test(
    'a part that has ended is named by status, and started by up',
    async () => {
      const pid = (await parts(cluster)).get('kube-scheduler') ?? 0;
      process.kill(pid, 'SIGKILL');
      await waitUntil('the scheduler has ended', () => Promise.resolve(!exists(pid)));
      const { code, stdout } = await cluster.run(['status']);
      expect(code).toBe(1);
      expect(stdout).toMatch(/^stopped +kube-scheduler/m);
      expect(stdout).toMatch(/^runs +kubelet/m);
      expect((await cluster.run(['up'])).code).toBe(0);
      expect((await cluster.run(['status'])).code).toBe(0);
      expect((await parts(cluster)).get('kube-scheduler')).not.toBe(pid);
    },
    startMs,
  );

  test('wrong words are refused with what is right', async () => {
    const { code, stderr } = await cluster.run(['frobnicate']);
    expect(code).toBe(2);
    expect(stderr).toContain("there is no command 'frobnicate'");
    const missing = await cluster.run(['load', 'no-such.tar']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('no image file no-such.tar');
  });

  test(
    'down leaves no process, mount, network, cgroup or file',
    async () => {
      const running = await parts(cluster);
      const inside = (
        await cluster.run(['exec', '--', 'readlink', '/proc/self/ns/net'])
      ).stdout.trim();
      expect(processesIn(inside).length).toBeGreaterThan(running.size);
      expect(cgroupsOf(cluster.name)).not.toEqual([]);

      expect((await cluster.run(['down'])).code).toBe(0);

      expect([...running.values()].filter((pid) => pid !== undefined && exists(pid))).toEqual([]);
      expect(processesIn(inside)).toEqual([]);
      expect(cgroupsOf(cluster.name)).toEqual([]);
      expect(readdirSync(clusters).filter((each) => each.includes(cluster.name))).toEqual([]);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(cluster.name);
      const { code, stdout } = await cluster.run(['status']);
      expect([code, stdout.trim()]).toEqual([1, `cluster ${cluster.name} does not run`]);
      expect((await cluster.run(['down'])).code).toBe(0);
    },
    startMs,
  );
});
