/**
 * A token of the helper that comes back to it, through a real Envoy: after an internal redirect, and from a listener to
 * another one of the same Envoy. It goes no further than to the host that it is meant for, and is no client's header.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../sidecar/stand-ins/jwt-authority.ts';
import {
  startEmbeddedWorkloadApi,
  type EmbeddedWorkloadApi,
} from '../../sidecar/stand-ins/workload-api.ts';
import { describeWithComponents } from './harness/components.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, type Answer } from './mesh/app.ts';
import { startFixturePod } from './mesh/fixture-pod.ts';
import { runtimes, type Runtime } from './runtimes.ts';

/** Says at which host a request arrived and with which tokens; `/to/HOST` sends it on to that host. */
function startRedirector(): Promise<Server> {
  const app = createServer((request, response) => {
    const [, host] = /^\/to\/([a-z.]+)$/.exec(request.url ?? '') ?? [];
    if (host !== undefined) response.writeHead(302, { location: `http://${host}/landed` });
    const { host: arrivedAt } = request.headers;
    const authorization = request.headersDistinct['authorization'] ?? [];
    response.end(JSON.stringify({ host: arrivedAt, authorization }));
  });
  return new Promise((resolve) => {
    app.listen(0, '127.0.0.1', () => {
      resolve(app);
    });
  });
}

describeWithComponents(['envoy'], 'a token that comes back', () => {
  let work: WorkFolder;
  let api: EmbeddedWorkloadApi;
  let app: Server;
  beforeAll(async () => {
    work = await createWorkFolder('own-tokens');
    const authority = await createAuthority({ trustDomain: 'example.org' });
    const identities = [{ spiffeId: 'spiffe://example.org/web' }];
    const socketPath = join(work.path, 'agent.sock');
    [api, app] = await Promise.all([
      startEmbeddedWorkloadApi({ authority, socketPath, identities, jwtTtlS: 8 }),
      startRedirector(),
    ]);
  });
  afterAll(async () => {
    app.close();
    await api.close();
    await work.remove();
  });

  async function start(fixture: string, runtime: Runtime) {
    // Listening on loopback on a free port: a number.
    const appPort = (app.address() as AddressInfo).port;
    const site = { folder: work.path, workloadApi: api.address, appPort };
    const { front, helper, stop } = await startFixturePod({ fixture, runtime, ...site });
    const metric = (outcome: string): Promise<number> =>
      helper.metric(`svidecar_checks_total{rule="jwt-inject",outcome="${outcome}"}`);
    return { ask: (host: string, path = '/') => send(front, ['host', host], path), metric, stop };
  }

  /** Where a request arrived, and the audiences of the tokens that it had. */
  function arrived({ status, body }: Answer): unknown {
    if (status !== 200) return { status, body };
    const { host, authorization } = JSON.parse(body) as { host: string; authorization: string[] };
    return [host, authorization.map((value) => decodeJwt(value.replace('Bearer ', '')).aud)];
  }
  const forBackend = [['spiffe://example.org/backend']];

  test.each(runtimes)('internal redirects, on %s', async (runtime) => {
    const pod = await start('internal-redirect-to-another-host', runtime);
    try {
      const ask = async (path?: string) => arrived(await pod.ask('backend.test', path));
      expect(await ask()).toEqual(['backend.test', forBackend]);
      // To a host that nobody named: without the token.
      expect(await ask('/to/elsewhere.test')).toEqual(['elsewhere.test', []]);
      expect(await pod.metric('taken_off')).toBe(1);
      // To one with an audience of its own: with that one's token.
      const forLedger = [['spiffe://example.org/ledger']];
      expect(await ask('/to/ledger.test')).toEqual(['ledger.test', forLedger]);
      // To the same one again, with a token that may be a newer one.
      expect(await ask('/to/backend.test')).toEqual(['backend.test', forBackend]);
      expect(await pod.metric('authorization_present')).toBe(0);
    } finally {
      await pod.stop();
    }
  });

  test.each(runtimes)('a listener behind a listener, on %s', async (runtime) => {
    const pod = await start('listener-behind-a-listener', runtime);
    try {
      // Longer than a token lives: the second meeting may find the one before.
      const end = Date.now() + 10_000;
      while (Date.now() < end) expect(arrived(await pod.ask('any'))).toEqual(['any', forBackend]);
      expect(await pod.metric('authorization_present')).toBe(0);
    } finally {
      await pod.stop();
    }
  });
});
