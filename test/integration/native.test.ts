/**
 * The native data path on real SPIRE and real Envoy: tokens come into requests by SDS, and keys into jwt_authn by JWKS,
 * both from the helper. Envoy's configurations are those that our patcher writes from the shipped templates.
 * SVIDECAR_LOAD_S says for how many seconds tokens are rotated under load.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HelperSettingsInput } from '../../sidecar/config/settings.ts';
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

const own = process.getuid?.() ?? 0;
const isRoot = own === 0;
const uid = isRoot ? 31_201 : own;
/** The backend's is the audience that the demo names. */
const ids = {
  frontend: 'spiffe://example.org/ns/demo/sa/frontend',
  backend: 'spiffe://example.org/ns/demo/sa/backend',
};
/** Seconds that tokens live; they are renewed at half of it. */
const tokenLifeS = 12;
const loadS = Number(process.env['SVIDECAR_LOAD_S'] ?? 20);
/** What credential_injector says when it has no credential to inject. */
const withoutCredential = 'Failed to inject credential.';

const injectRule = {
  name: 'jwt-inject',
  mode: 'inject',
  audience: ids.backend,
  spiffeId: ids.frontend,
} as const;
const validateRule = { name: 'jwt-validate', mode: 'validate' as const, audiences: [ids.backend] };
const rules: HelperSettingsInput['rules'] = [injectRule, validateRule];

const expiryMetric = `svidecar_token_expiry_timestamp_seconds{audience="${ids.backend}"}`;

