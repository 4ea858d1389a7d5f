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

const upstream = '9001=b:8443 spiffe://example.org/b';
const long = `/${'a'.repeat(107)}`;

test.each([
  [['--admin', '8443'], '--admin 8443: that port is taken by --inbound; choose another'],
  [['--admin', '8080'], '--admin 8080: that port is taken by --inbound; choose another'],
  [['--upstream', upstream, '--admin', '9001'], '--admin 9001: that port is taken by --upstream'],
  [['--jwt', 'validate', '--admin', '9010'], '--admin 9010: that port is taken by the auth helper'],
  [['--admin', '/run/spire/agent.sock'], "that is the socket of SPIRE's agent; name another path"],
  [['--admin', 'unix:///run/spire/agent.sock'], "that is the socket of SPIRE's agent"],
  [['--admin', '/run/x/../spire/agent.sock'], "that is the socket of SPIRE's agent"],
  [['--admin', '0'], '--admin 0: nobody would know which port Envoy took'],
  [['--spiffe-id', 'spiffe://example.org'], 'it must have a path, which names the workload'],
  [['--spiffe-id', 'spiffe://example.org/'], 'it must have a path, which names the workload'],
  [['--inbound', '1=2,'.repeat(900)], '…: write at most 32 of them'],
  [['--admin', '70000'], '--admin 70000: write a number from 0 to 65535'],
  [['--admin', 'localhost:9901'], '--admin localhost:9901: unix:// needs an absolute path'],
  [['--admin', long], 'the path of a Unix socket may have 107 bytes at most'],
  [['--socket', 'agent.sock'], '--socket agent.sock: unix:// needs an absolute path'],
  [['--socket', long], 'the path of a Unix socket may have 107 bytes at most'],
])('%j is refused', async (more, says) => {
  const { code, err } = await render(['--inbound', '8443=8080', ...more]);
  expect(code).toBe(2);
  expect(err).toContain(says);
});

test('a socket may be written as SPIFFE_ENDPOINT_SOCKET has it', async () => {
  const inbound = ['--inbound', '8443=8080'];
  const url = await render([...inbound, '--socket', 'unix:///run/spire/agent.sock']);
  expect(url.out).toBe((await render(inbound)).out);
});

test('what admission would warn about is said here too, such as callers whose keys are missing', async () => {
  const line =
    'render envoy --socket /run/agent.sock --spiffe-id spiffe://example.org/backend --inbound 8443=8080 --jwt validate';
  const quiet = await runSvidecar(line.split(' '));
  expect([quiet.code, quiet.err]).toEqual([0, '']);
  const { code, err } = await runSvidecar([
    ...line.split(' '),
    '--allow-callers',
    'spiffe://other.org',
  ]);
  expect(code).toBe(0);
  expect(err).toMatch(/^warning: .*lets callers of other\.org in/);
});
