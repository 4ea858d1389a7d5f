/** The service for bans as a process: callers with real SVIDs, an OpenID provider, and an Envoy whose helper follows its list. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ServiceSettingsInput } from '../../bans/service/service-settings.ts';
import type { X509Svid } from '../../sidecar/workload-api/api.ts';
import { openWorkloadApi } from '../../sidecar/workload-api/client.ts';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';
import { x509SvidSource } from '../../sidecar/workload-api/x509-source.ts';
import { bareToken } from '../fakes/ban-tokens.ts';
import { createAuthority } from './harness/authority.ts';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { slowness } from './harness/pace.ts';
import { freePort } from './harness/free-port.ts';
import { startProcess, waitUntil, type RunningProcess } from './harness/processes.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp } from './mesh/app.ts';
import { call, tlsOf, type Call, type CallerAnswer, type CallerTls } from './mesh/ban-caller.ts';
import { banEnvoy } from './mesh/ban-envoy.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';
import { startLogoutTeller, type LogoutTeller } from './mesh/logout-provider.ts';

const main = join(import.meta.dirname, '../../webhook/main.ts');
const domain = 'spiffe://example.org';
const self = `${domain}/ns/svidecar/sa/svidecar-bans`;
const accounts = `${domain}/ns/shop/sa/accounts`;
const stranger = `${domain}/ns/shop/sa/other`;
/** Users of the callers that show tokens; this process is the service, and the callers that show certificates. */
const uids = { accounts: 10_071, stranger: 10_072 };
const ownUid = process.getuid?.() ?? 0;
const jo = '/bans/email/jo%40example.org';

