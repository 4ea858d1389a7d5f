/** The real HTTPS server on loopback. */
import { mkdtemp, rename, rm, symlink, writeFile, mkdir } from 'node:fs/promises';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { reviewAll, reviewOf } from '../../fakes/reviewer.ts';
import { makeServingPair } from '../../fakes/serving-pair.ts';
import type { TestPair } from '../../fakes/serving-pair.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { CertificateFiles } from '../../../webhook/files/certificate-files.ts';
import type { Limits } from '../../../webhook/server/limits.ts';
import { WebhookServer } from '../../../webhook/server/server.ts';
import { call, handshake } from './clients.ts';

const mebibyte = 1024 * 1024;
let folder: string;
let log: SilentLog;
let stops: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svidecar-tls-'));
  log = new SilentLog();
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  stops = [];
  await rm(folder, { recursive: true, force: true });
});

/** Writes a pair as the kubelet does: into a new folder, which the `..data` link then points at. */
async function mountPair(pair: TestPair, version: number): Promise<void> {
  const versioned = `..v${version}`;
  await mkdir(join(folder, versioned));
  await writeFile(join(folder, versioned, 'tls.crt'), pair.certificate);
  await writeFile(join(folder, versioned, 'tls.key'), pair.key);
  await symlink(versioned, join(folder, '..next'));
  await rename(join(folder, '..next'), join(folder, '..data'));
  if (version > 1) return;
  for (const name of ['tls.crt', 'tls.key']) {
    await symlink(join('..data', name), join(folder, name));
  }
}

interface Running {
  readonly port: number;
  readonly server: WebhookServer;
  readonly files: CertificateFiles;
}

async function start(limits: Partial<Limits> = {}): Promise<Running> {
  await mountPair(await makeServingPair({ name: 'first' }), 1);
  const clock = { now: (): number => Date.now() };
  const files = new CertificateFiles({ folder, clock, log });
  const end = new AbortController();
  await files.start(end.signal);
  const server = new WebhookServer({
    reviewer: () => reviewAll,
    ready: () => [],
    certificates: files,
    clock,
    log,
    limits: { drainMs: 50, closeMs: 500, ...limits },
  });
  const port = await server.start('127.0.0.1', 0);
  stops.push(async () => {
    end.abort();
    await server.stop();
  });
  return { port, server, files };
}

