/**
 * The template `jwt-ban` beside `jwt-validate` on real SPIRE and a real Envoy, as the webhook writes both: a ban makes
 * validation no weaker, and whatever happens to the helper refuses nobody because of a ban.
 */
import { renameSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSettings } from '../../sidecar/config/settings.ts';
import { bareToken } from '../fakes/ban-tokens.ts';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { bestRound } from './harness/pace.ts';
import { freePort } from './harness/free-port.ts';
import { pauseProcess, waitUntil } from './harness/processes.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp, type Answer } from './mesh/app.ts';
import { edgeAt, edgeYaml } from './mesh/edge-yaml.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';
import { injectPod } from './mesh/injected-pod.ts';
import { runtimes } from './runtimes.ts';

const isRoot = process.getuid?.() === 0;
const uid = isRoot ? 31_301 : (process.getuid?.() ?? 0);
const own = 'spiffe://example.org/ns/shop/sa/default';
const caller = 'spiffe://example.org/ns/shop/sa/caller';
const banned = ['cookie', `session=${bareToken({ email: 'jo@example.org' })}`] as const;
const other = ['cookie', `session=${bareToken({ email: 'al@example.org' })}`] as const;

/** On which data path, on which runtime, what stands for a refusal without a token, and for a helper that is gone. */
const cases = [
  { dataPath: 'ext-authz', runtime: 'node', unproven: 403, orphaned: 503 },
  { dataPath: 'native', runtime: runtimes.at(-1) ?? 'node', unproven: 401, orphaned: 200 },
] as const;

describeWithComponents(['envoy', 'spire-server', 'spire-agent'], 'jwt-ban and jwt-validate', () => {
  let work: WorkFolder;
  let spire: Spire;
  let app: Server;
  beforeAll(async () => {
    work = await createWorkFolder('bans-injected');
    [spire, app] = await Promise.all([startSpire({ jwtTtlS: 600 }), startApp()]);
    await spire.createEntry({ spiffeId: own, selectors: [`unix:uid:${uid}`] });
  });
  afterAll(async () => {
    app.close();
    await spire.stop();
    await work.remove();
  });

  for (const { dataPath, runtime, unproven, orphaned } of cases) {
    describeWithComponents([], `with the data path ${dataPath}, on ${runtime}`, () => {
      let helper: HelperProcess;
      let envoy: RunningEnvoy;
      let port = 0;
      let proof: readonly string[] = [];
      let list = '';
      const ask = (...headers: readonly (readonly string[])[]): Promise<Answer> =>
        send(port, headers.flat());
      const ban = (text: string): void => {
        writeFileSync(`${list}.new`, text, { mode: 0o644 });
        renameSync(`${list}.new`, list);
      };

      beforeAll(async () => {
        list = join(work.path, `${dataPath}.jsonl`);
        ban('{"claim":"email","value":"jo@example.org"}');
        const pod = injectPod({
          name: 'edge',
          annotations: {
            'inject.svidecar.dev/templates': 'jwt-validate, jwt-ban',
            'svidecar.dev/data-path': dataPath,
            'svidecar.dev/ban-claims': 'email',
            'svidecar.dev/ban-token': 'cookie:session',
            'svidecar.dev/forward-token': 'false',
          },
          files: { 'envoy.yaml': edgeYaml() },
        });
        if (typeof pod === 'string') throw new Error(pod);
        expect(pod.warnings).toEqual([]);
        const { rules } = readSettings(pod.settings, 'helper.yaml');
        helper = await startHelper({
          name: `injected-${dataPath}`,
          runtime,
          folder: work.path,
          workloadApi: spire.endpoint,
          dataPath,
          uid: isRoot ? uid : undefined,
          rules: rules.map((rule) =>
            rule.mode === 'ban' ? { ...rule, store: { file: list } } : rule,
          ),
        });
        port = await freePort();
        // Listening on loopback on a free port: a number.
        const appPort = (app.address() as AddressInfo).port;
        const ports = { listen: port, app: appPort, helper: helper.port };
        const config = edgeAt(pod.files['envoy.yaml'] ?? '', ports);
        envoy = await startEnvoy(config, { args: ['--concurrency', '1'] });
        const token = await spire.server.mintJwt(caller, own, 600);
        proof = ['authorization', `Bearer ${token}`];
        await waitUntil('a proven request passes', async () => (await ask(proof)).status === 200);
      });
      afterAll(async () => {
        await Promise.all([helper.stop(0), envoy.stop()]);
      });

      test('each refuses what it is there for', async () => {
        expect((await ask(proof, other)).status).toBe(200);
        expect((await ask(other)).status).toBe(unproven);
        expect((await ask()).status).toBe(unproven);
        expect(await ask(proof, banned)).toEqual({ status: 403, body: 'banned\n' });
        expect(await ask(banned)).toEqual({ status: 403, body: 'banned\n' });
      });

      test('a ban that ends lets validation decide again', async () => {
        ban('# nobody\n');
        await waitUntil('it has ended', async () => (await ask(proof, banned)).status === 200);
        expect((await ask(banned)).status).toBe(unproven);
        ban('{"claim":"email","value":"jo@example.org"}');
        await waitUntil('it is back', async () => (await ask(proof, banned)).status === 403);
      });

      test('a helper that hangs delays a request by the time-out, and bans nobody', async () => {
        await pauseProcess(helper.pid);
        try {
          if (dataPath === 'ext-authz') {
            // The first filter gives up after 0.1 s, the one that validates after 5.
            expect((await ask(banned)).status).toBe(orphaned);
          } else {
            const tookMs = await bestRound(2_000, async () => {
              const started = performance.now();
              expect((await ask(proof, banned)).status).toBe(orphaned);
              expect((await ask(banned)).status).toBe(unproven);
              return performance.now() - started;
            });
            expect(tookMs).toBeLessThan(2_000);
          }
        } finally {
          process.kill(helper.pid, 'SIGCONT');
        }
        await waitUntil('it is back', async () => (await ask(proof, banned)).body === 'banned\n');
      });

      test('a helper that is gone refuses nobody for a ban, and lets nobody in for it', async () => {
        await helper.stop(0);
        expect((await ask(proof, banned)).status).toBe(orphaned);
        expect((await ask(banned)).status).toBe(dataPath === 'native' ? unproven : orphaned);
        expect((await ask()).status).not.toBe(200);
        const stats = await envoy.admin('/stats?filter=ext_authz.jwt-ban.failure_mode_allowed');
        expect(stats).toMatch(/failure_mode_allowed: [1-9]/);
      });
    });
  }
});
