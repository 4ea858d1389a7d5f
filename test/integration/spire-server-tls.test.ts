/** Our client of SPIRE's server API over mTLS, with an administrator's X.509-SVID that is soon renewed, and with others. */
import { createServer, type Server } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openWorkloadApi } from '../../sidecar/workload-api/client.ts';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';
import { x509SvidSource, type LatestSource } from '../../sidecar/workload-api/x509-source.ts';
import type { WorkloadApi, X509Svid, X509Svids } from '../../sidecar/workload-api/api.ts';
import { openSpireServer } from '../../webhook/spire/open-spire-server.ts';
import type { SpireServerApi } from '../../webhook/spire/spire-server-api.ts';
import { describeWithComponents } from './harness/components.ts';
import { slowness } from './harness/pace.ts';
import { freePort } from './harness/free-port.ts';
import { startSpireServer } from './harness/spire-server.ts';
import { startSpire, type Spire } from './harness/spire.ts';

const { signal } = new AbortController();
const admin = 'spiffe://example.org/ns/svidecar/sa/svidecar';
const other = 'spiffe://example.org/ns/shop/sa/web';
/** This process itself is the workload, of all identities. */
const selectors = [`unix:uid:${process.getuid?.() ?? 0}`];
/** Seconds: the agent renews at half of it. */
const x509TtlS = 8;
const soon = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 20_000, interval: 100 });
const text = (part: string): unknown => expect.stringContaining(part);

describeWithComponents(['spire-server', 'spire-agent'], "SPIRE's server API over mTLS", () => {
  let spire: Spire;
  let workloadApi: WorkloadApi;
  let svids: LatestSource<X509Svids>;
  const open = (address: string, spiffeId?: string): SpireServerApi =>
    openSpireServer({
      address,
      spiffeId,
      workloadApi: spire.endpoint,
      timers: systemTimers,
      random: Math.random,
      deadlineMs: 3_000,
    });
  const svidOf = (id: string): X509Svid | undefined =>
    svids.current()?.svids.find(({ spiffeId }) => spiffeId === id);

  beforeAll(async () => {
    spire = await startSpire();
    await spire.createEntry({ spiffeId: other, selectors });
    await spire.createEntry({
      spiffeId: admin,
      selectors,
      x509TtlS,
      isAdmin: true,
      hint: 'svidecar-admin',
    });
    workloadApi = openWorkloadApi(spire.endpoint);
    svids = x509SvidSource({ api: workloadApi, timers: systemTimers, random: Math.random });
    svids.start();
    await soon(() => {
      expect([svidOf(admin), svidOf(other)]).not.toContain(undefined);
    });
  });
  afterAll(async () => {
    svids.close();
    workloadApi.close();
    await spire.stop();
  });

  test('the SVID with the hint asks, and goes on asking when it was renewed and the first has expired', async () => {
    const api = open(`127.0.0.1:${spire.server.port}`);
    const first = svidOf(admin);
    expect(await api.trustDomain(signal)).toBe('example.org');
    expect((await api.agents(signal)).map(({ id }) => id)).toEqual([spire.agentId]);
    for (const untilMs = Date.now() + (x509TtlS + 2) * 1_000; Date.now() < untilMs;) {
      expect((await api.listEntries(signal)).length).toBe(2);
      await sleep(200);
    }
    expect(svidOf(admin)?.certificates.equals(first?.certificates ?? Buffer.alloc(0))).toBe(false);
    // A connection that is made now shows the SVID of now.
    await spire.server.kill();
    await expect(api.listEntries(signal)).rejects.toMatchObject({ code: 'SPIRE_UNREACHABLE' });
    await spire.server.startAgain();
    await soon(async () => {
      expect(await api.listEntries(signal)).toHaveLength(2);
    });
    api.close();
  });

  test('an SVID without admin is told that it may not, and who it is', async () => {
    const api = open(`127.0.0.1:${spire.server.port}`, other);
    await expect(api.listEntries(signal)).rejects.toMatchObject({
      code: 'SPIRE_FORBIDDEN',
      message: text(`does not let ${other} do ListEntries`),
    });
    expect(await api.trustDomain(signal)).toBe('example.org');
    api.close();
  });

  test('an identity that this process does not have is said', async () => {
    const nobody = 'spiffe://example.org/nobody';
    const api = open(`127.0.0.1:${spire.server.port}`, nobody);
    await expect(api.trustDomain(signal)).rejects.toMatchObject({
      code: 'SPIRE_UNREACHABLE',
      message: text(`none of the 2 X.509-SVIDs of this process is ${nobody}`),
    });
    api.close();
  });

  test('a workload that answers in the place of the server is asked nothing', async () => {
    const svid = svidOf(other);
    const asked: string[] = [];
    const port = await freePort();
    const impostor = await serveAs(svid, port, asked);
    const api = open(`127.0.0.1:${port}`);
    await expect(api.listEntries(signal)).rejects.toMatchObject({
      code: 'SPIRE_UNREACHABLE',
      message: text(`who answers there is ${other}, not spiffe://example.org/spire/server`),
    });
    api.close();
    impostor.close();
    expect(asked).toEqual([]);
  });

  test('a server of another trust domain is asked nothing', async () => {
    const foreign = await startSpireServer({ trustDomain: 'other.org' });
    const api = open(`127.0.0.1:${foreign.port}`);
    await expect(api.trustDomain(signal)).rejects.toMatchObject({ code: 'SPIRE_UNREACHABLE' });
    api.close();
    await foreign.stop();
  });

  test('a server that hangs is given up at the deadline, and asked anew when it goes on', async () => {
    const api = open(`127.0.0.1:${spire.server.port}`);
    expect(await api.trustDomain(signal)).toBe('example.org');
    await spire.server.pause();
    try {
      const beforeMs = performance.now();
      await expect(api.trustDomain(signal)).rejects.toMatchObject({
        code: 'SPIRE_UNREACHABLE',
        message: text('DEADLINE_EXCEEDED'),
      });
      expect(performance.now() - beforeMs).toBeLessThan(4_000 * slowness);
      const stopping = AbortSignal.timeout(200);
      await expect(api.trustDomain(stopping)).rejects.toMatchObject({ name: 'TimeoutError' });
    } finally {
      spire.server.resume();
    }
    await soon(async () => {
      expect(await api.trustDomain(signal)).toBe('example.org');
    });
    api.close();
  });
});

/** A TLS server that shows a workload's SVID, and takes down what is sent to it once it is trusted. */
function serveAs(svid: X509Svid | undefined, port: number, asked: string[]): Promise<Server> {
  const pem = (kind: string, der: Buffer): string =>
    `-----BEGIN ${kind}-----\n${der.toString('base64')}\n-----END ${kind}-----\n`;
  if (svid === undefined) throw new Error('there is no SVID to show');
  const server = createServer({
    key: pem('PRIVATE KEY', svid.privateKey),
    cert: pem('CERTIFICATE', svid.certificates),
    ALPNProtocols: ['h2'],
  });
  server.on('secureConnection', (socket) => {
    socket.on('data', (data: Buffer) => asked.push(data.toString('latin1')));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      resolve(server);
    });
  });
}