describeWithComponents(['spire-server', 'spire-agent', 'envoy'], 'svidecar bans serve', () => {
  let work: WorkFolder;
  let spire: Spire;
  let teller: LogoutTeller;
  let app: Server;
  let helper: HelperProcess;
  let envoy: RunningEnvoy;
  let service: RunningProcess;
  let svids: readonly X509Svid[] = [];
  let closeSvids = (): void => undefined;
  const ports = { bans: 0, open: 0, envoy: 0 };
  let slow: Socket;
  let slowEnded = 0;
  let firstSerial = '';

  const list = (): string => join(work.path, 'lists', 'bans.jsonl');
  const tlsFor = (id: string): Required<CallerTls> => {
    const svid = svids.find(({ spiffeId }) => spiffeId === id);
    if (svid === undefined) throw new Error(`no X.509-SVID of ${id}`);
    return tlsOf(svid);
  };
  const anonymous = (): CallerTls => ({ ca: tlsFor(self).ca });
  const tokenOf = async (uid: number, audience = self): Promise<Record<string, string>> => {
    const fetched = await spire.fetchJwt(uid, audience);
    if (fetched.kind !== 'token') throw new Error(fetched.output);
    return { authorization: `Bearer ${fetched.token}` };
  };
  const ask = (path: string, more: Partial<Call> = {}): Promise<CallerAnswer> =>
    call({ port: ports.bans, path, tls: tlsFor(accounts), ...more });
  const logout = async (token: string): Promise<CallerAnswer> =>
    call({
      port: ports.open,
      path: '/logout',
      method: 'POST',
      body: new URLSearchParams({ logout_token: token }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
  const statusAtEdge = async (claims: Parameters<typeof bareToken>[0]): Promise<number> =>
    (await send(ports.envoy, ['authorization', `Bearer ${bareToken(claims)}`])).status;
  const settings = (): ServiceSettingsInput => ({
    version: 1,
    store: { file: list() },
    workloadApi: spire.endpoint,
    spiffeId: self,
    listen: [
      { host: '127.0.0.1', port: ports.bans, tls: 'spiffe', serves: ['bans'] },
      { host: '127.0.0.1', port: ports.open, serves: ['check', 'logout'] },
    ],
    callers: { allow: [accounts], audiences: [self] },
    check: { claims: ['email'] },
    logout: [
      {
        issuer: teller.issuer,
        audiences: ['shop'],
        keys: { url: teller.keysUrl, ca: join(work.path, 'provider.pem') },
      },
    ],
  });

  beforeAll(async () => {
    [work, spire, teller, app] = await Promise.all([
      createWorkFolder('bans-serve'),
      startSpire(),
      startLogoutTeller(),
      startApp(),
    ]);
    mkdirSync(join(work.path, 'lists'), { mode: 0o755 });
    writeFileSync(join(work.path, 'provider.pem'), teller.caPem);
    const own = [`unix:uid:${ownUid}`];
    await spire.createEntry({ spiffeId: self, selectors: own, x509TtlS: 12 });
    await spire.createEntry({ spiffeId: accounts, selectors: own });
    await spire.createEntry({ spiffeId: stranger, selectors: own });
    await spire.createEntry({ spiffeId: accounts, selectors: [`unix:uid:${uids.accounts}`] });
    await spire.createEntry({ spiffeId: stranger, selectors: [`unix:uid:${uids.stranger}`] });
    const api = openWorkloadApi(spire.endpoint);
    const source = x509SvidSource({ api, timers: systemTimers, random: Math.random });
    source.start();
    closeSvids = () => {
      source.close();
      api.close();
    };
    await vi.waitFor(
      () => {
        svids = source.current()?.svids ?? [];
        expect(svids).toHaveLength(3);
      },
      { timeout: 20_000, interval: 50 },
    );
    ports.bans = await freePort();
    ports.open = await freePort();
    ports.envoy = await freePort();
    const config = join(work.path, 'bans.yaml');
    writeFileSync(config, stringify(settings()));
    service = startProcess({
      name: 'bans-serve',
      command: process.execPath,
      args: [main, 'bans', 'serve', '--config', config],
      folder: work.path,
    });
    helper = await startHelper({
      runtime: 'bun',
      folder: work.path,
      name: 'bans-serve-helper',
      workloadApi: `unix://${work.path}/no-agent.sock`,
      rules: [
        { name: 'jwt-ban', mode: 'ban', claims: ['email', 'sid', 'sub'], store: { file: list() } },
      ],
    });
    envoy = await startEnvoy(
      banEnvoy({
        listen: ports.envoy,
        // Listening on loopback on a free port: a number.
        app: (app.address() as AddressInfo).port,
        helper: helper.port,
        folder: work.path,
      }),
      { args: ['--concurrency', '1'] },
    );
    const isReady = async (): Promise<boolean> =>
      (await call({ port: ports.open, path: '/readyz' })).status === 200;
    await waitUntil('the service is ready', isReady, { processes: [service] });
    // Sends its request a byte at a time, until it is cut off.
    slow = connect(ports.open, '127.0.0.1', () => {
      const drip = setInterval(() => slow.write('G'), 500);
      slow
        .on('error', () => undefined)
        .on('close', () => {
          clearInterval(drip);
          slowEnded = performance.now();
        });
    });
  }, 90_000);
  afterAll(async () => {
    slow.destroy();
    closeSvids();
    app.close();
    teller.stop();
    await Promise.all([service.stop(0), helper.stop(0), envoy.stop(), spire.stop()]);
    await work.remove();
  });

  describe('a caller with a certificate', () => {
    test('is let in by its SPIFFE ID, and meets a server with its own', async () => {
      const answer = await ask(jo, { method: 'PUT' });
      expect([answer.status, answer.body]).toEqual([204, '']);
      expect(answer.names).toBe(`URI:${self}`);
      firstSerial = answer.serial;
      expect(JSON.parse((await ask(jo)).body)).toMatchObject({ bans: [{ by: accounts }] });
      expect((await ask(jo, { method: 'DELETE' })).status).toBe(204);
    });

    test('is refused without one, with one of another caller, and with one of a made-up authority', async () => {
      const forged = await createAuthority('example.org');
      const { certificatePem, keyPem } = await forged.issue({ commonName: 'accounts' });
      const made = { ca: anonymous().ca, cert: certificatePem, key: keyPem };
      const statuses = await Promise.all(
        [anonymous(), tlsFor(stranger), made].map((tls) => ask(jo, { method: 'PUT', tls })),
      );
      expect(statuses.map(({ status }) => status)).toEqual([401, 403, 401]);
    });
  });

  test.each<[string, number, () => Promise<Record<string, string>>]>([
    ['of the account service', 204, () => tokenOf(uids.accounts)],
    ['for another audience', 401, () => tokenOf(uids.accounts, 'other')],
    ['of another workload', 403, () => tokenOf(uids.stranger)],
    ['that is none', 401, () => Promise.resolve({ authorization: 'Bearer a.b.c' })],
  ])('a caller with a token %s gets %d', async (_whose, status, headersOf) => {
    const headers = await headersOf();
    const path = '/bans/sub/token-test';
    expect((await ask(path, { method: 'PUT', headers, tls: anonymous() })).status).toBe(status);
    // A token counts before the certificate beside it.
    expect((await ask(path, { method: 'PUT', headers })).status).toBe(status);
  });

  test('whoever is banned is refused at the edge, and let in again; /check agrees', async () => {
    const claims = { email: 'Jo@Example.org' };
    expect(await statusAtEdge(claims)).toBe(200);
    await ask(jo, {
      method: 'PUT',
      body: '{"forSeconds":600}',
      headers: { 'content-type': 'application/json' },
    });
    const began = performance.now();
    await waitUntil('Jo is refused', async () => (await statusAtEdge(claims)) === 403);
    expect(performance.now() - began).toBeLessThan(5_000 * slowness);
    const check = () =>
      call({
        port: ports.open,
        path: '/check',
        headers: { authorization: `Bearer ${bareToken(claims)}` },
      });
    await expect.poll(async () => (await check()).body).toBe('{"pass":false}');
    await ask(jo, { method: 'DELETE' });
    await waitUntil('Jo is let in', async () => (await statusAtEdge(claims)) === 200);
    await expect.poll(async () => (await check()).body).toBe('{"pass":true}');
  });

  describe('a logout', () => {
    test('of a session ends it at the edge, and is taken once', async () => {
      const session = { sid: 's-1', sub: 'u-1', iat: 1_000 };
      expect(await statusAtEdge(session)).toBe(200);
      const token = await teller.token({ claims: { sid: 's-1', sub: 'u-1' } });
      const done = await logout(token);
      expect([done.status, done.headers['cache-control']]).toEqual([200, 'no-store']);
      await waitUntil('it has ended', async () => (await statusAtEdge(session)) === 403);
      expect(await statusAtEdge({ ...session, sid: 's-2' })).toBe(200);
      const again = await logout(token);
      expect([again.status, again.headers['cache-control']]).toEqual([400, 'no-store']);
      expect(JSON.parse(again.body)).toMatchObject({ error: 'invalid_request' });
    });

    test('of a user ends the tokens up to then, and not the next', async () => {
      const nowS = Math.floor(Date.now() / 1_000);
      expect((await logout(await teller.token({ claims: { sub: 'u-7', iat: nowS } }))).status).toBe(
        200,
      );
      await waitUntil(
        'they have ended',
        async () => (await statusAtEdge({ sub: 'u-7', iat: nowS })) === 403,
      );
      expect(await statusAtEdge({ sub: 'u-7', iat: nowS + 1 })).toBe(200);
    });

    test.each<[string, Parameters<LogoutTeller['token']>[0]]>([
      ['of another issuer', { claims: { iss: 'https://evil.example.org', sid: 'x' } }],
      ['for another client', { claims: { aud: 'other', sid: 'x' } }],
      ['that has expired', { claims: { exp: 1_000, sid: 'x' } }],
      ['without the event', { claims: { events: {}, sid: 'x' } }],
      ['with a nonce', { claims: { nonce: 'n', sid: 'x' } }],
      ['of nobody', {}],
      ['of another type', { header: { typ: 'at+jwt' }, claims: { sid: 'x' } }],
    ])('%s is refused', async (_what, odd) => {
      expect((await logout(await teller.token(odd))).status).toBe(400);
      expect((await ask('/bans/sid/x')).status).toBe(404);
    });

    test('by an unknown key bans nobody, and says to come again: the key may be new', async () => {
      const sent = await teller.token({ header: { kid: 'two' }, claims: { sid: 'x' } });
      expect(await logout(sent)).toMatchObject({ status: 503, headers: { 'retry-after': '10' } });
      expect((await ask('/bans/sid/x')).status).toBe(404);
    });

    test('by unknown keys does not make the service ask without end', async () => {
      const before = teller.fetched();
      for (let at = 0; at < 10; at += 1)
        await logout(await teller.token({ header: { kid: `k-${at}` }, claims: { sid: 'x' } }));
      expect(teller.fetched() - before).toBeLessThanOrEqual(1);
    });
  });

  test('a store that is away is told of, and nothing is said to be stored', async () => {
    const folder = join(work.path, 'lists');
    renameSync(folder, `${folder}-away`);
    writeFileSync(folder, 'no folder');
    try {
      const answer = await ask('/bans/sub/away', { method: 'PUT' });
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '2']);
      const token = await teller.token({ claims: { sid: 's-9' } });
      expect((await logout(token)).status).toBe(503);
      rmSync(folder);
      renameSync(`${folder}-away`, folder);
      // The same token, since it came to nothing.
      expect((await logout(token)).status).toBe(200);
    } finally {
      rmSync(`${folder}-away`, { recursive: true, force: true });
    }
    expect((await ask('/bans/sub/away')).status).toBe(404);
  });

  test('many connections that say nothing do not keep a caller away', async () => {
    const idle = Array.from({ length: 600 }, () => connect(ports.bans, '127.0.0.1'));
    for (const each of idle) each.on('error', () => undefined);
    await Promise.all(
      idle.slice(0, 100).map((each) => new Promise((done) => each.once('connect', done))),
    );
    try {
      expect((await ask(jo)).status).toBe(404);
      const body = Buffer.alloc(1_048_576, '[');
      const big = await ask(jo, {
        method: 'PUT',
        body,
        headers: { 'content-type': 'application/json' },
      }).catch(() => undefined);
      // Cut off while it was being sent, or told why.
      expect([413, undefined]).toContain(big?.status);
    } finally {
      for (const each of idle) each.destroy();
    }
  });

  test('its certificate is renewed without a restart', async () => {
    await vi.waitFor(
      async () => {
        const { serial, names } = await ask('/livez');
        expect(names).toBe(`URI:${self}`);
        expect(serial).not.toBe(firstSerial);
      },
      { timeout: 20_000, interval: 200 },
    );
  });

  test('a sender that drips is cut off', async () => {
    await vi.waitFor(
      () => {
        expect(slowEnded).toBeGreaterThan(0);
      },
      { timeout: 10_000, interval: 100 },
    );
  });

  test('no value and no token is in its log', () => {
    const log = readFileSync(service.logFile, 'utf8');
    expect(log).toContain('"audit":"logout"');
    expect(log).not.toMatch(/jo@|jo%40|s-1|u-7|eyJ/i);
  });

  test('SIGTERM: not ready, serves on, and ends in order', async () => {
    process.kill(service.pid, 'SIGTERM');
    await expect
      .poll(async () => (await call({ port: ports.open, path: '/readyz' })).status)
      .toBe(503);
    expect((await ask(jo)).status).toBe(404);
    await waitUntil('it has ended', () => Promise.resolve(!service.isRunning()), {
      deadlineMs: 12_000,
    });
  });
});
