/**
 * The Envoy that the template `envoy` brings: each rendering is one that the pinned Envoy takes; and two of them, with a real
 * SPIRE behind both, let in and call whom they should and nobody else, while certificates are rotated.
 */
import type { Server } from 'node:http';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { ProxyPlan } from '../../webhook/proxy/proxy-plan.ts';
import { renderProxy } from '../../webhook/proxy/render-proxy.ts';
import { anyPlan, smallPlan } from '../fakes/proxy-plans.ts';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, validateEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import {
  exchangeOverTls,
  mintCertificate,
  requestOverTls,
  type ClientCertificate,
} from './harness/tls-client.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, type Answer } from './mesh/app.ts';
import { forgedHeaders, portOf, startEcho, type Seen } from './mesh/echo-app.ts';

const uid = process.getuid?.() ?? 0;
const ids = {
  frontend: 'spiffe://example.org/ns/shop/sa/frontend',
  backend: 'spiffe://example.org/ns/shop/sa/backend',
  other: 'spiffe://example.org/ns/shop/sa/other',
};
/** Of the two Envoys' certificates: the agent renews at half of it. */
const certificateLifeS = 8;

const upstream = {
  protocol: 'http' as const,
  listen: 9001,
  host: 'backend.shop',
  port: 8443,
  spiffeId: ids.backend,
  domains: ['*'],
};
const renderings: readonly (readonly [string, Partial<ProxyPlan>])[] = [
  ['nothing asked for', {}],
  ['HTTP in', { inbound: [{ protocol: 'http', listen: 8443, app: 8080 }] }],
  ['gRPC in', { inbound: [{ protocol: 'http2', listen: 8443, app: 8080 }] }],
  ['TCP in', { inbound: [{ protocol: 'tcp', listen: 8443, app: 8080 }] }],
  ['HTTP out', { upstreams: [upstream] }],
  ['TCP out', { upstreams: [{ ...upstream, protocol: 'tcp' }] }],
  [
    'hosts named',
    {
      upstreams: [{ ...upstream, domains: ['127.0.0.1:9001'] }],
    },
  ],
  ['admin on a port, no pod', { admin: { port: 9901 }, inPod: false, accessLog: false }],
];