async function servedName(port: number): Promise<string> {
  const socket = await handshake(port);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

/** Polls at most `withinMs` until the server presents a certificate of that name. */
async function servesName(port: number, name: string, withinMs = 3_000): Promise<boolean> {
  const end = Date.now() + withinMs;
  while (Date.now() < end) {
    if ((await servedName(port)) === name) return true;
    await wait(20);
  }
  return false;
}

test('a new certificate is served after the swap, and no review fails meanwhile', async () => {
  const { port } = await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  let flowing = true;
  const codes = new Map<number, number>();
  const flow = async (agents: readonly (Agent | undefined)[]): Promise<void> => {
    for (let i = 0; flowing; i += 1) {
      const used = agents[i % agents.length];
      const { code } = await call({
        port,
        body: reviewOf(`u${i}`),
        ...(used === undefined ? {} : { agent: used }),
      });
      codes.set(code, (codes.get(code) ?? 0) + 1);
      await wait(2);
    }
  };
  const flows = [flow([agent]), flow([undefined])];
  expect(await servedName(port)).toBe('first');
  await mountPair(await makeServingPair({ name: 'second' }), 2);
  expect(await servesName(port, 'second')).toBe(true);
  flowing = false;
  await Promise.all(flows);
  agent.destroy();
  expect([...codes.keys()]).toEqual([200]);
  expect(codes.get(200)).toBeGreaterThan(10);
});

test('a pair that does not fit, or is half written, is not used; the next good one is', async () => {
  const { port, files } = await start();
  const second = await makeServingPair({ name: 'second' });
  const third = await makeServingPair({ name: 'third' });
  const rejected = {
    level: 'error',
    message: 'new serving certificate rejected, the last good one stays in use',
  };
  await mountPair({ certificate: second.certificate, key: third.key }, 2);
  await expect.poll(() => log.lines, { timeout: 10_000 }).toMatchObject([rejected]);
  expect(await servedName(port)).toBe('first');
  await mountPair({ certificate: '', key: third.key }, 3);
  await expect.poll(() => log.lines, { timeout: 10_000 }).toMatchObject([rejected, rejected]);
  expect(await servedName(port)).toBe('first');
  expect(JSON.stringify(log.lines)).not.toContain('PRIVATE');
  expect(files.failures).toBeGreaterThan(0);
  await mountPair(third, 4);
  expect(await servesName(port, 'third')).toBe(true);
  expect(files.failures).toBe(0);
});

test('speaks TLS 1.3, takes 1.2, refuses 1.1', async () => {
  const { port } = await start();
  expect((await handshake(port)).getProtocol()).toBe('TLSv1.3');
  expect((await handshake(port, { maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2');
  await expect(
    handshake(port, {
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    }),
  ).rejects.toThrow();
});

test('an 8 MiB body is answered 413 and the server goes on', async () => {
  const { port } = await start();
  const big = await call({ port, body: reviewOf('u', 'default', 8 * mebibyte) });
  expect(big.code).toBe(413);
  expect(big.text).toContain('exceeds the limit of 7340032 bytes');
  expect((await call({ port, body: reviewOf('u') })).code).toBe(200);
});

test('a body of 6 MiB is reviewed', async () => {
  const { port } = await start();
  expect((await call({ port, body: reviewOf('u', 'default', 6 * mebibyte) })).code).toBe(200);
});

test('large bodies in parallel all get an answer, and small reviews get between them', async () => {
  const { port } = await start();
  const large = reviewOf('large', 'default', 2.5 * mebibyte);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await call({ port, body: reviewOf('warm'), agent });
  const state = { working: true };
  const bigOnes = Promise.all(Array.from({ length: 8 }, () => call({ port, body: large }))).finally(
    () => (state.working = false),
  );
  let small = 0;
  for (; state.working; small += 1) {
    expect((await call({ port, body: reviewOf('small'), agent })).code).toBe(200);
  }
  agent.destroy();
  expect((await bigOnes).map(({ code }) => code)).toEqual(Array.from({ length: 8 }, () => 200));
  expect(small).toBeGreaterThan(3);
});

test('more large bodies than may wait are answered 503 at once', async () => {
  const { port } = await start({ maxLargeWaiting: 1, largeReadMs: 5_000, largeWindowMs: 5_000 });
  const stuck = await handshake(port);
  stuck.write(
    `POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${2 * mebibyte}\r\n\r\n{`,
  );
  await wait(100);
  const large = reviewOf('large', 'default', 2 * mebibyte);
  const waiting = call({ port, body: large });
  await wait(100);
  const refused = await call({ port, body: large });
  expect(refused.code).toBe(503);
  expect(refused.text).toContain('large reviews are waiting already');
  stuck.destroy();
  expect((await waiting).code).toBe(200);
});

test('a large body that trickles loses its turn, and the next one is served', async () => {
  const { port } = await start({ largeReadMs: 200 });
  const slow = await handshake(port);
  const cut = new Promise((resolve) => slow.on('close', resolve));
  slow.write(
    `POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${2 * mebibyte}\r\n\r\n{`,
  );
  await wait(50);
  const next = await call({ port, body: reviewOf('large', 'default', 2 * mebibyte) });
  expect(next.code).toBe(200);
  await cut;
});

test('a large body that stands still loses its turn as soon as somebody waits', async () => {
  const { port } = await start({ largeReadMs: 60_000, largeWindowMs: 100 });
  const slow = await handshake(port);
  slow.on('error', () => undefined);
  const cut = new Promise((resolve) => slow.on('close', resolve));
  slow.write(
    `POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${2 * mebibyte}\r\n\r\n{`,
  );
  await wait(300);
  expect(slow.destroyed).toBe(false);
  const next = await call({ port, body: reviewOf('large', 'default', 2 * mebibyte) });
  expect(next.code).toBe(200);
  await cut;
});
