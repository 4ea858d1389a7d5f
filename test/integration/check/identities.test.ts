/** svidecar identities, and the checks of registrations, on a real API server and a real SPIRE server. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { runSvidecar } from '../../fakes/fake-terminal.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { waitUntil } from '../harness/processes.ts';
import { startSpireServer, type SpireServer } from '../harness/spire-server.ts';
import { installWebhook, type InstalledWebhook } from '../harness/webhook.ts';
import { checkCluster } from './told.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'spire-server'];
const shop = join(import.meta.dirname, '../fixtures/shop.yaml');
const parentId = 'spiffe://example.org/ns/spire/sa/spire-agent';

describeWithComponents(programs, 'svidecar identities on a real API server and SPIRE', () => {
  let api: ApiServer;
  let webhook: InstalledWebhook;
  let spire: SpireServer;

  beforeAll(async () => {
    [api, spire] = await Promise.all([startApiServer(), startSpireServer()]);
    webhook = await installWebhook(api);
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    const { code, stderr } = await api.kubectl(['apply', '-n', 'shop', '-f', shop]);
    expect(code, stderr).toBe(0);
    await waitUntil('its pod is there', async () => {
      const { stdout } = await api.kubectl(['get', 'pods', '-n', 'shop', '-o', 'name']);
      return stdout !== '';
    });
  });
  afterAll(async () => {
    await webhook.stop();
    await Promise.all([api.stop(), spire.stop()]);
  });

  async function identities(
    ...words: readonly string[]
  ): Promise<{ readonly code: number; readonly frontend: JsonObject | undefined }> {
    const line = ['identities', '--kubeconfig', api.kubeconfig, '-o', 'json', '-n', 'shop'];
    const { code, out } = await runSvidecar([...line, ...words]);
    const report: unknown = JSON.parse(out);
    const [frontend] = listAt(isObject(report) ? report : {}, 'workloads').filter(isObject);
    return { code, frontend };
  }
  const bySocket = (): ReturnType<typeof identities> =>
    identities('--spire-server', spire.socketPath);

  test('from no entry, by one that does not fit and one without a parent, to the pod that waits for a node', async () => {
    const before = await bySocket();
    expect(before.code).toBe(1);
    expect(before.frontend).toMatchObject({ kind: 'Deployment', link: { step: 'entry' } });
    const spiffeId = stringAt(before.frontend, 'spiffeId') ?? '';
    const account = spiffeId.slice(spiffeId.lastIndexOf('/') + 1);

    const wrong = await spire.createEntry({
      spiffeId,
      parentId,
      selectors: ['k8s:ns:shop', 'k8s:sa:nobody'],
    });
    const { frontend } = await bySocket();
    expect(frontend?.['link']).toMatchObject({ step: 'selectors' });
    expect(listAt(frontend, 'entries')).toMatchObject([{ id: wrong, unmet: ['k8s:sa:nobody'] }]);
    await spire.deleteEntry(wrong);

    const selectors = ['k8s:ns:shop', `k8s:sa:${account}`, 'k8s:container-name:auth-helper'];
    await spire.createEntry({ spiffeId, parentId, selectors });
    expect((await bySocket()).frontend?.['link']).toMatchObject({ step: 'parent' });
    await spire.createEntry({
      spiffeId: parentId,
      parentId: 'spiffe://example.org/spire/server',
      selectors: ['k8s_psat:cluster:one'],
    });
    const after = await bySocket();
    expect(after.code).toBe(0);
    expect(after.frontend).toMatchObject({
      link: { status: 'complete' },
      pods: [{ status: 'unknown', reason: 'the pod does not run yet' }],
    });
  });

  test('what SPIRE prints will do, from standard input', async () => {
    const printed = await spire.command(['entry', 'show']);
    const line = ['identities', '--kubeconfig', api.kubeconfig, '--entries', '-', '-o', 'json'];
    const { code, out } = await runSvidecar(line, { stdin: JSON.stringify(printed) });
    const told: unknown = JSON.parse(out);
    expect(code).toBe(0);
    expect(objectAt(isObject(told) ? told : {}, 'summary')).toEqual({
      complete: 1,
      missing: 0,
      unknown: 0,
    });
  });

  test('the checks of registrations are content, and tell of a server that does not answer', async () => {
    const well = await checkCluster(api.kubeconfig, '--spire-server', spire.socketPath);
    for (const id of ['spire_server', 'trust_domain', 'entry_present', 'entry_selectors'])
      expect([id, well.statuses[id]]).toEqual([id, 'ok']);
    const gone = await checkCluster(api.kubeconfig, '--spire-server', '/tmp/nobody/api.sock');
    expect(gone.statuses).toMatchObject({ spire_server: 'error', entry_present: 'unknown' });
    expect(gone.findings).toContainEqual(expect.stringContaining('[SPIRE_UNREACHABLE]'));
  });

  test('a spire-controller-manager without a prefix is found where the webhook registers', async () => {
    const write = async (path: string, object: JsonObject): Promise<void> => {
      expect((await api.request('POST', path, object)).status).toBe(201);
    };
    await api.createNamespace('spire');
    const configMap = { 'c.yaml': 'kind: ControllerManagerConfig\nclusterName: one\n' };
    await write('/api/v1/namespaces/spire/configmaps', {
      metadata: { name: 'scm' },
      data: configMap,
    });
    const labels = { app: 'scm' };
    const volumes = [{ name: 'c', configMap: { name: 'scm' } }];
    const image = 'ghcr.io/spiffe/spire-controller-manager:0.6.3';
    await write('/apis/apps/v1/namespaces/spire/deployments', {
      metadata: { name: 'scm' },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'm', image }], volumes } },
      },
    });
    const config = join(import.meta.dirname, '../fixtures/registers.yaml');
    const { findings } = await checkCluster(api.kubeconfig, '--config', config);
    expect(findings).toContainEqual(
      expect.stringMatching(/^entry_id_prefix error spire\/scm: .*no entryIDPrefix/),
    );
  });
});
