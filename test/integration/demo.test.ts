import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { validateEnvoy } from './harness/envoy.ts';
import { waitUntil } from './harness/processes.ts';
import { installWebhook, type InstalledWebhook } from './harness/webhook.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'envoy'];
const demo = join(import.meta.dirname, '../../manifests/demo');
/** CSI and mTLS are there; what stays outside a test is the agent's socket. */
const derivedName = /^(frontend|backend)-envoy-svidecar-[0-9a-f]{32}$/;

describeWithComponents(programs, 'the demo, applied to a real API server', () => {
  let api: ApiServer;
  let webhook: InstalledWebhook;
  let applied: { readonly code: number | null; readonly stderr: string };

  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
    await api.createNamespace('demo', { 'svidecar.dev/injection': 'enabled' });
    applied = await api.kubectl(['apply', '-k', demo]);
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  async function read(kind: string): Promise<readonly JsonObject[]> {
    const { stdout } = await api.kubectl(['get', '-n', 'demo', kind, '-o', 'json']);
    const list: unknown = JSON.parse(stdout);
    return listAt(isObject(list) ? list : {}, 'items').filter(isObject);
  }

  function nameOf(object: JsonObject): string {
    return stringAt(objectAt(object, 'metadata'), 'name') ?? '';
  }

  test('injects frontend and backend, and says so; frontend-2 asked for nothing', async () => {
    expect(applied.code, applied.stderr).toBe(0);
    expect(applied.stderr).toContain('injected jwt-inject');
    expect(applied.stderr).toContain('injected jwt-validate');
    const injected = (await read('deployments')).filter((deployment) =>
      JSON.stringify(deployment['spec']).includes('"name":"auth-helper"'),
    );
    expect(injected.map(nameOf).sort()).toEqual(['backend', 'frontend']);
  });

  test('gets patched configurations that real Envoy accepts', async () => {
    let derived: readonly JsonObject[] = [];
    await waitUntil('both derived ConfigMaps exist', async () => {
      derived = (await read('configmaps')).filter((object) => derivedName.test(nameOf(object)));
      return derived.length === 2;
    });
    for (const configMap of derived) {
      const text = stringAt(objectAt(configMap, 'data'), 'envoy.yaml') ?? '';
      expect(text).toContain('svidecar-rule');
      expect(await validateEnvoy(text)).toMatchObject({ ok: true });
    }
  });

  test('has its pods admitted by Pod Security restricted', async () => {
    await waitUntil('a pod of each', async () => (await read('pods')).length === 3);
    const warned = applied.stderr.includes('would violate PodSecurity');
    expect(warned).toBe(false);
  });
});
