/** The commands of docs/identities.md, as they stand there, with the real spire-server, API server and spire-controller-manager. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, stringAt } from '#kernel/json.ts';
import { stepsOf } from '../e2e/harness/console-blocks.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents, programPath } from './harness/components.ts';
import { runCommand, waitUntil } from './harness/processes.ts';
import {
  installSpireCrds,
  startSpireControllerManager,
  type SpireControllerManager,
} from './harness/spire-controller-manager.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const root = join(import.meta.dirname, '../..');
const steps = stepsOf(readFileSync(join(root, 'docs/identities.md'), 'utf8'));
const programs = [
  'etcd',
  'kube-apiserver',
  'kubectl',
  'spire-controller-manager',
  'spire-server',
] as const;

describeWithComponents(programs, 'docs/identities.md', () => {
  let api: ApiServer;
  let spire: SpireServer;
  let manager: SpireControllerManager | undefined;
  let work: WorkFolder;

  beforeAll(async () => {
    [api, spire, work] = await Promise.all([
      startApiServer(),
      startSpireServer(),
      createWorkFolder('identities-page'),
    ]);
    await installSpireCrds(api);
    manager = await startSpireControllerManager({ api, spire });
    await gatewayRuns();
    await putIn('npx', `shift; exec ${root}/scripts/svidecar "$@"`);
    await putIn('kubectl', kubectlScript());
  }, 120_000);
  afterAll(async () => {
    await manager?.stop();
    await Promise.all([api.stop(), spire.stop()]);
    await work.remove();
  });

  const putIn = (name: string, body: string): Promise<void> =>
    writeFile(join(work.path, name), `#!/bin/bash\n${body}\n`, { mode: 0o755 });

  /** There are no nodes here, so SPIRE's server runs beside: `exec` is where that shows. */
  function kubectlScript(): string {
    const server = programPath('spire-server');
    return [
      'if [[ $1 == exec ]]; then',
      '  [[ " $* " == *" -n spire spire-server-0 -- /opt/spire/bin/spire-server "* ]] || exit 64',
      '  while [[ $1 != -- ]]; do shift; done; shift 2',
      `  exec ${server} "$1" "$2" -socketPath ${spire.socketPath} "\${@:3}"`,
      'fi',
      `exec ${programPath('kubectl')} --kubeconfig ${api.kubeconfig} "$@"`,
    ].join('\n');
  }

  /** A pod of Istio's gateway, and its Service. */
  async function gatewayRuns(): Promise<void> {
    await api.createNamespace('istio-system');
    const metadata = { labels: { istio: 'ingressgateway' }, namespace: 'istio-system' };
    const { status } = await api.request('POST', '/api/v1/namespaces/istio-system/pods', {
      metadata: { ...metadata, name: 'gateway-1' },
      spec: { containers: [{ name: 'istio-proxy', image: 'istio/proxyv2:1' }] },
    });
    expect(status).toBe(201);
    await api.request('POST', '/api/v1/namespaces/istio-system/services', {
      metadata: { ...metadata, name: 'istio-ingressgateway' },
      spec: { selector: metadata.labels, ports: [{ port: 80 }] },
    });
  }

  const ids = async (): Promise<readonly string[]> =>
    listAt(await spire.command(['entry', 'show']), 'entries')
      .filter(isObject)
      .map((entry) => stringAt(entry, 'id') ?? '');

  test.each([
    ['Commands', 6],
    ['JSON', 5],
    ["Single pods, and Istio's proxies", 1],
    ['Made by you', 1],
  ])('%s: each command does what the page says, and %i entries come of it', async (name, count) => {
    for (const id of await ids()) await spire.deleteEntry(id);
    const own = steps.filter(({ section }) => section === name);
    expect(own.length).toBeGreaterThan(0);
    for (const { command, shown } of own) {
      const script = `set -eo pipefail; PATH=${work.path}:$PATH; cd ${root}; ${command}`;
      const { code, stdout, stderr } = await runCommand('bash', ['-c', script]);
      expect(code, `${command}\n${stdout}${stderr}`).toBe(0);
      expect(stdout).toContain(shown.join('\n'));
    }
    await waitUntil('the entries', async () => (await ids()).length === count, {
      deadlineMs: 20_000,
    });
  });
});
