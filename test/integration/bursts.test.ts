/** Reviews that come many at once: the API server opens more connections for them than it needs, and keeps what is left over. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Admissions } from './harness/admissions.ts';
import { startApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { installReplicas } from './harness/replicas.ts';
import { shopParts } from './harness/shop-fixture.ts';

const lives = { leafS: 3_600, authorityS: 36_000, settleS: 1 };
const leaseTimes = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 };
/** Shorter than the pause between two bursts; Node.js looks once in a second. */
const limits = { headersTimeoutMs: 300, requestTimeoutMs: 600 };
const bursts = 12;
const each = 40;

describeWithComponents(['etcd', 'kube-apiserver', 'kubectl'], 'bursts of reviews', () => {
  test('none is lost, though some connections were opened long before they are used', async () => {
    const shop = shopParts();
    const api = await startApiServer();
    const certificate = { settings: { kind: 'self_signed' as const, lives }, leaseTimes };
    const replicas = await installReplicas(api, certificate, { limits });
    try {
      await replicas.takesReviews(await replicas.start('only'));
      await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
      await api.request('POST', '/api/v1/namespaces/shop/configmaps', shop.source);
      const admissions = new Admissions(api, 'shop', shop.pod);
      for (let burst = 0; burst < bursts; burst += 1) {
        await admissions.run(each, 0);
        await wait(900 + 17 * burst);
      }
      expect(admissions.outcomes).toEqual({ injected: bursts * each, uninjected: [], refused: [] });
    } finally {
      await replicas.stop();
      await api.stop();
    }
  });
});
