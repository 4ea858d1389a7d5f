/** Pods have an address of IPv6, of IPv4, or of both; their loopback has 127.0.0.1 always. Tried in own network namespaces. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand, startProcess, waitUntil, type RunningProcess } from './harness/processes.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { binaryOf, runtimes, type Runtime } from './runtimes.ts';

const namespace = `svidecar-${process.pid}`;
const canHaveNamespaces =
  process.getuid?.() === 0 && spawnSync('ip', ['netns', 'list']).status === 0;

/** The helper with all defaults, but for a Workload API that is not there. */
const settings = `version: 1
workloadApi: unix:///nowhere/agent.sock
rules: [{name: jwt-validate, mode: validate, audiences: [a]}]
`;

async function inside(...command: readonly string[]): Promise<string> {
  const { stdout } = await runCommand('ip', ['netns', 'exec', namespace, ...command]);
  return stdout;
}

/** HTTP status of a GET inside the namespace; 000 where nobody answers. */
function statusOf(url: string, ...flags: readonly string[]): Promise<string> {
  return inside('curl', '-sg', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', ...flags, url);
}

describe.skipIf(!canHaveNamespaces)('the helper with the default addresses', () => {
  let work: WorkFolder;
  beforeAll(async () => {
    work = await createWorkFolder('families');
    writeFileSync(join(work.path, 'settings.yaml'), settings);
    await runCommand('ip', ['netns', 'add', namespace]);
    await inside('ip', 'link', 'set', 'lo', 'up');
    await inside('ip', 'addr', 'add', 'fd00:5::1/128', 'dev', 'lo');
  });
  afterAll(async () => {
    await runCommand('ip', ['netns', 'del', namespace]);
    await work.remove();
  });

  async function start(runtime: Runtime): Promise<RunningProcess> {
    const file = join(work.path, 'settings.yaml');
    const root = join(import.meta.dirname, '../..');
    const program = [resolve(root, binaryOf(runtime)), join(root, 'sidecar/main.ts')];
    const helper = startProcess({
      name: `helper-${runtime}`,
      command: 'ip',
      args: ['netns', 'exec', namespace, ...program, '-config', file],
      folder: work.path,
    });
    await waitUntil(
      'the helper listens',
      async () => (await statusOf('http://127.0.0.1:9011/livez')) === '200',
      { processes: [helper] },
    );
    return helper;
  }

  test.each(runtimes)(
    'on %s answers the kubelet at an address of IPv6, and Envoy on 127.0.0.1',
    async (runtime) => {
      const helper = await start(runtime);
      try {
        expect(await statusOf('http://[fd00:5::1]:9011/livez')).toBe('200');
        expect(await statusOf('http://[fd00:5::1]:9010/', '--http2-prior-knowledge')).toBe('000');
        expect(await statusOf('http://127.0.0.1:9010/', '--http2-prior-knowledge')).toBe('415');
      } finally {
        await helper.stop();
      }
    },
  );

  test.each(runtimes)('on %s runs where IPv6 is switched off', async (runtime) => {
    await inside('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    const helper = await start(runtime);
    try {
      expect(await statusOf('http://127.0.0.1:9011/livez')).toBe('200');
    } finally {
      await helper.stop();
    }
  });
});
