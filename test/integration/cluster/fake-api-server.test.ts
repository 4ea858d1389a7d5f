/** The cluster room against an API server that breaks: what a real one does only on bad days. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FakeApiServer, refuse } from '../../fakes/api-server.ts';
import { derivedFor, helperFor } from '../../fakes/desire.ts';
import {
  api,
  begin,
  configMaps,
  log,
  putConfigMap,
  putDeployment,
  start,
  until,
  url,
  replaceApi,
} from './fake-room.ts';

test('lists in pages and sees what comes later', async () => {
  for (let i = 0; i < 25; i += 1) putConfigMap(`c${i}`, 'x');
  const cluster = await start({ pageSize: 10 });
  expect(api.requests(configMaps, false)).toHaveLength(3);
  for (let i = 0; i < 25; i += 1)
    expect(cluster.configMap('shop', `c${i}`)?.data['envoy.yaml']).toBe('x');
  await until('the watch is open', () => api.requests(configMaps, true).length === 1);
  putConfigMap('later', 'y');
  await until('it is seen', () => cluster.configMap('shop', 'later') !== undefined);
  api.remove('ConfigMap', 'shop/c3');
  await until('it is gone', () => cluster.configMap('shop', 'c3') === undefined);
  expect(api.seen.every((each) => each.authorization === 'Bearer test-token')).toBe(true);
  expect(api.requests('/api/v1/pods', false)[0]?.query.get('labelSelector')).toBe(
    'svidecar.dev/injected=true',
  );
});

test('a watch that ends goes on where it was, without a list, from the version of a bookmark too', async () => {
  const cluster = await start();
  await until('the watch is open', () => api.requests(configMaps, true).length === 1);
  api.sendLine('ConfigMap', '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"4711"}}}');
  await wait(50);
  for (const rudely of [false, true]) {
    const before = api.requests(configMaps, true).length;
    api.endWatches('ConfigMap', rudely);
    await until('it watches again', () => api.requests(configMaps, true).length > before);
    expect(api.requests(configMaps, true).at(-1)?.query.get('resourceVersion')).toBe('4711');
  }
  putConfigMap('after', 'x');
  await until('it still sees', () => cluster.configMap('shop', 'after') !== undefined);
  expect(api.requests(configMaps, false)).toHaveLength(1);
});

test.each([
  [
    'an ERROR event with code 410',
    (): void => {
      api.sendLine(
        'ConfigMap',
        '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}',
      );
    },
  ],
  [
    'HTTP status 410',
    (): void => {
      let isFirst = true;
      api.intercept = ({ path, query }, response): boolean => {
        if (!isFirst || path !== configMaps || !query.has('watch')) return false;
        isFirst = false;
        refuse(response, 410, 'Expired');
        return true;
      };
      api.endWatches('ConfigMap');
    },
  ],
])('after %s it lists again and drops what went meanwhile', async (_name, expire) => {
  putConfigMap('stays', 'x');
  putConfigMap('goes', 'x');
  const cluster = await start();
  await until('the watch is open', () => api.requests(configMaps, true).length === 1);
  api.remove('ConfigMap', 'shop/goes', true);
  expire();
  await until('it is dropped', () => cluster.configMap('shop', 'goes') === undefined);
  expect(cluster.configMap('shop', 'stays')).toBeDefined();
  expect(api.requests(configMaps, false)).toHaveLength(2);
});

test('a silent watch is given up and begun again', async () => {
  const cluster = await start({ watchIdleMs: 150 });
  await until('it watches again', () => api.requests(configMaps, true).length >= 3);
  putConfigMap('after', 'x');
  await until('it sees', () => cluster.configMap('shop', 'after') !== undefined);
});

test('a list that hangs is given up and tried again', async () => {
  let hung = 0;
  api.intercept = ({ path }): boolean => path === configMaps && (hung += 1) <= 2;
  await start({ requestIdleMs: 100 });
  expect(hung).toBeGreaterThan(2);
});

test('garbage in a watch is a fault of the watch, not of the program', async () => {
  const cluster = await start();
  await until('the watch is open', () => api.requests(configMaps, true).length === 1);
  for (const line of ['not json', '[]', '{"type":"ADDED"}', '{"type":"NEWS","object":{}}', '']) {
    api.sendLine('ConfigMap', line);
    await wait(60);
  }
  await until('the watch is open', () => api.requests(configMaps, true).length >= 2);
  putConfigMap('after', 'x');
  await until('it still sees', () => cluster.configMap('shop', 'after') !== undefined);
});

test('until the server lets it list, it is not ready and says what is missing; then it is', async () => {
  let isBroken = true;
  const codes = [500, 429, 403, 401, 503];
  api.intercept = ({ path }, response): boolean => {
    if (!isBroken || path !== '/apis/batch/v1/jobs') return false;
    refuse(response, codes[api.seen.length % codes.length] ?? 500, 'Broken');
    return true;
  };
  const cluster = await begin();
  await until('it tried often', () => api.requests('/apis/batch/v1/jobs', false).length > 6);
  expect(cluster.missing()).toEqual(['the list of jobs', 'the list of configmaps']);
  isBroken = false;
  await until('all is listed', () => cluster.missing().length === 0);
  expect(JSON.stringify(log.lines)).toContain('check the ClusterRole svidecar');
  expect(JSON.stringify(log.lines)).not.toContain('test-token');
});

test('the server may vanish and come back', async () => {
  const cluster = await start();
  const port = Number(new URL(url).port);
  await api.stop();
  await wait(300);
  expect(cluster.configMap('shop', 'x')).toBeUndefined();
  const again = new FakeApiServer();
  // The same port, as a restarted API server has.
  await again.start(port);
  replaceApi(again);
  api.put('Namespace', {
    metadata: { name: 'shop', labels: { 'svidecar.dev/injection': 'enabled' } },
  });
  await until('it watches again', () => api.requests(configMaps, true).length >= 1);
  putConfigMap('x', 'y');
  await until('it sees', () => cluster.configMap('shop', 'x') !== undefined);
});

test('lists now and then even if all seems well, and so finds what a watch missed', async () => {
  const cluster = await start({
    relistMs: 100,
    watchIdleMs: 150,
    firstRelistMs: 50,
    lastRelistMs: 100,
  });
  putConfigMap('missed', 'x');
  await until('it is there', () => cluster.configMap('shop', 'missed') !== undefined);
  api.remove('ConfigMap', 'shop/missed', true);
  await until('it is gone', () => cluster.configMap('shop', 'missed') === undefined);
});

test('writes by server-side apply, as svidecar, forced, with the uid of what it changes', async () => {
  await start();
  putConfigMap('envoy', 'a');
  putDeployment('web', { source: 'envoy' });
  const path = `/api/v1/namespaces/shop/configmaps/${derivedFor('envoy')}`;
  const applies = (): typeof api.seen =>
    api.seen.filter((each) => each.path === path && each.method === 'PATCH');
  await until('it is applied', () => applies().length === 1);
  expect(applies()[0]).toMatchObject({ contentType: 'application/apply-patch+yaml' });
  expect(Object.fromEntries(applies()[0]?.query ?? [])).toEqual({
    fieldManager: 'svidecar',
    force: 'true',
  });
  putConfigMap('envoy', 'b');
  await until('it is applied again', () => applies().length === 2);
  expect(applies()[1]?.body).toMatchObject({
    metadata: { uid: expect.stringMatching(/^uid-/) as string },
    data: { 'envoy.yaml': 'B' },
  });
  await wait(200);
  expect(applies()).toHaveLength(2);
});

test('a write that fails is tried again, later and later, and holds up no other', async () => {
  let refused = 0;
  api.intercept = ({ method, path }, response): boolean => {
    if (method !== 'PATCH' || !path.endsWith(`/${helperFor('bad')}`) || refused >= 4) return false;
    refused += 1;
    refuse(response, 500, 'InternalError');
    return true;
  };
  await start();
  putDeployment('bad', { helper: 'bad' });
  putDeployment('good', { helper: 'good' });
  await until(
    'the other is there',
    () => api.get('ConfigMap', 'shop', helperFor('good')) !== undefined,
  );
  await until(
    'it is there in the end',
    () => api.get('ConfigMap', 'shop', helperFor('bad')) !== undefined,
  );
  expect(refused).toBe(4);
});

test('an object that the server finds invalid is a problem, not an endless retry', async () => {
  let refused = 0;
  api.intercept = ({ method }, response): boolean => {
    if (method !== 'PATCH') return false;
    refused += 1;
    refuse(response, 422, 'Invalid');
    return true;
  };
  const cluster = await start();
  putDeployment('web', { helper: 'big' });
  await until('it is a problem', () => cluster.problems().length === 1);
  await wait(400);
  expect(refused).toBeLessThan(3);
});

test('nothing is removed while a watch is down: its users may only not be seen', async () => {
  await start();
  putDeployment('web', { helper: 'h1' });
  await until('it is there', () => api.get('ConfigMap', 'shop', helperFor('h1')) !== undefined);
  api.intercept = ({ path, query }, response): boolean => {
    if (path !== '/apis/apps/v1/deployments' || !query.has('watch')) return false;
    refuse(response, 503, 'ServiceUnavailable');
    return true;
  };
  api.remove('Deployment', 'shop/web');
  await wait(50);
  api.endWatches('Deployment');
  await wait(900);
  expect(api.get('ConfigMap', 'shop', helperFor('h1'))).toBeDefined();
  api.intercept = (): boolean => false;
  await until('it is removed', () => api.get('ConfigMap', 'shop', helperFor('h1')) === undefined);
});

test('metrics tell of watches, writes and problems', async () => {
  const cluster = await start();
  putDeployment('web', { helper: 'h1' });
  await until('it is there', () => api.get('ConfigMap', 'shop', helperFor('h1')) !== undefined);
  const figures = new Map(cluster.metrics().map((figure) => [figure.name, figure.samples]));
  expect(figures.get('svidecar_cluster_watch_open')).toHaveLength(10);
  expect(figures.get('svidecar_configmap_problems')).toEqual([{ labels: {}, value: 0 }]);
  expect(figures.get('svidecar_cluster_objects')).toContainEqual({
    labels: { kind: 'users' },
    value: 1,
  });
});
