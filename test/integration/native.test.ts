/**
 * The native data path on real SPIRE and real Envoy: tokens come into requests by SDS, and keys into jwt_authn by JWKS,
 * both from the helper. What the templates write is tested elsewhere; here Envoy's configurations are written out.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { freePort, waitUntil } from './harness/processes.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp, type Answer, type Arrived } from './mesh/app.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';
import { injectingEnvoy, validatingEnvoy } from './mesh/native-envoy.ts';
import { runtimes } from './runtimes.ts';

const own = process.getuid?.() ?? 0;
const isRoot = own === 0;
const uid = isRoot ? 31_201 : own;
const ids = { frontend: 'spiffe://example.org/frontend', backend: 'spiffe://example.org/backend' };
/** Seconds that tokens live: the tests wait for their end. */
const tokenLifeS = 16;
const keepKeysS = 6;

describeWithComponents(['envoy', 'spire-server', 'spire-agent'], 'the native data path', () => {
  let work: WorkFolder;
  let spire: Spire;
  let foreign: SpireServer;
  let app: Server;
  beforeAll(async () => {
    work = await createWorkFolder('native');
    [spire, foreign, app] = await Promise.all([
      startSpire({ jwtTtlS: 120 }),
      startSpireServer({ trustDomain: 'other.org' }),
      startApp(),
    ]);
  });
  afterAll(async () => {
    app.close();
    await Promise.all([spire.stop(), foreign.stop()]);
    await work.remove();
  });

  for (const runtime of runtimes) {
    describeWithComponents([], `on ${runtime}`, () => {
      let helper: HelperProcess;
      let envoys: RunningEnvoy[] = [];
      let entry = '';
      let ports = { inject: 0, delta: 0, validate: 0 };

      const through = (port = ports.inject): Promise<Answer> => send(port);
      const passes = async (): Promise<boolean> => (await through()).status === 200;
      const withToken = (token: string): Promise<Answer> =>
        send(ports.validate, ['authorization', `Bearer ${token}`]);
      const mint = (audience = ids.backend, from = spire.server): Promise<string> =>
        from.mintJwt(`spiffe://${from.trustDomain}/tester`, audience, 120);

      beforeAll(async () => {
        helper = await startHelper({
          runtime,
          folder: work.path,
          workloadApi: spire.endpoint,
          name: `native-${runtime}`,
          uid: isRoot ? uid : undefined,
          dataPath: 'native',
          rules: [
            { name: 'jwt-inject', mode: 'inject', audience: ids.backend, spiffeId: ids.frontend },
            { name: 'jwt-validate', mode: 'validate', audiences: [ids.backend] },
          ],
        });
        entry = await spire.createEntry({
          spiffeId: ids.frontend,
          selectors: [`unix:uid:${uid}`],
          jwtTtlS: tokenLifeS,
        });
        await waitUntil(
          'it has started',
          async () => (await helper.page('/startup')).status === 200,
        );
        ports = { inject: await freePort(), delta: await freePort(), validate: await freePort() };
        // Listening on loopback on a free port: a number.
        const appPort = (app.address() as AddressInfo).port;
        const inject = {
          audience: ids.backend,
          spiffeId: ids.frontend,
          upstream: ports.validate,
          helper: helper.port,
        };
        const one = ['--concurrency', '1'];
        envoys = await Promise.all([
          startEnvoy(
            validatingEnvoy({
              listen: ports.validate,
              upstream: appPort,
              helper: helper.port,
              audience: ids.backend,
              trustDomains: ['example.org', 'other.org'],
              keepKeysS,
            }),
            { args: one },
          ),
          startEnvoy(injectingEnvoy({ ...inject, listen: ports.inject, api: 'GRPC' }), {
            args: one,
          }),
          startEnvoy(injectingEnvoy({ ...inject, listen: ports.delta, api: 'DELTA_GRPC' }), {
            args: one,
          }),
        ]);
      });
      afterAll(async () => {
        await Promise.all(envoys.map((envoy) => envoy.stop()));
        await helper.stop();
        if (entry !== '') await spire.deleteEntry(entry).catch(() => undefined);
      });

      test.each(['inject', 'delta'] as const)(
        'a request goes through with our token (%s)',
        async (side) => {
          const answer = await through(ports[side]);
          expect(answer.status).toBe(200);
          const { authorization }: Arrived = JSON.parse(answer.body) as Arrived;
          expect(authorization).toHaveLength(1);
          const claims = decodeJwt(authorization[0]?.replace('Bearer ', '') ?? '');
          expect(claims).toMatchObject({ sub: ids.frontend, aud: [ids.backend] });
        },
      );

      test('a minted token passes', async () => {
        expect((await withToken(await mint())).status).toBe(200);
        expect((await withToken(await mint('x'))).status).toBe(403);
        expect((await withToken(await mint(ids.backend, foreign))).status).toBe(401);
        expect(await passes()).toBe(true);
      });
    });
  }
});
