import { expect, test } from 'vitest';
import { checkConfig } from '../../../../webhook/request/injector-config.ts';

test('nothing is registered unless the configuration says so', () => {
  const { registration, entries, spire } = checkConfig({}, 'config.yaml');
  expect(registration).toBe('none');
  expect(entries).toMatchObject({
    parent: 'alias',
    allowSpiffeIdAnnotation: false,
    graceSeconds: 60,
  });
  expect(spire).toMatchObject({ server: 'unix:///run/spire-server/api.sock', pollSeconds: 10 });
});

test.each([
  { registration: 'entry' },
  { entries: { parentId: 'example.org/agent' } },
  { entries: { podLabels: ['not a key'] } },
  { entries: { hint: 'a b' } },
  { entries: { jwtSvidTtlSeconds: -1 } },
  { entries: { cluster: 'a.b' } },
  { entries: { unknown: true } },
  { spire: { server: '/run/api.sock' } },
  { spire: { server: 'unix://run/api.sock' } },
  { spire: { server: 'https://spire:8081' } },
  { spire: { workloadApi: 'tcp://127.0.0.1:1' } },
  { spire: { workloadApi: 'unix:////a//b' } },
  { spire: { workloadApi: `unix:///${'a'.repeat(107)}` } },
  { spire: { pollSeconds: 0 } },
])('%j is refused, with its key', (config) => {
  const key = Object.keys(config)[0] ?? '';
  expect(() => checkConfig(config, 'config.yaml')).toThrow(key);
});

test.each(['spire-server.spire.svc:8081', '10.0.0.1:8081', '[fd00::1]:8081', 'unix:///a/b.sock'])(
  'SPIRE may be at %s',
  (server) => {
    expect(checkConfig({ spire: { server } }, 'config.yaml').spire.server).toBe(server);
  },
);

test('a parent of another trust domain is refused, with its key and what to do', () => {
  const parentId = 'spiffe://b.test/agents';
  const read = (trustDomain: string): unknown =>
    checkConfig({ trustDomain, entries: { parentId } }, 'config.yaml');
  expect(read('b.test')).toMatchObject({ entries: { parentId } });
  expect(() => read('a.test')).toThrow(
    /of the trust domain b\.test, and trustDomain is a\.test: .*change one.* at entries\.parentId$/,
  );
});

test.each([
  ['tcp://127.0.0.1:1', 'must be unix:///path/of/a/socket at spire.workloadApi'],
  [
    'unix:///a//b',
    'must be unix:///path/of/a/socket: the path has an empty segment at spire.workloadApi',
  ],
])('the Workload API at %s is refused in one sentence', (workloadApi, said) => {
  expect(() => checkConfig({ spire: { workloadApi } }, 'config.yaml')).toThrow(
    `config.yaml: ${said}`,
  );
});