/** The claims of the one token that arrived at the app. */
function arrivedClaims({ body }: Answer): ReturnType<typeof decodeJwt> {
  // What `startApp` answers.
  const { authorization } = JSON.parse(body) as Arrived;
  expect(authorization).toHaveLength(1);
  return decodeJwt(authorization[0]?.replace(/^Bearer /, '') ?? '');
}

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

  // The script on Bun has its turn with this path in bans-injected.test.ts.
  for (const runtime of helperRuntimes.filter((one) => one !== 'bun')) {
    describeWithComponents([], `on ${runtime}`, () => {
      let helper: HelperProcess;
      let envoys: RunningEnvoy[] = [];
      let entry = '';
      /** `state` goes on to `validate`, and `delta` straight to the app. */
      let ports = { helper: 0, state: 0, delta: 0, validate: 0 };

      const start = (): Promise<HelperProcess> =>
        startHelper({
          runtime,
          folder: work.path,
          workloadApi: spire.endpoint,
          name: `native-${runtime}`,
          uid: isRoot ? uid : undefined,
          dataPath: 'native',
          port: ports.helper,
          rules,
        });
      const bothPass = async (): Promise<boolean> =>
        (await send(ports.state)).status === 200 && (await send(ports.delta)).status === 200;
      const onePasses = async (): Promise<boolean> =>
        (await send(ports.state)).status === 200 || (await send(ports.delta)).status === 200;
      const withToken = (token: string): Promise<Answer> =>
        send(ports.validate, ['authorization', `Bearer ${token}`]);
      const mint = (audience = ids.backend, from = spire.server): Promise<string> =>
        from.mintJwt(`spiffe://${from.trustDomain}/tester`, audience, 120);
      const foreignStatus = async (): Promise<number> =>
        (await withToken(await mint(ids.backend, foreign))).status;
      const entryFor = (federatesWith: readonly string[] = []): Promise<string> =>
        spire.createEntry({
          spiffeId: ids.frontend,
          selectors: [`unix:uid:${uid}`],
          jwtTtlS: tokenLifeS,
          federatesWith,
        });

      /**
       * Sends requests on both ways until it is told to stop. Whatever arrives has a token that is still valid, however
       * late it is. @returns what was refused, and the tokens by their expiry.
       */
      const loadUntil = async (over: AbortSignal, lanes = 2) => {
        const seen = {
          passed: 0,
          refused: [] as Answer[],
          expiries: new Set<number>(),
          /** Milliseconds by which tokens were too old. */
          late: [] as number[],
        };
        const lane = async (port: number): Promise<void> => {
          while (!over.aborted) {
            const answer = await send(port);
            if (answer.status !== 200) seen.refused.push(answer);
            else {
              seen.passed += 1;
              const { exp = 0 } = arrivedClaims(answer);
              if (exp * 1_000 <= Date.now()) seen.late.push(Date.now() - exp * 1_000);
              seen.expiries.add(exp);
            }
            await sleep(5);
          }
        };
        const all = Array.from({ length: lanes }, () => [ports.state, ports.delta]).flat();
        await Promise.all(all.map(lane));
        return seen;
      };
      const loadDuring = async (work: () => Promise<unknown>, lanes?: number) => {
        const over = new AbortController();
        const load = loadUntil(over.signal, lanes);
        try {
          await work();
        } finally {
          over.abort();
          await load;
        }
        const seen = await load;
        expect(seen.late, 'an expired token arrived, so many milliseconds late').toEqual([]);
        return seen;
      };
      /** Waits for the end of what Envoy holds: then, and not before, requests are refused for want of a credential. */
      const untilRefused = async (): Promise<void> => {
        const seen = await loadDuring(() =>
          waitUntil('requests are refused', async () => !(await bothPass())),
        );
        expect(seen.passed).toBeGreaterThan(0);
        await waitUntil('both are', async () => {
          const answers = await Promise.all([send(ports.state), send(ports.delta)]);
          return answers.every(({ status }) => status === 401);
        });
        for (const answer of [...seen.refused, await send(ports.state), await send(ports.delta)])
          expect(answer).toEqual({ status: 401, body: withoutCredential });
      };

      /** Waits for a renewal, so that a token's life is left for what comes. */
      const untilFresh = (): Promise<void> =>
        waitUntil('the token has been renewed', async () => {
          const expiresAtS = await helper.metric(expiryMetric);
          return expiresAtS - Date.now() / 1_000 > tokenLifeS - 2;
        });

      beforeAll(async () => {
        ports = {
          helper: await freePort(),
          state: await freePort(),
          delta: await freePort(),
          validate: await freePort(),
        };
        helper = await start();
      });
      afterAll(async () => {
        await Promise.all(envoys.map((envoy) => envoy.stop()));
        await helper.stop();
        if (entry !== '') await spire.deleteEntry(entry).catch(() => undefined);
        // The agent knows of it a little later; the other runtime begins without an identity.
        const kind = async (): Promise<string> => (await spire.fetchJwt(uid, ids.backend)).kind;
        await waitUntil('the agent has forgotten it', async () => (await kind()) === 'refused');
      });

      test('it has started once every token is in hand and logged, and says before what is missing', async () => {
        const startup = await helper.page('/startup');
        expect(startup.status).toBe(503);
        expect(startup.body).toContain(`JWT-SVID for audience "${ids.backend}"`);
        expect((await helper.page('/livez')).status).toBe(200);
        entry = await entryFor();
        const page = async (): Promise<number> => (await helper.page('/startup')).status;
        await waitUntil('it has started', async () => (await page()) === 200);
        // By then the log says it: who reads it sees the token before the other containers' first line.
        expect(helper.log()).toMatch(/"level":"info",.*"state":"valid until \d+"/);
        expect(await helper.metric(expiryMetric)).toBeGreaterThan(Date.now() / 1_000);
      });

      test('an Envoy that starts then is ready at once', async () => {
        // Listening on loopback on a free port: a number.
        const appPort = (app.address() as AddressInfo).port;
        const common = { helper: ports.helper, dataPath: 'native' } as const;
        const injecting = { ...common, annotations: { 'svidecar.dev/spiffe-id': ids.frontend } };
        const configs = [
          proxyConfig('validate', {
            ...common,
            listen: ports.validate,
            upstream: appPort,
            annotations: {
              'svidecar.dev/allow-callers': 'spiffe://example.org, spiffe://other.org',
            },
          }),
          proxyConfig('inject', { ...injecting, listen: ports.state, upstream: ports.validate }),
          // The helper speaks this one too.
          proxyConfig('inject', { ...injecting, listen: ports.delta, upstream: appPort }).replace(
            'api_type: GRPC',
            'api_type: DELTA_GRPC',
          ),
        ];
        expect(configs[2]).toContain('api_type: DELTA_GRPC');
        const args = ['--concurrency', '1'];
        envoys = await Promise.all(configs.map((config) => startEnvoy(config, { args })));
        for (const port of [ports.state, ports.delta]) {
          const answer = await send(port);
          expect(answer.status).toBe(200);
          expect(arrivedClaims(answer)).toMatchObject({ sub: ids.frontend, aud: [ids.backend] });
        }
        expect(await helper.metric('svidecar_sds_streams')).toBe(2);
      });

      test('it tells as whom it has tokens, and until when, and nothing of a token itself', async () => {
        const { body } = await helper.page('/identities');
        // What `startApp` answers.
        const { authorization } = JSON.parse((await send(ports.state)).body) as Arrived;
        const token = authorization[0]?.replace(/^Bearer /, '') ?? '';
        const held = { audience: ids.backend, spiffeId: ids.frontend, issuer: 'example.org' };
        expect(JSON.parse(body)).toMatchObject({ tokens: [held], trustDomains: ['example.org'] });
        for (const part of token.split('.')) expect(body).not.toContain(part);
      });

      test('only tokens of the domain and for the audience come in', async () => {
        expect((await withToken(await mint())).status).toBe(200);
        expect((await send(ports.validate)).status).toBe(401);
        expect((await withToken(await mint('spiffe://example.org/other'))).status).toBe(403);
        expect(await foreignStatus()).toBe(401);
      });

      test(
        'tokens are rotated under load, and no request is refused',
        async () => {
          const { refused, passed, expiries } = await loadDuring(() => sleep(loadS * 1_000), 3);
          expect(refused).toEqual([]);
          // Renewed at half of their life, or a little later.
          expect(expiries.size).toBeGreaterThanOrEqual(Math.floor(loadS / tokenLifeS) + 1);
          expect(await helper.metric('svidecar_sds_pushes_total{value="empty"}')).toBe(0);
          expect(await helper.metric('svidecar_sds_refusals_total')).toBe(0);
          console.log(`${runtime}: ${passed} requests in ${loadS} s, ${expiries.size} tokens`);
        },
        (loadS + 60) * 1_000,
      );

      test('through a rotation of the signing key no good request is refused', async () => {
        const before = (await spire.server.jwtAuthorities()).active ?? '';
        const old = await mint();
        const { refused } = await loadDuring(async () => {
          const key = await spire.server.prepareJwtKey();
          // The agent learns of it within half a second, Envoy a second later.
          await sleep(3_000);
          await spire.server.activateJwtKey(key);
          await spire.server.taintJwtKey(before);
          await sleep(tokenLifeS * 600);
          await spire.server.revokeJwtKey(before);
          await sleep(3_000);
        });
        expect(refused).toEqual([]);
        expect((await withToken(await mint())).status).toBe(200);
        expect((await withToken(old)).status, 'its key is revoked').toBe(401);
      });

      test('a foreign trust domain is accepted only while it is federated', async () => {
        await spire.server.setBundle('other.org', await foreign.showBundle());
        const federated = await spire.createEntry({
          spiffeId: `${ids.frontend}/federated`,
          selectors: [`unix:uid:${uid}`],
          federatesWith: ['spiffe://other.org'],
        });
        const { refused } = await loadDuring(async () => {
          await waitUntil('it is accepted', async () => (await foreignStatus()) === 200);
          await spire.server.deleteBundle('other.org');
          await waitUntil('it is refused', async () => (await foreignStatus()) === 401);
        });
        await spire.deleteEntry(federated);
        expect(refused).toEqual([]);
      });

      test('a rule that goes takes its token with it, and a rule that comes back brings it', async () => {
        const refusal = { status: 401, body: withoutCredential };
        try {
          helper.configure([{ ...injectRule, audience: 'other' }, validateRule]);
          // Each Envoy hears of it by itself.
          await waitUntil('requests are refused', async () => !(await onePasses()));
          expect(await send(ports.state)).toEqual(refusal);
          const words = 'Envoy asks for a secret that no rule names';
          const said = (): number => helper.log().split(words).length - 1;
          await waitUntil('it is said', () => Promise.resolve(said() > 0));
          expect(said()).toBe(1);
        } finally {
          helper.configure(rules);
        }
        await waitUntil('requests pass', bothPass);
      });

      test('a helper that is killed and comes back goes unnoticed', async () => {
        await untilFresh();
        const { refused } = await loadDuring(async () => {
          await helper.stop(0);
          helper = await start();
          const streams = (): Promise<number> => helper.metric('svidecar_sds_streams');
          await waitUntil('Envoy is back', async () => (await streams()) === 2);
          // Longer than any token from before lives.
          await sleep(tokenLifeS * 1_000);
        });
        expect(refused).toEqual([]);
      });

      test('without the agent, requests go on until the token ends; with it, they come back', async () => {
        const hears = async (): Promise<boolean> =>
          (await helper.metric('svidecar_bundles_current')) === 1;
        expect(await hears()).toBe(true);
        await spire.withoutAgent(async () => {
          await untilRefused();
          const ready = async (): Promise<number> => (await helper.page('/readyz')).status;
          await waitUntil('it says so', async () => (await ready()) === 503);
          // Keys do not end: who has a good token still comes in.
          expect((await withToken(await mint())).status).toBe(200);
          expect(await hears()).toBe(false);
        });
        await waitUntil('requests pass', bothPass);
        await waitUntil('it hears of keys', hears);
      });

      test('a helper that was restarted while the agent is away takes back the token it never saw', async () => {
        await untilFresh();
        await spire.withoutAgent(async () => {
          await helper.stop(0);
          helper = await start();
          await untilRefused();
          expect(await helper.metric('svidecar_sds_pushes_total{value="token"}')).toBe(0);
        });
        await waitUntil('requests pass', bothPass);
      });
    });
  }
});
