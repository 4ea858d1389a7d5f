/** An API server that ends a kept connection in the moment in which it is used again. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeServingPair } from '../../../fakes/serving-pair.ts';
import { connect, type ConnectedApi } from '../../../../webhook/kube/connection.ts';

const folder = mkdtempSync(join(tmpdir(), 'svidecar-kept-'));
const asked: string[] = [];
const used = new WeakSet<Socket>();
let server: Server;
let api: ConnectedApi;
beforeAll(async () => {
  const { certificate, key } = await makeServingPair();
  server = createServer({ cert: certificate, key }, (request, response) => {
    asked.push(request.method ?? '');
    if (used.has(request.socket)) request.socket.destroy();
    else response.end('{"kind":"Status"}');
    used.add(request.socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // Listening on loopback on a free port: a number.
  const { port } = server.address() as AddressInfo;
  const path = join(folder, 'config');
  writeFileSync(
    path,
    `apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: 'https://127.0.0.1:${port}', insecure-skip-tls-verify: true}}]
users: [{name: me, user: {token: t}}]
`,
  );
  api = await connect({ kind: 'kubeconfig', path });
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});
const soon = (): AbortSignal => AbortSignal.timeout(5_000);

test('a reading is asked again', async () => {
  for (let time = 0; time < 4; time += 1)
    expect(await api.get('/version', soon())).toEqual({ kind: 'Status' });
  expect(asked.length).toBeGreaterThan(4);
});

test('what changes something is not, and its failure is told', async () => {
  await api.get('/version', soon());
  // One of the two comes upon a kept connection.
  const change = (): Promise<unknown> =>
    api.create('/api/v1/namespaces', {}, soon()).catch((thrown: unknown) => thrown);
  const before = asked.length;
  const outcomes = [await change(), await change()];
  expect(asked.length).toBe(before + 2);
  expect(outcomes).toContainEqual(expect.objectContaining({ code: 'CLUSTER_UNREACHABLE' }));
});
