/** The harness's istiod: real, with the rights of its chart alone, and with Istio's defaults. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { istiodPrograms, startIstiod, type Istiod } from './harness/istiod.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];

describeWithComponents([...programs, ...istiodPrograms], 'istiod', () => {
  let api: ApiServer;
  let istiod: Istiod;
  beforeAll(async () => {
    api = await startApiServer();
    istiod = await startIstiod(api);
  });
  afterAll(async () => {
    await istiod.stop();
    await api.stop();
  });

  test('injects its proxy as a native sidecar, as Istio does since 1.27', async () => {
    await api.createNamespace('shop', { 'istio-injection': 'enabled' });
    const { status, body } = await api.request('POST', '/api/v1/namespaces/shop/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'frontend' },
      spec: { containers: [{ name: 'app', image: 'app:1' }] },
    });
    expect(status).toBe(201);
    expect(listAt(objectAt(isObject(body) ? body : {}, 'spec'), 'initContainers')).toMatchObject([
      { name: 'istio-init' },
      { name: 'istio-proxy', restartPolicy: 'Always' },
    ]);
  });

  test('has all the rights that it needs, from its chart', async () => {
    expect(await readFile(istiod.logFile, 'utf8')).not.toContain('forbidden');
  });
});