describeWithComponents(['envoy'], 'what the pinned Envoy takes', () => {
  test.each(renderings)('%s', async (_, part) => {
    expect(await validateEnvoy(renderProxy({ ...smallPlan, ...part }))).toEqual({
      ok: true,
      // Nor does it warn, of what the next version will refuse.
      output: expect.stringMatching(/^configuration '.*' OK\n$/) as string,
    });
  });

  test('any plan', async () => {
    await fc.assert(
      fc.asyncProperty(anyPlan, async (plan) => {
        const verdict = await validateEnvoy(renderProxy(plan));
        expect(verdict.ok, verdict.output).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

async function logOf(envoy: RunningEnvoy): Promise<readonly JsonObject[]> {
  const lines = (await readFile(envoy.logFile, 'utf8')).split('\n');
  const parsed = lines
    .filter((line) => line.startsWith('{'))
    .map((line): unknown => JSON.parse(line));
  return parsed.filter(isObject);
}

/** Serial numbers of the certificates that it shows. */
async function serialsOf(envoy: RunningEnvoy): Promise<string> {
  const page: unknown = JSON.parse(await envoy.admin('/certs'));
  const chains = listAt(isObject(page) ? page : {}, 'certificates').flatMap((each) =>
    listAt(isObject(each) ? each : {}, 'cert_chain'),
  );
  const serials = chains.map((each) => (isObject(each) ? each['serial_number'] : undefined));
  return JSON.stringify([...new Set(serials)].sort());
}

describeWithComponents(['envoy', 'spire-server', 'spire-agent'], 'two of them and SPIRE', () => {
  let work: WorkFolder;
  let spire: Spire;
  /** Another trust domain; and a stranger who calls itself by the name of ours. */
  let foreign: SpireServer;
  let impostor: SpireServer;
  let app: Server;
  let frontend: RunningEnvoy;
  let backend: RunningEnvoy;
  const entries = new Map<string, string>();
  /** How often the app was asked for a path. */
  const asked = new Map<string | undefined, number>();
  const ports = { inbound: 0, tcpIn: 0, http: 0, tcp: 0, wrong: 0, wrongServer: 0 };

  beforeAll(async () => {
    work = await createWorkFolder('proxies');
    [spire, foreign, impostor, app] = await Promise.all([
      startSpire(),
      startSpireServer({ trustDomain: 'other.org' }),
      startSpireServer(),
      startEcho(asked),
    ]);
    for (const name of ['inbound', 'tcpIn', 'http', 'tcp', 'wrong', 'wrongServer'] as const)
      ports[name] = await freePort();
    for (const spiffeId of [ids.frontend, ids.backend]) {
      const selectors = [`unix:uid:${uid}`];
      const id = await spire.createEntry({ spiffeId, selectors, x509TtlS: certificateLifeS });
      entries.set(spiffeId, id);
    }
    const common = { ...smallPlan, agentSocket: spire.socketPath, inPod: false };
    const args = ['--concurrency', '1', '--file-flush-interval-msec', '100'];
    [backend, frontend] = await Promise.all([
      startEnvoy(
        renderProxy({
          ...common,
          spiffeId: ids.backend,
          callers: [ids.frontend],
          inbound: [
            { protocol: 'http', listen: ports.inbound, app: portOf(app) },
            { protocol: 'tcp', listen: ports.tcpIn, app: portOf(app) },
          ],
        }),
        { args },
      ),
      startEnvoy(
        renderProxy({
          ...common,
          spiffeId: ids.frontend,
          upstreams: [
            {
              protocol: 'http',
              listen: ports.http,
              host: 'localhost',
              port: ports.inbound,
              spiffeId: ids.backend,
              domains: ['*'],
            },
            {
              protocol: 'tcp',
              listen: ports.tcp,
              host: '127.0.0.1',
              port: ports.tcpIn,
              spiffeId: ids.backend,
              domains: ['*'],
            },
            {
              protocol: 'http',
              listen: ports.wrong,
              host: '127.0.0.1',
              port: ports.wrongServer,
              spiffeId: ids.backend,
              domains: ['*'],
            },
          ],
        }),
        { args },
      ),
    ]);
  });
  afterAll(async () => {
    app.close();
    await Promise.all([frontend.stop(), backend.stop()]);
    await Promise.all([spire.stop(), foreign.stop(), impostor.stop()]);
    await work.remove();
  });

  test('each side knows the SPIFFE ID of the other, and so does the app', async () => {
    const answer = await send(ports.http, [
      'x-forwarded-client-cert',
      'URI=spiffe://example.org/me',
    ]);
    expect(answer.status).toBe(200);
    // What `startEcho` answers.
    const { headers } = JSON.parse(answer.body) as Seen;
    const shown = headers['x-forwarded-client-cert'];
    expect(shown).toMatch(new RegExp(`^By=${ids.backend};Hash=[0-9a-f]{64};URI=${ids.frontend}$`));
    // Envoy obeys what it takes for one of its own, and says so to the app: no caller is, wherever it comes from.
    expect(headers['x-envoy-internal']).toBeUndefined();
    expect((await send(ports.tcp)).status).toBe(200);
    await waitUntil('it is logged', async () => {
      const [received, sent] = await Promise.all([logOf(backend), logOf(frontend)]);
      return (
        received.some(({ caller, status }) => caller === ids.frontend && status === 200) &&
        sent.some((line) => line['answered_by'] === ids.backend && line['status'] === 200)
      );
    });
  });

  test('a caller changes nothing of how its request is handled, told and logged', async () => {
    const credentials = await mintCertificate(spire.server, ids.frontend, { folder: work.path });
    const lines = Object.entries(forgedHeaders).map(([name, value]) => `${name}: ${value}`);
    const straight = await exchangeOverTls(ports.inbound, credentials, {
      path: '/fails-straight?secret=1',
      headers: lines,
    });
    expect(straight).toMatch(/^HTTP\/1.1 503 /);
    const shown = straight.slice(straight.indexOf('{'), straight.lastIndexOf('}') + 1);
    // What `startEcho` answers.
    const { headers } = JSON.parse(shown) as Seen;
    const told = Object.entries(headers).filter(([name]) => /^(x-envoy-|.*forwarded)/.test(name));
    expect(Object.fromEntries(told)).toEqual({
      'x-envoy-external-address': '127.0.0.1',
      'x-forwarded-client-cert': expect.any(String) as string,
      // Of a connection by loopback Envoy names the machine's own address.
      'x-forwarded-for': expect.not.stringMatching(/^10\.0\.0\.1|,/) as string,
      'x-forwarded-proto': 'https',
    });
    const through = await send(ports.http, Object.entries(forgedHeaders).flat(), '/fails-through');
    expect(through.status).toBe(503);
    expect([asked.get('/fails-straight?secret=1'), asked.get('/fails-through')]).toEqual([1, 1]);
    await waitUntil('the real paths are logged', async () => {
      const paths = (await logOf(backend)).map(({ path }) => path);
      return paths.includes('/fails-straight') && paths.includes('/fails-through');
    });
  });

  test('whoever may call comes in, and nobody else', async () => {
    const folder = work.path;
    const good = await mintCertificate(spire.server, ids.frontend, { folder });
    const other = await mintCertificate(spire.server, ids.other, { folder });
    const abroad = await mintCertificate(
      foreign,
      ids.frontend.replace('example.org', 'other.org'),
      {
        folder,
      },
    );
    const forged = await mintCertificate(impostor, ids.frontend, { folder });
    const short = await mintCertificate(spire.server, ids.frontend, { folder, ttlS: 1 });
    await sleep(1_500);
    for (const port of [ports.inbound, ports.tcpIn]) {
      expect(await requestOverTls(port, good)).toBe('HTTP/1.1 200 OK');
      for (const [who, credentials] of Object.entries({ nobody: {}, other, abroad, forged, short }))
        expect(await requestOverTls(port, credentials), who).toMatch(/^refused: /);
    }
    await expect(send(ports.inbound)).rejects.toThrow();
    await waitUntil(
      'the reasons are logged',
      async () => {
        const refused = (await logOf(backend)).filter(({ event }) => event === 'refused');
        expect(refused.filter((line) => 'caller' in line)).toEqual([]);
        const reasons = refused.map((line) => stringAt(line, 'failure')).join(' ');
        return ['PEER_DID_NOT_RETURN_A_CERTIFICATE', 'CERTIFICATE_VERIFY_FAILED'].every((reason) =>
          reasons.includes(reason),
        );
      },
      { deadlineMs: 15_000 },
    );
  });

  test('no request is lost to an app that gives up idle connections', async () => {
    expect((await send(ports.http, [], '/after-a-while')).status).toBe(200);
    await sleep(1_600);
    expect((await send(ports.http, [], '/after-a-while')).status).toBe(200);
  });

  test('what never ends is ended, over HTTP and TCP', async () => {
    const credentials = await mintCertificate(spire.server, ids.frontend, { folder: work.path });
    const http = await freePort();
    const tcp = await freePort();
    const plan: ProxyPlan = {
      ...smallPlan,
      agentSocket: spire.socketPath,
      inPod: false,
      spiffeId: ids.backend,
      inbound: [
        { protocol: 'http', listen: http, app: portOf(app) },
        { protocol: 'tcp', listen: tcp, app: portOf(app) },
      ],
    };
    const hasty = await startEnvoy(renderProxy(plan).replaceAll('86400s', '0.5s'), {
      args: ['--concurrency', '1'],
    });
    try {
      for (const port of [http, tcp]) {
        const answer = await exchangeOverTls(port, credentials, { path: '/endless' });
        expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
      }
    } finally {
      await hasty.stop();
    }
  });

  test('a server that is somebody else gets no request', async () => {
    const folder = work.path;
    let requests = 0;
    const answers = async (credentials: ClientCertificate): Promise<Answer> => {
      const server = createTlsServer({ ...credentials, ALPNProtocols: ['h2'] }, (socket) => {
        requests += 1;
        socket.destroy();
      });
      // A client that hangs up is what is wanted.
      server.on('tlsClientError', () => undefined);
      await new Promise<void>((resolve) => server.listen(ports.wrongServer, '127.0.0.1', resolve));
      try {
        return await send(ports.wrong);
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    };
    const impostors = await answers(await mintCertificate(impostor, ids.backend, { folder }));
    const others = await answers(await mintCertificate(spire.server, ids.other, { folder }));
    expect([impostors.status, others.status]).toEqual([503, 503]);
    await waitUntil(
      'the reason is logged',
      async () =>
        (await logOf(frontend)).some((line) =>
          stringAt(line, 'upstream_failure')?.includes('CERTIFICATE_VERIFY_FAILED'),
        ),
      { deadlineMs: 15_000 },
    );
    expect(requests).toBe(0);
  });

  describe('while certificates change', () => {
    const untilRenewed = async (): Promise<void> => {
      const envoys = [backend, frontend];
      const before = await Promise.all(envoys.map(serialsOf));
      await waitUntil('both have new certificates', async () => {
        const now = await Promise.all(envoys.map(serialsOf));
        return now.every((serials, at) => serials !== before[at]);
      });
    };
    /** Three lanes: over the kept connection, over new ones by TCP, and straight to the other side. */
    const loadDuring = async (change: () => Promise<unknown>): Promise<number> => {
      const credentials = await mintCertificate(spire.server, ids.frontend, { folder: work.path });
      const over = new AbortController();
      const seen = new Map<string, number>();
      const lane = async (one: () => Promise<string>): Promise<void> => {
        while (!over.signal.aborted) {
          const outcome = await one();
          seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
          await sleep(10);
        }
      };
      const status = async (port: number): Promise<string> =>
        send(port).then(
          (answer) => `HTTP/1.1 ${answer.status} OK`,
          (error: unknown) => String(error),
        );
      const lanes = [
        lane(() => status(ports.http)),
        lane(() => status(ports.tcp)),
        lane(() => requestOverTls(ports.inbound, credentials)),
      ];
      try {
        await change();
      } finally {
        over.abort();
        await Promise.all(lanes);
      }
      expect([...seen.keys()]).toEqual(['HTTP/1.1 200 OK']);
      return seen.get('HTTP/1.1 200 OK') ?? 0;
    };

    test('no request is lost, nor while the agent is away', async () => {
      const passed = await loadDuring(async () => {
        await untilRenewed();
        await untilRenewed();
        await spire.withoutAgent(() => sleep(1_000));
        await untilRenewed();
      });
      expect(passed).toBeGreaterThan(100);
    });

    test('without its entry a workload gets no new connection, within the life of its certificate', async () => {
      await spire.deleteEntry(entries.get(ids.frontend) ?? '');
      const isRefused = async (): Promise<boolean> =>
        send(ports.tcp).then(
          () => false,
          () => true,
        );
      await waitUntil('it is refused', isRefused, { deadlineMs: (certificateLifeS + 5) * 1_000 });
    });
  });
});
