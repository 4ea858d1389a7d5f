/** An Envoy beside the one that is patched is read, warned about or refused: never silent. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { envoy, locateEnvoy, script, specOf, volume } from '../../../../fakes/envoy-pods.ts';

const ours = 'exec envoy -c /etc/envoy/a.yaml';
const hook = (name: string, ...command: readonly string[]): JsonObject => ({
  lifecycle: { [name]: { exec: { command } } },
});

describe('a script that runs something beside Envoy is warned about:', () => {
  test.each<[string, RegExp]>([
    ['func-e run -c /etc/envoy/envoy.yaml', /runs "func-e"/],
    ['getenvoy run standard:1.17 -- --config-path /etc/envoy/envoy.yaml', /runs "getenvoy"/],
    ['supervisord -c /etc/envoy/supervisor.conf', /runs "supervisord"/],
    ['envoy-static -c /etc/envoy/envoy.yaml', /runs "envoy-static"/],
    ['/opt/bin/start-others', /runs "\/opt\/bin\/start-others"/],
    ['echo -c /etc/envoy/envoy.yaml | xargs envoy', /runs "xargs"/],
    ['bash /etc/envoy/run.sh', /runs a shell script/],
    ['$PROGRAM -c /etc/envoy/envoy.yaml', /program that it runs is not known/],
    ['X=$(/opt/bin/start-others)', /runs "\/opt\/bin\/start-others"/],
    ['X=`/opt/bin/start-others`', /runs "\/opt\/bin\/start-others"/],
    ["trap '/opt/bin/start-others' TERM", /runs "\/opt\/bin\/start-others"/],
    ['sh -c "sleep 1; /opt/bin/start-others"', /starts no Envoy that can be seen/],
    ['find / -name x -exec /opt/bin/start-others ";"', /runs "find"/],
  ])('%s', (line, says) => {
    const { configMap, file, doubts } = locateEnvoy(script(`${line} &\n${ours}`));
    expect({ configMap, file }).toEqual({ configMap: 'source', file: 'a.yaml' });
    expect(doubts).toEqual([expect.stringMatching(says)]);
    expect(doubts).toEqual([expect.stringMatching(/container of its own/)]);
  });
});

describe('a script that starts Envoy twice is refused, through', () => {
  test.each([
    'nohup envoy -c /etc/envoy/envoy.yaml',
    'setsid envoy -c /etc/envoy/envoy.yaml',
    'timeout -s KILL 5 envoy -c /etc/envoy/envoy.yaml',
    'nice -n 5 /opt/bin/envoy -c /etc/envoy/envoy.yaml',
    'exec -a edge envoy -c /etc/envoy/envoy.yaml',
    'dumb-init -- envoy -c /etc/envoy/envoy.yaml',
    "bash -c 'envoy -c /etc/envoy/envoy.yaml'",
    "trap 'envoy -c /etc/envoy/envoy.yaml' USR1",
    'X=$(envoy -c /etc/envoy/envoy.yaml)',
  ])('%s', (line) => {
    expect(() => locateEnvoy(script(`${line} &\n${ours}`))).toThrow(
      /more (?:than once|complex than svidecar)/,
    );
  });

  test('and warned about where the annotation names the file of one', () => {
    const pod = script(`envoy -c /etc/envoy/envoy.yaml &\n${ours}`);
    const { doubts } = locateEnvoy(pod, { container: undefined, config: 'config/a.yaml' });
    expect(doubts).toEqual([expect.stringMatching(/starts Envoy more than once/)]);
  });
});

describe('nothing is said of', () => {
  test.each([
    'until curl -sf http://127.0.0.1:15021/ready; do sleep 1; done',
    'mkdir -p /tmp/x && cp /etc/envoy/x /tmp/x && echo "envoy is next"',
    'command -v envoy',
    'awk "{print \\$1}" /etc/hosts; sed -i s/a/b/ /tmp/x; find /etc/envoy -name x',
    "trap 'kill $PID' TERM",
    'ulimit -n 65536; sysctl net.core.somaxconn; exec 2>&1',
    'NODE=$(hostname)-`cat /etc/podinfo/zone`',
  ])('%s', (line) => {
    expect(locateEnvoy(script(`${line}\n${ours}`)).doubts).toEqual([]);
  });
});

describe('an Envoy that a hook or probe starts is warned about:', () => {
  test.each<[string, JsonObject, RegExp]>([
    [
      'postStart',
      envoy(hook('postStart', 'envoy', '-c', '/etc/envoy/a.yaml')),
      /container "envoy": its lifecycle.postStart starts an Envoy/,
    ],
    [
      'a script of preStop',
      envoy(hook('preStop', 'sh', '-c', 'nohup /opt/bin/envoy -c /x & sleep 1')),
      /its lifecycle.preStop starts an Envoy/,
    ],
    [
      'a launcher',
      envoy(hook('postStart', 'func-e', 'run', '-c', '/etc/envoy/a.yaml')),
      /lifecycle.postStart may start an Envoy \(it runs "func-e"/,
    ],
    ['a script file', envoy(hook('postStart', '/opt/run.sh')), /may start an Envoy \(it runs/],
    [
      'a probe',
      envoy({ livenessProbe: { exec: { command: ['sh', '-c', 'envoy -c /x &'] } } }),
      /its livenessProbe starts an Envoy/,
    ],
    [
      "another container's hook",
      {
        containers: [
          { name: 'app', ...hook('postStart', 'envoy', '-c', '/x') },
          ...(specOf({ name: 'envoy' })['containers'] as readonly JsonObject[]).slice(1),
        ],
        volumes: [volume],
      },
      /container "app": its lifecycle.postStart starts an Envoy/,
    ],
  ])('%s', (_name, spec, says) => {
    expect(locateEnvoy(spec).doubts).toEqual([expect.stringMatching(says)]);
  });

  test.each<[string, JsonObject]>([
    ['waiting', hook('preStop', 'sh', '-c', 'sleep 5; curl -X POST http://127.0.0.1:9901/quit')],
    ['validating', hook('postStart', 'envoy', '--mode', 'validate', '-c', '/x')],
    ['a request', { lifecycle: { preStop: { httpGet: { path: '/', port: 1 } } } }],
    ['a probe of its own', { readinessProbe: { exec: { command: ['/bin/probe'] } } }],
  ])('but not %s', (_name, more) => {
    expect(locateEnvoy(envoy(more)).doubts).toEqual([]);
  });
});

test.each([
  [['getenvoy', 'run', 'standard:1.17', '--', '--config-path', '/etc/envoy/a.yaml']],
  [['func-e', 'run', '-c', '/etc/envoy/a.yaml']],
  [['sh', '-c', 'timeout 5 func-e run -c /etc/envoy/a.yaml']],
])(
  '%j alone is refused, with the annotation that would say it, whatever the container is called',
  (command) => {
    const spec = specOf({ name: 'edge', image: 'registry.test/edge:1', command, args: [] });
    expect(() => locateEnvoy(spec)).toThrow(
      /"edge".*say svidecar.dev\/envoy-config: config\/a.yaml/,
    );
  },
);
