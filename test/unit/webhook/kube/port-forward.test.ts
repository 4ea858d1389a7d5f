import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../../../webhook/kube/connection.ts';
import { readPodPage } from '../../../../webhook/kube/pod-page.ts';
import { PortForwarder } from '../../../fakes/port-forwarder.ts';

let pod: Server;
let port: number;

beforeAll(async () => {
  pod = createServer((request, response) => {
    response.end(JSON.stringify({ path: request.url, host: request.headers.host }));
  });
  await new Promise<void>((resolve) => pod.listen(0, '127.0.0.1', resolve));
  ({ port } = pod.address() as AddressInfo);
});
afterAll(async () => {
  pod.closeAllConnections();
  await new Promise((resolve) => pod.close(resolve));
});

async function ask(forwarder: PortForwarder): Promise<unknown> {
  const url = await forwarder.start();
  const api = await connect({ kind: 'explicit', url });
  const page = { namespace: 'shop', pod: 'web-1', port: 15_000, path: '/page?a=b' };
  const signal = AbortSignal.timeout(5_000);
  return readPodPage(api, page, { maxBytes: 1_000, signal });
}

test('a page comes through the API server from the port of the pod, and nothing stays open', async () => {
  const forwarder = new PortForwarder({ port });
  expect(await ask(forwarder)).toEqual({ path: '/page?a=b', host: 'localhost' });
  expect(forwarder.seen).toEqual(['/api/v1/namespaces/shop/pods/web-1/portforward?ports=15000']);
  await expect.poll(() => forwarder.open).toBe(0);
  await forwarder.stop();
});

test('who may not forward is told as by any other refusal', async () => {
  const forwarder = new PortForwarder({ status: 403 });
  await expect(ask(forwarder)).rejects.toMatchObject({
    status: 403,
    message: 'cannot forward port 15000 of pod shop/web-1: HTTP status 403',
  });
  await forwarder.stop();
});

test('a port that nobody listens on is an error in time', async () => {
  const forwarder = new PortForwarder({ port: 1 });
  await expect(ask(forwarder)).rejects.toThrow(/./);
  await expect.poll(() => forwarder.open).toBe(0);
  await forwarder.stop();
});
