/** What becomes of requests while the helper is slow, hangs, is not there, or is told to stop before its Envoy: on real Envoy. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../sidecar/stand-ins/jwt-authority.ts';
import {
  startEmbeddedWorkloadApi,
  type EmbeddedWorkloadApi,
} from '../../sidecar/stand-ins/workload-api.ts';
import { GrpcServer } from '../../sidecar/server/grpc-server.ts';
import type { UnaryMethod } from '../../sidecar/server/unary-call.ts';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp } from './mesh/app.ts';
import { proxyConfig } from './mesh/envoy-configs.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';
import { runtimes } from './runtimes.ts';

const one = { args: ['--concurrency', '1'] };

describeWithComponents(['envoy'], 'a helper', () => {
  let work: WorkFolder;
  let app: Server;
  beforeAll(async () => {
    work = await createWorkFolder('slow-or-gone');
    app = await startApp();
  });
  afterAll(async () => {
    app.close();
    await work.remove();
  });
  // Listening on loopback on a free port: a number.
  const appPort = (): number => (app.address() as AddressInfo).port;

  describeWithComponents([], 'that answers as it likes', () => {
    /** Allows each request: a CheckResponse without a status. */
    const allowed = Buffer.alloc(0);
    let answer: UnaryMethod = () => allowed;
    const check: UnaryMethod = (message, metadata) => answer(message, metadata);
    const helper = new GrpcServer({
      methods: new Map([['/envoy.service.auth.v3.Authorization/Check', check]]),
    });
    let envoys: RunningEnvoy[] = [];
    let fronts: number[] = [];
    beforeAll(async () => {
      const port = await freePort();
      await helper.listen({ host: '127.0.0.1', port });
      fronts = [await freePort(), await freePort()];
      const [inject = 0, validate = 0] = fronts;
      const onward = { upstream: appPort(), helper: port };
      envoys = await Promise.all([
        startEnvoy(proxyConfig('inject', { listen: inject, ...onward }), one),
        startEnvoy(proxyConfig('validate', { listen: validate, ...onward }), one),
      ]);
    });
    afterAll(async () => {
      await Promise.all(envoys.map((envoy) => envoy.stop()));
    });

    /** Of a request to each side. */
    const statuses = async (): Promise<number[]> => {
      const answers = await Promise.all(fronts.map((port) => send(port)));
      return answers.map(({ status }) => status);
    };

    test('is waited for: a machine without time for it refuses nobody', async () => {
      answer = () => sleep(2_000, allowed);
      expect(await statuses()).toEqual([200, 200]);
    });

    test('is given up when it hangs, as unavailable and not as a refusal', async () => {
      answer = () => new Promise(() => undefined);
      const started = performance.now();
      expect(await statuses()).toEqual([503, 503]);
      expect(performance.now() - started).toBeGreaterThan(4_500);
    });

    test('lets nobody through while it is not there, and nobody waits for it', async () => {
      answer = () => allowed;
      expect(await statuses()).toEqual([200, 200]);
      await helper.close(0);
      const started = performance.now();
      expect(await statuses()).toEqual([503, 503]);
      expect(performance.now() - started).toBeLessThan(4_500);
    });
  });

  describeWithComponents([], 'that is an ordinary container', () => {
    let api: EmbeddedWorkloadApi;
    let envoy: RunningEnvoy;
    let front = 0;
    beforeAll(async () => {
      const authority = await createAuthority({ trustDomain: 'example.org' });
      const identities = [{ spiffeId: 'spiffe://example.org/web' }];
      const socketPath = join(work.path, 'agent.sock');
      api = await startEmbeddedWorkloadApi({ authority, socketPath, identities });
    });
    afterAll(() => api.close());

    const startOn = (runtime: (typeof runtimes)[number]): Promise<HelperProcess> =>
      startHelper({
        name: `ordinary-${runtime}`,
        runtime,
        folder: work.path,
        workloadApi: api.address,
        rules: [{ name: 'jwt-inject', mode: 'inject', audience: 'backend' }],
        env: { POD_NAME: 'web' },
      });

    test.each(runtimes)('on %s ends after its Envoy when both are told to', async (runtime) => {
      const helper = await startOn(runtime);
      front = await freePort();
      const ports = { listen: front, upstream: appPort(), helper: helper.port };
      envoy = await startEnvoy(proxyConfig('inject', ports), one);
      const passes = async (): Promise<boolean> => (await send(front)).status === 200;
      await waitUntil('a request passes', passes);
      const stopped = helper.stop(20_000);
      await waitUntil('it was told', () => Promise.resolve(helper.log().includes('stopping')));
      for (let asked = 0; asked < 10; asked += 1) {
        await sleep(100);
        expect((await send(front)).status).toBe(200);
      }
      await envoy.stop();
      const gone = performance.now();
      await stopped;
      expect(performance.now() - gone).toBeLessThan(5_000);
      expect(helper.log()).toContain('"msg":"stopped"');
    });
  });
});
