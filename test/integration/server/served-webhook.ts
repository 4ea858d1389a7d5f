/** The real HTTPS server on loopback, with one certificate for good; it stops with the test. */
import { onTestFinished } from 'vitest';
import type { Limits } from '../../../webhook/server/limits.ts';
import { WebhookServer } from '../../../webhook/server/server.ts';
import { reviewAll } from '../../fakes/reviewer.ts';
import { makeServingPair } from '../../fakes/serving-pair.ts';
import { SilentLog } from '../../fakes/silent-log.ts';

export async function serveWebhook(
  limits: Partial<Limits> = {},
): Promise<{ readonly port: number; readonly server: WebhookServer }> {
  const pair = { ...(await makeServingPair({ name: 'svidecar' })), notAfter: 4_000_000_000 };
  const server = new WebhookServer({
    reviewer: () => reviewAll,
    ready: () => [],
    certificates: { current: () => pair, onChange: () => () => undefined },
    clock: Date,
    log: new SilentLog(),
    limits: { drainMs: 50, closeMs: 500, ...limits },
  });
  onTestFinished(() => server.stop());
  return { server, port: await server.start('127.0.0.1', 0) };
}
