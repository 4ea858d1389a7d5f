/** The cluster room when somebody changes things without end, or very large ones: it stays calm, and fair. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { decideOn, injected } from '../../fakes/admission.ts';
import { refuse } from '../../fakes/api-server.ts';
import { helperFor } from '../../fakes/desire.ts';
import { injectBackend, pod } from '../../fakes/workloads.ts';
import { statusOf } from '../../../webhook/injection/status.ts';
import { api, configMaps, putConfigMap, putDeployment, start, until } from './fake-room.ts';

const lists = (path = configMaps): number => api.requests(path, false).length;
const putNamespace = (name: string, injection?: string): void => {
  const labels = injection === undefined ? {} : { 'svidecar.dev/injection': injection };
  api.put('Namespace', { metadata: { name, labels } });
};

test('a watch that is always too late is not answered by one list after another', async () => {
  let refusals = 0;
  api.intercept = ({ path, query }, response): boolean => {
    if (path !== configMaps || !query.has('watch')) return false;
    refusals += 1;
    refuse(response, 410, 'Expired');
    return true;
  };
  await start({ firstRelistMs: 200, lastRelistMs: 10_000 });
  await wait(2_000);
  // At 0, 0.1 to 0.2, 0.3 to 0.6, 0.7 to 1.4, 1.5 to 3 s.
  expect(lists()).toBeLessThanOrEqual(5);
  expect(refusals).toBe(lists());
});

test("statuses and labels that come and go have nobody else's ConfigMaps listed", async () => {
  putNamespace('plain');
  await start({ fillEveryMs: 60_000 });
  const status = { 'svidecar.dev/status': '{"helper":"x"}' };
  for (let i = 0; i < 15; i += 1) {
    api.put('Deployment', {
      metadata: { namespace: 'plain', name: 'web' },
      spec: { template: { metadata: { annotations: status } } },
    });
    await wait(10);
    api.remove('Deployment', 'plain/web');
    await wait(10);
  }
  for (let i = 0; i < 15; i += 1) {
    putNamespace('plain', 'enabled');
    await wait(20);
    putNamespace('plain');
    await wait(20);
  }
  expect(lists()).toBe(1);
  const ofPlain = lists('/api/v1/namespaces/plain/configmaps');
  expect(ofPlain).toBeGreaterThan(0);
  expect(ofPlain).toBeLessThanOrEqual(3);
});

test('a namespace that gets the label has its own ConfigMaps listed, in pages', async () => {
  putNamespace('plain');
  for (let i = 0; i < 5; i += 1)
    api.put('ConfigMap', { metadata: { namespace: 'plain', name: `c${i}` }, data: { f: 'x' } });
  const cluster = await start({ pageSize: 2 });
  expect(cluster.configMap('plain', 'c4')).toBeUndefined();
  putNamespace('plain', 'pod');
  await until('it is read', () => cluster.configMap('plain', 'c4') !== undefined);
  expect(lists('/api/v1/namespaces/plain/configmaps')).toBe(3);
});

test('pages of large objects are asked for in smaller ones', async () => {
  for (let i = 0; i < 12; i += 1) putConfigMap(`c${i}`, 'x'.repeat(40_000));
  const cluster = await start({ pageSize: 16, pageBytes: 100_000 });
  const sizes = api.requests(configMaps, false).map(({ query }) => query.get('limit'));
  expect(sizes.slice(0, 3)).toEqual(['16', '4', '1']);
  expect(cluster.configMap('shop', 'c11')).toBeDefined();
});

test('one that changes without end is looked at at a steady rate, and holds up no other', async () => {
  putNamespace('calm', 'enabled');
  const cluster = await start({ looksAtOnce: 5, lookEveryMs: 300, namespacesAtOnce: 1 });
  putDeployment('web', { source: 'envoy' });
  let applies = 0;
  api.intercept = ({ method, path }): boolean => {
    if (method === 'PATCH' && path.includes('/shop/')) applies += 1;
    return false;
  };
  const began = Date.now();
  const isCalmServed = (): boolean => api.get('ConfigMap', 'calm', helperFor('calm')) !== undefined;
  let isAsked = false;
  const changesOn = (): boolean => {
    const ms = Date.now() - began;
    return ms < 1_500 || (!isCalmServed() && ms < 15_000);
  };
  for (let i = 0; changesOn(); i += 1) {
    putConfigMap('envoy', `text ${i}`);
    if (!isAsked && Date.now() > began + 700) {
      isAsked = true;
      const annotations = { 'svidecar.dev/status': '{"helper":"calm"}' };
      api.put('Deployment', {
        metadata: { namespace: 'calm', name: 'web' },
        spec: { template: { metadata: { annotations } } },
      });
    }
    await wait(5);
  }
  expect(isCalmServed()).toBe(true);
  expect(applies).toBeGreaterThan(4);
  // Five at once, one each 300 ms, and some that were on their way.
  expect(applies).toBeLessThan(9 + (Date.now() - began) / 300);
  const backlog = cluster.metrics().find(({ name }) => name === 'svidecar_controller_backlog');
  expect(backlog?.samples[0]?.value).toBeLessThanOrEqual(1);
});

test("a pod does not start while somebody else's ConfigMap stands under the name of its settings", async () => {
  const cluster = await start();
  const asked = pod(injectBackend);
  const status = statusOf(injected(asked))?.helper;
  const name = status?.configMap ?? '';
  const kindNow = (): string =>
    decideOn(asked, { heldConfigMap: (...where) => cluster.held(...where) }).kind;
  const put = (labels: Record<string, string>, text: string): void => {
    api.put('ConfigMap', {
      metadata: { namespace: 'shop', name, labels },
      data: { 'helper.yaml': text },
    });
  };
  expect(kindNow()).toBe('injected');
  put({}, 'skipPaths: ["/*"]');
  await until('it is refused', () => kindNow() === 'refused');
  api.remove('ConfigMap', `shop/${name}`);
  await until('it is let in', () => kindNow() === 'injected');
  put({ 'app.kubernetes.io/managed-by': 'svidecar' }, 'skipPaths: ["/*"]');
  await until('it is refused', () => kindNow() === 'refused');
  // Nobody uses it: once the grace is over, it is removed.
  await until('it is let in', () => kindNow() === 'injected', 10_000);
  put({ 'app.kubernetes.io/managed-by': 'svidecar' }, status?.settings ?? '');
  await wait(50);
  expect(kindNow()).toBe('injected');
});

test('settings that somebody changed are made anew, and told to those who mount them', async () => {
  await start();
  putDeployment('web', { helper: 'h1' });
  const name = helperFor('h1');
  const isThere = (text: string): boolean =>
    JSON.stringify(api.get('ConfigMap', 'shop', name) ?? '').includes(text);
  await until('it is there', () => api.get('ConfigMap', 'shop', name) !== undefined);
  api.put('ConfigMap', {
    metadata: { namespace: 'shop', name, labels: { 'app.kubernetes.io/managed-by': 'svidecar' } },
    immutable: true,
    data: { 'helper.yaml': 'skipPaths: ["/*"]' },
  });
  expect(isThere('skipPaths')).toBe(true);
  await until('it is put right', () => !isThere('skipPaths') && isThere('h1'));
  const told = (): boolean =>
    api.seen.some(({ body }) => JSON.stringify(body ?? '').includes('"ConfigMapRestored"'));
  await until('it is told', told);
});
