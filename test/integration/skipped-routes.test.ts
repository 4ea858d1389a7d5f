/**
 * A route that needs no token (`svidecar-skip`), on real Envoy: Envoy chooses it by the path as it came, and an app may read
 * another one in it. Only paths that can be read in one way go by without a token.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../sidecar/stand-ins/jwt-authority.ts';
import {
  startEmbeddedWorkloadApi,
  type EmbeddedWorkloadApi,
} from '../../sidecar/stand-ins/workload-api.ts';
import { describeWithComponents } from './harness/components.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp } from './mesh/app.ts';
import { startFixturePod, type FixturePod } from './mesh/fixture-pod.ts';

describeWithComponents(['envoy'], 'a route that needs no token', () => {
  let work: WorkFolder;
  let api: EmbeddedWorkloadApi;
  let app: Server;
  let pod: FixturePod;
  beforeAll(async () => {
    work = await createWorkFolder('skipped-routes');
    const authority = await createAuthority({ trustDomain: 'example.org' });
    const identities = [{ spiffeId: 'spiffe://example.org/ns/shop/sa/default' }];
    const socketPath = join(work.path, 'agent.sock');
    api = await startEmbeddedWorkloadApi({ authority, socketPath, identities });
    app = await startApp();
    pod = await startFixturePod({
      fixture: 'route-that-needs-no-token',
      runtime: 'node',
      folder: work.path,
      workloadApi: api.address,
      // Listening on loopback on a free port: a number.
      appPort: (app.address() as AddressInfo).port,
    });
  });
  afterAll(async () => {
    await pod.stop();
    app.close();
    await api.close();
    await work.remove();
  });

  test.each([
    ['/public', 200],
    ['/public/logo.svg?v=2', 200],
    ['/private', 403],
    ['/public/../private', 403],
    ['/public/..%2fprivate', 403],
    ['/public/%2e%2e/private', 403],
    ['/public/..;/private', 403],
    ['/public//private', 403],
    ['/public\\..\\private', 403],
    ['/public/a%20b', 403],
  ])('%s without a token: %i', async (path, status) => {
    expect((await send(pod.front, [], path)).status).toBe(status);
  });
});
