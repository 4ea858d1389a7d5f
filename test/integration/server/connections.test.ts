/** How long connections to the real HTTPS server last, on loopback. */
import { Agent } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { reviewOf } from '../../fakes/reviewer.ts';
import { allOf, call, handshake } from './clients.ts';
import { serveWebhook } from './served-webhook.ts';
import { slowness } from '../harness/pace.ts';

test('connections that send headers or a body slowly are ended in time', async () => {
  const { port } = await serveWebhook({ headersTimeoutMs: 500, requestTimeoutMs: 800 });
  const beginnings = [
    'POST /mutate HTTP/1.1\r\nhost: a\r\n',
    'POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{',
  ];
  const answers = await Promise.all(
    beginnings.map(async (beginning) => {
      const socket = await handshake(port);
      socket.write(beginning);
      return allOf(socket);
    }),
  );
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect((await call({ port, body: reviewOf('u') })).code).toBe(200);
});

const tlsVersions = ['TLSv1.2', 'TLSv1.3'];

test.each(tlsVersions)(
  'a connection in advance is taken up long after its handshake (%s)',
  async (maxVersion) => {
    const { port } = await serveWebhook({ headersTimeoutMs: 200, requestTimeoutMs: 300 });
    const socket = await handshake(port, { maxVersion });
    const all = allOf(socket);
    // Node.js looks once in a second.
    await wait(2_500);
    expect(socket.destroyed).toBe(false);
    const body = reviewOf('u');
    const head = `POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`;
    socket.write(`${head}\r\n${body}`);
    await wait(200);
    // And its time counts from the second request on, as on any other.
    socket.write(head);
    expect((await all).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 408']);
  },
);

test('a connection in advance on which a request begins late, and does not end, is cut off', async () => {
  const { port } = await serveWebhook({ headersTimeoutMs: 200, requestTimeoutMs: 300 });
  const socket = await handshake(port);
  const all = allOf(socket);
  await wait(2_500);
  socket.write('POST /mutate HTTP/1.1\r\nhost: a\r\n');
  expect(await all).toMatch(/^HTTP\/1\.1 408 /);
});

test('a connection that is never taken up ends as an idle one does, and one in use later', async () => {
  const { port } = await serveWebhook({ keepAliveTimeoutMs: 500, socketTimeoutMs: 5_000 });
  const silent = await handshake(port);
  const used = await handshake(port);
  used.write(
    'POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{',
  );
  expect(await allOf(silent)).toBe('');
  await wait(300);
  expect(used.destroyed).toBe(false);
});

test('what is not HTTP, or has headers without end, is refused', async () => {
  const { port } = await serveWebhook();
  const answers = ['\u0016\u0003\u0001\u0002', `GET / HTTP/1.1\r\na: ${'b'.repeat(20_000)}`].map(
    async (text) => {
      const socket = await handshake(port);
      socket.write(text);
      return (await allOf(socket)).split('\r\n')[0];
    },
  );
  expect(await Promise.all(answers)).toEqual([
    'HTTP/1.1 400 Bad Request',
    'HTTP/1.1 431 Request Header Fields Too Large',
  ]);
});

test('a client that only connects is dropped', async () => {
  const { port } = await serveWebhook({ handshakeTimeoutMs: 200 });
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const began = Date.now();
  await new Promise((resolve) => socket.on('close', resolve));
  expect(Date.now() - began).toBeLessThan(2_000 * slowness);
});

test('an honest client is served while five thousand connections say nothing', async () => {
  const { port } = await serveWebhook({ drainMs: 0, closeMs: 200 });
  const beginnings = ['', '\u0016\u0003\u0001\u0002', 'GET /mutate HTTP/1.1\r\n'];
  const sockets = Array.from({ length: 5_000 }, (_, at) => {
    // Other addresses than the honest client's, as of pods.
    const localAddress = `127.0.1.${(at % 20) + 1}`;
    const socket = connectTcp({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => undefined);
    socket.write(beginnings[at % 3] ?? '');
    return socket;
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let round = 0; round < 10; round += 1) {
    expect((await call({ port, body: reviewOf(`u${round}`) })).code).toBe(200);
    await wait(50);
  }
  const answer = await call({ port, path: '/metrics' });
  expect(answer.text).toMatch(/svidecar_connections_displaced_total [1-9]/);
}, 60_000);

test('clients that hold a thousand connections with half a request do not keep others out', async () => {
  const { port } = await serveWebhook({
    drainMs: 0,
    closeMs: 200,
    maxUnanswered: 40,
    maxUnansweredEach: 30,
  });
  const beginning =
    'POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{';
  for (let at = 0; at < 100; at += 1) {
    const socket = await handshake(port);
    socket.on('error', () => undefined);
    socket.write(beginning);
  }
  expect((await call({ port, body: reviewOf('u') })).code).toBe(200);
}, 60_000);

test('a stop serves on while it drains, tells kept-alive clients to go, and ends every connection', async () => {
  const { port, server } = await serveWebhook({ drainMs: 400, closeMs: 300 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect((await call({ port, body: reviewOf('u'), agent })).connection).toBe('keep-alive');
  const silent = await handshake(port);
  const silentEnded = allOf(silent).then(() => Date.now());
  const stuck = await handshake(port);
  stuck.on('error', () => undefined);
  const stuckEnded = allOf(stuck).then(() => Date.now());
  stuck.write(
    'POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{',
  );

  const began = Date.now();
  const stopped = server.stop();
  expect((await call({ port, path: '/readyz' })).text).toBe('not ready: stopping\n');
  const during = await call({ port, body: reviewOf('u'), agent });
  expect(during).toMatchObject({ code: 200, connection: 'close' });
  await stopped;
  const tookMs = Date.now() - began;
  expect(tookMs).toBeGreaterThanOrEqual(390);
  expect(tookMs).toBeLessThan(1_500 * slowness);
  // With the drain, as idle ones do, and not with what is cut after it.
  expect((await stuckEnded) - (await silentEnded)).toBeGreaterThan(100);
  agent.destroy();
  await expect(call({ port, body: reviewOf('u') })).rejects.toThrow(/ECONNREFUSED/);
});
