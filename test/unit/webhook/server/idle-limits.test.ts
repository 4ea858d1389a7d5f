/** Who ends an idle connection: the client, always. What it sends on one that the server is just closing is lost. */
import { expect, test } from 'vitest';
import { banServiceLimits } from '../../../../bans/server/ban-service-limits.ts';
import { defaultLimits } from '../../../../webhook/server/limits.ts';

/** Seconds after which clients give an idle connection up, by their defaults. */
const idleS = { go: 90, nginx: 60, awsBalancer: 60, googleBalancer: 600, envoy: 3_600 };

test('API servers give an idle connection to the webhook up before the webhook does', () => {
  expect(defaultLimits.keepAliveTimeoutMs).toBeGreaterThan(idleS.go * 1_000);
});

test('so do programs and proxies with one to the service for bans', () => {
  expect(banServiceLimits.keepAliveTimeoutMs).toBeGreaterThan(
    Math.max(...Object.values(idleS)) * 1_000,
  );
});
