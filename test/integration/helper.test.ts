/**
 * The data path on real SPIRE and real Envoy: client → frontend's Envoy (inject) → backend's Envoy (validate) → app.
 * Envoy's configurations are those that our patcher writes from the shipped templates.
 */
import { request as httpRequest, type ClientRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp, type Answer, type Arrived } from './mesh/app.ts';
import { proxyConfig } from './mesh/envoy-configs.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';
import { helperRuntimes } from './runtimes.ts';

const isRoot = process.getuid?.() === 0;
const own = process.getuid?.() ?? 0;
/** A user each where that can be had, so that an entry is one helper's alone. */
const uids = isRoot ? { frontend: 31_101, backend: 31_102 } : { frontend: own, backend: own };
const ids = { frontend: 'spiffe://example.org/frontend', backend: 'spiffe://example.org/backend' };
/** Seconds that frontend's tokens live: the tests wait for their end. */
const tokenLifeS = 24;

describeWithComponents(['envoy', 'spire-server', 'spire-agent'], 'the data path', () => {
  let work: WorkFolder;
  let spire: Spire;
  let foreign: SpireServer;
  let app: Server;
  /** Minted first, so that it is long over when it is used. */
  let expired = '';
  beforeAll(async () => {
    work = await createWorkFolder('mesh');
    [spire, foreign, app] = await Promise.all([
      startSpire({ jwtTtlS: 120 }),
      startSpireServer({ trustDomain: 'other.org' }),
      startApp(),
    ]);
    expired = await spire.server.mintJwt(ids.frontend, ids.backend, 1);
  });
  afterAll(async () => {
    app.close();
    await Promise.all([spire.stop(), foreign.stop()]);
    await work.remove();
  });

  for (const runtime of helperRuntimes) {
    describeWithComponents([], `on ${runtime}`, () => {
      let backend: HelperProcess;
      let frontend: HelperProcess;
      let envoys: RunningEnvoy[] = [];
      let frontendEntry = '';
      let ports = { inject: 0, validate: 0 };

      const entry = (name: 'frontend' | 'backend', federatesWith: readonly string[] = []) =>
        spire.createEntry({
          spiffeId: ids[name],
          selectors: [`unix:uid:${uids[name]}`],
          jwtTtlS: tokenLifeS,
          federatesWith,
        });
      const through = (): Promise<Answer> => send(ports.inject);
      const mint = (audience = ids.backend, from = spire.server): Promise<string> =>
        from.mintJwt(`spiffe://${from.trustDomain}/tester`, audience, 120);
      const withToken = (token: string): Promise<Answer> =>
        send(ports.validate, ['authorization', `Bearer ${token}`]);
      /** A client that goes away as soon as it is connected, while its check is under way. */
      const leaveAtOnce = (): ClientRequest => {
        const request = httpRequest({ host: '127.0.0.1', port: ports.inject, path: '/' });
        request.on('error', () => undefined);
        request.on('response', (response) => response.resume());
        request.on('socket', (socket) => {
          socket.on('connect', () => setImmediate(() => socket.destroy()));
        });
        return request.end();
      };
      const passes = async (): Promise<boolean> => (await through()).status === 200;

      beforeAll(async () => {
        const common = { runtime, folder: work.path, workloadApi: spire.endpoint };
        [backend, frontend] = await Promise.all([
          startHelper({
            ...common,
            name: `backend-${runtime}`,
            uid: isRoot ? uids.backend : undefined,
            rules: [
              {
                name: 'jwt-validate',
                mode: 'validate',
                audiences: [ids.backend],
                allowCallers: ['spiffe://example.org', 'spiffe://other.org'],
                callerHeader: 'x-caller',
                skipPaths: ['/healthz'],
              },
            ],
          }),
          startHelper({
            ...common,
            name: `frontend-${runtime}`,
            uid: isRoot ? uids.frontend : undefined,
            rules: [
              {
                name: 'jwt-inject',
                mode: 'inject',
                audience: ids.backend,
                spiffeId: ids.frontend,
              },
            ],
          }),
        ]);
        ports = { inject: await freePort(), validate: await freePort() };
        // Listening on loopback on a free port: a number.
        const appPort = (app.address() as AddressInfo).port;
        const one = ['--concurrency', '1'];
        envoys = await Promise.all([
          startEnvoy(
            proxyConfig('validate', {
              listen: ports.validate,
              upstream: appPort,
              helper: backend.port,
            }),
            { args: one },
          ),
          startEnvoy(
            proxyConfig('inject', {
              listen: ports.inject,
              upstream: ports.validate,
              helper: frontend.port,
            }),
            { args: one },
          ),
        ]);
      });
      afterAll(async () => {
        await Promise.all(envoys.map((envoy) => envoy.stop()));
        await Promise.all([frontend.stop(), backend.stop()]);
        if (frontendEntry !== '') await spire.deleteEntry(frontendEntry).catch(() => undefined);
      });

      test('before there is an entry, it refuses and says which one is missing', async () => {
        const startup = await frontend.page('/startup');
        expect(startup.status).toBe(503);
        expect(startup.body).toContain('k8s:ns:shop');
        expect(startup.body).toContain(`k8s:sa:frontend-${runtime}`);
        expect((await frontend.page('/livez')).status).toBe(200);
        const refused = await through();
        expect(refused.status).toBe(503);
        expect(refused.body).toContain(
          'jwt-inject: there is no token to send: no registration entry',
        );
      });

      test('a new entry opens the path: the app gets one Authorization, and the caller by name', async () => {
        [frontendEntry] = await Promise.all([entry('frontend'), entry('backend').catch(() => '')]);
        await waitUntil('a request passes', passes);
        const answer = await send(ports.inject, ['x-caller', 'spiffe://evil/', 'X-Caller', 'b']);
        expect(answer.status).toBe(200);
        expect(JSON.parse(answer.body)).toMatchObject({ count: 1, caller: [ids.frontend] });
        const { authorization }: Arrived = JSON.parse(answer.body) as Arrived;
        const claims = decodeJwt(authorization[0]?.replace('Bearer ', '') ?? '');
        expect(claims).toMatchObject({ sub: ids.frontend, aud: [ids.backend] });
        for (const helper of [frontend, backend]) {
          expect((await helper.page('/startup')).status).toBe(200);
          expect((await helper.page('/readyz')).status).toBe(200);
        }
        expect(
          await backend.metric('svidecar_checks_total{rule="jwt-validate",outcome="allowed"}'),
        ).toBeGreaterThan(0);
      });

      test('an outgoing request with an Authorization header of its own is refused', async () => {
        expect(await send(ports.inject, ['authorization', 'Basic eDp5'])).toEqual({
          status: 403,
          body: 'jwt-inject: the request already has an Authorization header\n',
        });
      });

      test('a good token passes, twice and more', async () => {
        const token = await mint();
        for (let index = 0; index < 5; index += 1)
          expect((await withToken(token)).status).toBe(200);
      });

      test.each<[string, () => Promise<readonly string[]>, string]>([
        ['without a token', () => Promise.resolve([]), 'there is no Authorization header'],
        [
          'for another audience',
          async () => ['authorization', `Bearer ${await mint('spiffe://example.org/other')}`],
          'the token is meant for another audience',
        ],
        [
          'of a trust domain that is not federated',
          async () => ['authorization', `Bearer ${await mint(ids.backend, foreign)}`],
          "there is no bundle for the token's trust domain",
        ],
        [
          'with a changed signature',
          async () => {
            const [head = '', claims = '', signature = ''] = (await mint()).split('.');
            const turned = signature.startsWith('A') ? 'B' : 'A';
            return ['authorization', `Bearer ${head}.${claims}.${turned}${signature.slice(1)}`];
          },
          "the token's signature is wrong",
        ],
        [
          'with changed claims',
          async () => {
            const [head = '', claims = '', signature = ''] = (await mint()).split('.');
            const changed = Buffer.from(
              Buffer.from(claims, 'base64url').toString().replace('/tester', '/queen1'),
            ).toString('base64url');
            return ['authorization', `Bearer ${head}.${changed}.${signature}`];
          },
          "the token's signature is wrong",
        ],
        [
          'that is garbage',
          () => Promise.resolve(['authorization', 'Bearer garbage']),
          'the token is not a signed JWT in compact form',
        ],
        [
          'of another scheme',
          () => Promise.resolve(['authorization', 'Basic eDp5']),
          'is not "Bearer", one space and a token',
        ],
        [
          'twice',
          async () => {
            const token = `Bearer ${await mint()}`;
            return ['authorization', token, 'authorization', token];
          },
          'there is more than one Authorization header',
        ],
      ])('a request %s gets 403 and no secret', async (_name, headers, words) => {
        const given = await headers();
        const { status, body } = await send(ports.validate, given);
        expect(status).toBe(403);
        expect(body).toBe(`jwt-validate: ${body.slice('jwt-validate: '.length)}`);
        expect(body).toContain(words);
        for (const part of given
          .join('.')
          .split('.')
          .filter((one) => one.length > 20))
          expect(body).not.toContain(part);
      });

      test('a path that needs no token needs none, and its caller header is taken away', async () => {
        const answer = await send(ports.validate, ['x-caller', 'spiffe://evil/'], '/healthz?full');
        expect(answer.status).toBe(200);
        expect(JSON.parse(answer.body)).toMatchObject({ caller: [], authorization: [] });
        expect((await send(ports.validate, [], '/healthz/../secret')).status).toBe(403);
        expect((await send(ports.validate, [], '/healthz%2f..%2fsecret')).status).toBe(403);
      });

      test('a foreign trust domain is accepted only while it is federated', async () => {
        const token = await mint(ids.backend, foreign);
        expect((await withToken(token)).status).toBe(403);
        await spire.server.setBundle('other.org', await foreign.showBundle());
        const marked = await entry('backend', ['spiffe://other.org']).catch(() => '');
        const second = await spire
          .createEntry({
            spiffeId: `${ids.backend}/federated`,
            selectors: [`unix:uid:${uids.backend}`],
            federatesWith: ['spiffe://other.org'],
          })
          .catch(() => '');
        await waitUntil('it is accepted', async () => (await withToken(token)).status === 200);
        await spire.server.deleteBundle('other.org');
        await waitUntil('it is refused', async () => (await withToken(token)).status === 403);
        for (const id of [marked, second]) if (id !== '') await spire.deleteEntry(id);
        expect(await passes()).toBe(true);
      });

      test('through a rotation of the signing key no good request is refused', async () => {
        const before = (await spire.server.jwtAuthorities()).active ?? '';
        const over = new AbortController();
        const refused: Answer[] = [];
        const load = (async () => {
          while (!over.signal.aborted) {
            const answer = await through();
            if (answer.status !== 200) refused.push(answer);
            await sleep(20);
          }
        })();
        const key = await spire.server.prepareJwtKey();
        await sleep(1_500);
        await spire.server.activateJwtKey(key);
        await waitUntil('a token is signed by the new key', async () => {
          const { authorization } = JSON.parse((await through()).body) as Arrived;
          const head = authorization[0]?.replace('Bearer ', '').split('.')[0] ?? '';
          return Buffer.from(head, 'base64url').toString().includes(key);
        });
        await spire.server.taintJwtKey(before);
        await spire.server.revokeJwtKey(before);
        await sleep(3_000);
        over.abort();
        await load;
        expect(refused).toEqual([]);
      });

      test('a storm of 1,100 clients that go away disturbs nobody', async () => {
        const kept: Answer[] = [];
        // In waves: all at once, a slow machine would need longer than the filter waits, which is not what is tested.
        for (let wave = 0; wave < 11; wave += 1) {
          const storm = Array.from({ length: 100 }, leaveAtOnce);
          kept.push(...(await Promise.all([through(), through()])));
          for (const request of storm) request.destroy();
        }
        expect(kept.map(({ status }) => status)).toEqual(kept.map(() => 200));
        expect(await passes()).toBe(true);
      });

      test('10,000 garbage tokens evict no good verdict and leave no memory behind', async () => {
        const token = await mint();
        expect((await withToken(token)).status).toBe(200);
        const rss = await backend.metric('process_resident_memory_bytes');
        for (let batch = 0; batch < 100; batch += 1) {
          const answers = await Promise.all(
            Array.from({ length: 100 }, (_, index) =>
              withToken(`${batch}.${index}.${'x'.repeat(500)}`),
            ),
          );
          expect(answers.every(({ status }) => status === 403)).toBe(true);
        }
        const misses = await backend.metric('svidecar_verdicts_total{cache="miss"}');
        expect((await withToken(token)).status).toBe(200);
        expect(await backend.metric('svidecar_verdicts_total{cache="miss"}')).toBe(misses);
        expect(await backend.metric('svidecar_verdicts_held')).toBeLessThan(400);
        const grown = (await backend.metric('process_resident_memory_bytes')) - rss;
        expect(grown).toBeLessThan(60 * 1_048_576);
      }, 180_000);

      test('new settings are taken up, wrong ones are not', async () => {
        const rule = { name: 'jwt-inject', mode: 'inject', spiffeId: ids.frontend } as const;
        frontend.configure([{ ...rule, audienceByHost: { elsewhere: ids.backend } }]);
        const reloads = 'svidecar_settings_reloads_total{result=';
        await waitUntil('the rule has changed', async () => (await through()).status === 403);
        expect((await through()).body).toContain('jwt-validate: there is no Authorization header');
        frontend.configure([]);
        await waitUntil(
          'the refusal is counted',
          async () => (await frontend.metric(`${reloads}"refused"}`)) === 1,
        );
        expect((await through()).status).toBe(403);
        frontend.configure([{ ...rule, audience: ids.backend }]);
        await waitUntil('a request passes', passes);
      });

      test('without the agent, requests go on until the token ends; with it, they come back', async () => {
        await spire.withoutAgent(async () => {
          const stopped = Date.now();
          expect(await passes()).toBe(true);
          let lastGood = Date.now();
          await waitUntil('the token has ended', async () => {
            const { status } = await through();
            if (status === 200) lastGood = Date.now();
            return status !== 200;
          });
          // At least half a life was left: it is renewed at half life.
          expect(lastGood - stopped).toBeGreaterThan((tokenLifeS / 2 - 4) * 1_000);
          const refused = await through();
          expect(refused.status).toBe(503);
          expect(refused.body).toContain('the Workload API at');
          expect((await frontend.page('/readyz')).status).toBe(503);
          // Bundles do not end: who has a good token still comes in.
          expect((await withToken(await mint())).status).toBe(200);
        });
        const back = Date.now();
        await waitUntil('a request passes', passes);
        expect(Date.now() - back).toBeLessThan(15_000);
        expect((await frontend.page('/readyz')).status).toBe(200);
      });

      test('with its entry deleted, injection stops when the token ends', async () => {
        await spire.deleteEntry(frontendEntry);
        frontendEntry = '';
        expect(await passes()).toBe(true);
        await waitUntil('it stops', async () => (await through()).status === 503, {
          deadlineMs: (tokenLifeS + 20) * 1_000,
        });
        expect((await through()).body).toContain('jwt-inject: there is no token to send');
      });

      test('an expired token is refused', async () => {
        await sleep(Math.max(0, (Number(decodeJwt(expired).exp) + 62) * 1_000 - Date.now()));
        const { status, body } = await withToken(expired);
        // Its key may be gone by now: the claims are looked at first.
        expect({ status, body }).toEqual({
          status: 403,
          body: 'jwt-validate: the token has expired\n',
        });
      });
    });
  }
});
