/** svidecar explain kind/name on a real API server. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSvidecar, type CliResult } from '../../fakes/fake-terminal.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { installWebhook, type InstalledWebhook } from '../harness/webhook.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const shop = join(import.meta.dirname, '../fixtures/shop.yaml');

describeWithComponents(programs, 'svidecar explain on a real API server', () => {
  let api: ApiServer;
  let webhook: InstalledWebhook;

  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await api.createNamespace('plain');
    for (const namespace of ['shop', 'plain']) {
      const { code, stderr } = await api.kubectl(['apply', '-n', namespace, '-f', shop]);
      expect(code, stderr).toBe(0);
    }
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  const explain = (...words: readonly string[]): Promise<CliResult> =>
    runSvidecar(['explain', '--kubeconfig', api.kubeconfig, ...words]);

  test('an injected Deployment stays as it is', async () => {
    const { code, out, err } = await explain('deployment/frontend', '-n', 'shop');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('Deployment shop/frontend stays as it is');
    expect(out).not.toContain('envoy_config_awaited');
  });

  test('one in a namespace without label is not changed, and is told why', async () => {
    const { code, out } = await explain('deployments.apps/frontend', '-n', 'plain');
    expect(code).toBe(0);
    expect(out).toContain(
      'Deployment plain/frontend is not changed: its namespace lacks the label',
    );
    expect(out).toContain('kubectl label namespace plain svidecar.dev/injection=enabled');
  });

  test('where nothing was asked for, nobody is told to label the namespace', async () => {
    const { out } = await explain('deployment/svidecar', '-n', 'svidecar');
    expect(out).toContain('Deployment svidecar/svidecar is left alone');
    expect(out).not.toContain('kubectl label');
  });

  test('a pod of an injected Deployment is told of as its controller made it', async () => {
    const { stdout } = await api.kubectl(['get', 'pods', '-n', 'shop', '-o', 'name']);
    const { code, out } = await explain(
      stdout.trim().split('\n')[0] ?? '',
      '-n',
      'shop',
      '-o',
      'json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject([
      { kind: 'Pod', namespace: 'shop', decision: 'unchanged' },
    ]);
  });

  test('a name that is not there, and a cluster that is not, are faults that say so', async () => {
    const absent = await explain('deployment/absent', '-n', 'shop');
    expect([absent.code, absent.err]).toEqual([3, expect.stringContaining('"absent" not found')]);
    const nobody = join(import.meta.dirname, 'nobody.kubeconfig.yaml');
    const away = await runSvidecar(['explain', '--kubeconfig', nobody, 'pod/x']);
    expect([away.code, away.err]).toEqual([3, expect.stringContaining('[CLUSTER_UNREACHABLE]')]);
  });
});
