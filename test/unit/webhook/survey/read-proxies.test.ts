import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import type { FactAnswer, ProxySecrets } from '../../../../webhook/checks/facts.ts';
import type { ConnectedApi } from '../../../../webhook/kube/connection.ts';
import { ApiRefusal } from '../../../../webhook/kube/kubernetes-api.ts';
import { readProxies } from '../../../../webhook/survey/read-proxies.ts';
import type { Site } from '../../../../webhook/survey/site.ts';
import { factsWith } from '../../../fakes/check-facts.ts';
import { withIstioProxy } from '../../../fakes/istio-injector.ts';
import { appAlone, pod } from '../../../fakes/workloads.ts';

const servers: Server[] = [];
const sockets: Duplex[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

function proxied(name = 'p', phase = 'Running'): JsonObject {
  const made = withIstioProxy(pod({}, appAlone), 'initContainers');
  return { ...made, metadata: { ...objectAt(made, 'metadata'), name }, status: { phase } };
}

type Forward = ConnectedApi['forward'];

/** An admin page behind port-forwarding. */
async function answering(handle: RequestListener): Promise<Forward> {
  const server = createServer(handle);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (namespace, name, port) => {
    asked.push(`${namespace}/${name}:${port}`);
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(socket);
    return Promise.resolve(socket);
  };
}

let asked: string[] = [];

async function told(forward: Forward, pods = [proxied()], waitsMs = 5_000) {
  asked = [];
  const { objects } = factsWith({ pods });
  const signal = AbortSignal.timeout(waitsMs);
  const api = { forward } as unknown as ConnectedApi;
  // Nothing else of it is asked.
  const found = await readProxies({ objects, asksProxies: true, signal, api } as unknown as Site);
  return [...found].map(([name, answer]): [string, FactAnswer<ProxySecrets>] => [name, answer]);
}

test('each proxy is asked on its admin port, and the connection is closed', async () => {
  let path = '';
  const forward = await answering((request, response) => {
    path = request.url ?? '';
    response.end('{"configs":[]}');
  });
  const found = await told(forward);
  expect(asked).toEqual(['shop/p:15000']);
  expect(path).toBe('/config_dump?resource=dynamic_active_secrets');
  expect(found).toMatchObject([['shop/p', { kind: 'known', value: { trustDomains: [] } }]]);
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true]);
});

test('pods without the proxy are not asked, nor is any unless that was wished', async () => {
  const forward: Forward = () => Promise.reject(new Error('nobody asked for this'));
  expect(await told(forward, [pod({}, appAlone)])).toEqual([]);
  const { objects } = factsWith({ pods: [proxied()] });
  expect(await readProxies({ objects, asksProxies: false } as unknown as Site)).toEqual(new Map());
});

describe('what a pod answers is bounded', () => {
  test.each<[string, RequestListener, string]>([
    ['another status', (_, response) => response.writeHead(503).end(), 'HTTP status 503'],
    ['no JSON', (_, response) => response.end('<html>'), 'not a JSON object'],
    ['another page', (_, response) => response.end('{"a":1}'), 'answers with something else'],
    [
      'a page without an end',
      (_, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more);
        more();
      },
      'exceeds 1048576 bytes',
    ],
    ['no HTTP', (_, response) => response.socket?.end('SSH-2.0\r\n'), 'cannot be asked: '],
    ['an end', (_, response) => response.socket?.destroy(), 'cannot be asked: '],
  ])('%s', async (_what, handle, says) => {
    const [[, answer] = []] = await told(await answering(handle));
    expect(answer?.kind).toBe('unknown');
    expect(JSON.stringify(answer)).toContain(says);
    expect(sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });

  test.each<[string, () => Promise<Forward>]>([
    ['silence', () => answering(() => undefined)],
    ['a page that stops', () => answering((_, response) => response.write('{'))],
    [
      'a connection that never opens',
      () => Promise.resolve(() => new Promise<Duplex>(() => undefined)),
    ],
  ])('%s', async (_what, forward) => {
    const [[, answer] = []] = await told(await forward(), [proxied()], 200);
    expect(answer).toEqual({ kind: 'unknown', reason: 'cannot be asked: no answer within 5 s' });
  });

  test('a connection that opens too late is closed', async () => {
    const late = await answering((_, response) => response.end('{}'));
    const open: { now?: () => void } = {};
    const waits = new Promise<void>((resolve) => (open.now = resolve));
    await told(async (...words) => (await waits, late(...words)), [proxied()], 100);
    open.now?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true]);
  });
});

test('a pod that does not run yet is not asked', async () => {
  const forward: Forward = () => Promise.reject(new Error('nobody asked for this'));
  const [[, answer] = []] = await told(forward, [proxied('p', 'Pending')]);
  expect(answer).toEqual({ kind: 'unknown', reason: 'the pod does not run yet' });
});

test('without the right a namespace is asked no more than once at a time', async () => {
  const many = Array.from({ length: 40 }, (_, index) => proxied(`p-${index}`));
  let calls = 0;
  const found = await told(() => {
    calls += 1;
    return Promise.reject(new ApiRefusal(403, '', { message: 'no' }));
  }, many);
  expect(calls).toBe(16);
  expect(found).toHaveLength(40);
  const last = found.at(-1)?.[1];
  expect(last).toMatchObject({ kind: 'not_asked' });
  expect(last).toHaveProperty(
    'reason',
    'not allowed to ask: it takes the verbs "get" and "create" on pods/portforward',
  );
});
