/** `svidecar render envoy`: what it makes of its options, and which of them it refuses. */
import { expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

const start = 'render envoy --spiffe-id spiffe://example.org/a --socket /run/spire/agent.sock';

function render(more: readonly string[]): ReturnType<typeof runSvidecar> {
  return runSvidecar([...start.split(' '), ...more]);
}

test('without tokens nothing needs HTTP', async () => {
  const inbound = await render(['--inbound', 'tcp:8443=5432']);
  expect([inbound.code, inbound.err]).toEqual([0, '']);
  expect(inbound.out).toContain('name: inbound-8443');
  const upstream = await render(['--upstream', 'tcp:9001=db:5432 spiffe://example.org/db']);
  expect([upstream.code, upstream.err]).toEqual([0, '']);
});
