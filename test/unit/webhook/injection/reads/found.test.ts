import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { EnvoyLocation } from '../../../../../webhook/injection/envoy-location.ts';
import {
  at,
  env,
  envoy,
  from,
  items,
  locateEnvoy,
  projected,
  script,
  volume,
} from '../../../../fakes/envoy-pods.ts';

const a = { configMap: 'source', file: 'a.yaml', directory: '/etc/envoy', doubts: [] };
const usual = { configMap: 'source', file: 'envoy.yaml', directory: '/etc/envoy', doubts: [] };
describe('the configuration is found by', () => {
  test.each<[string, JsonObject, Partial<EnvoyLocation>]>([
    ['-c', envoy({ args: ['-c', '/etc/envoy/a.yaml'] }), a],
    [
      'an option and its value in one word',
      envoy({ args: ['--config-path /etc/envoy/a.yaml'] }),
      a,
    ],
    [
      'an option after others with values',
      envoy({ args: ['--service-node', '-c', '-l', 'info', '-c', '/etc/envoy/a.yaml'] }),
      a,
    ],
    [
      'an option before a double hyphen',
      envoy({ args: ['-c', '/etc/envoy/a.yaml', '--', '-c', '/x'] }),
      a,
    ],
    [
      "the image's entry script",
      envoy({ command: ['/docker-entrypoint.sh'], args: ['envoy', '-c', '/etc/envoy/a.yaml'] }),
      a,
    ],
    ['a command in args', envoy({ args: ['/usr/local/bin/envoy', '-c', '/etc/envoy/a.yaml'] }), a],
    [
      'programs in front',
      envoy({
        command: ['/sbin/tini', '-e', '143', '--', 'su-exec', 'envoy', 'env', 'A=b', 'envoy'],
        args: ['-c', '/etc/envoy/a.yaml'],
      }),
      a,
    ],
    [
      'dumb-init, whose own -c it is not',
      envoy({ command: ['dumb-init', '-c', 'envoy', '-c', '/etc/envoy/a.yaml'], args: [] }),
      a,
    ],
    ['a script', script('exec envoy -c "/etc/envoy/a.yaml" -l debug'), a],
    [
      'a script with a full path',
      script('/usr/local/bin/envoy -c /etc/envoy/a.yaml --log-level info'),
      a,
    ],
    [
      'a script, and not by what follows it',
      script('envoy -c /etc/envoy/a.yaml', { args: ['-c', '/etc/envoy/envoy.yaml'] }),
      a,
    ],
    [
      'a script that waits, in lines',
      script(
        'set -e\nuntil [ -S /run/x ]; do sleep 1; done\nexec envoy -c /etc/envoy/a.yaml 2>&1 | tee /log',
      ),
      a,
    ],
    [
      'a script that validates first',
      script('envoy --mode validate -c /etc/envoy/a.yaml && exec envoy -c /etc/envoy/a.yaml'),
      a,
    ],
    [
      'a variable of a script',
      script('exec envoy -c $CONF', env(['CONF', '/etc/envoy/a.yaml'])),
      a,
    ],
    [
      'a variable with options',
      script('exec envoy $ARGS -l info', env(['ARGS', '-c /etc/envoy/a.yaml'])),
      a,
    ],
    [
      'a variable that its script sets',
      script('CONF=/etc/envoy/a.yaml; export CONF\nexec envoy -c "${CONF}"', env(['CONF', '/x'])),
      a,
    ],
    [
      'a default that is not needed',
      script('envoy -c ${CONF:-/x}', env(['CONF', '/etc/envoy/a.yaml'])),
      a,
    ],
    [
      'a script beside names that only the node knows',
      script('envoy -c /etc/envoy/a.yaml --service-node "$(hostname)" --service-zone $ZONE', {
        env: [{ name: 'ZONE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
      }),
      a,
    ],
    ['cd', script('cd /etc/envoy && exec envoy -c a.yaml'), a],
    [
      '$(NAME)',
      envoy({ args: ['-c', '$(DIR)/$(FILE)'], ...env(['DIR', '/etc/envoy'], ['FILE', 'a.yaml']) }),
      a,
    ],
    [
      '$(NAME) in a variable',
      envoy({ args: ['-c', '$(CONF)'], ...env(['DIR', '/etc/envoy'], ['CONF', '$(DIR)/a.yaml']) }),
      a,
    ],
    [
      'the last of two variables',
      envoy({ args: ['-c', '$(CONF)'], ...env(['CONF', '/x'], ['CONF', '/etc/envoy/a.yaml']) }),
      a,
    ],
    ['workingDir', envoy({ workingDir: '/etc/envoy', args: ['-c', './a.yaml'] }), a],
    ['a path that is not clean', envoy({ args: ['-c', '/etc//x/../envoy/./a.yaml'] }), a],
    ['the links of the volume', envoy({ args: ['-c', '/etc/envoy/..data/a.yaml'] }), a],
    ['a file mounted alone', envoy({ volumeMounts: [at('/etc/envoy/envoy.yaml', 'a.yaml')] }), a],
    [
      'a folder mounted by subPath',
      envoy({ args: ['-c', '/etc/envoy/a.yaml'], volumeMounts: [at('/etc/envoy', 'sub')] }, [
        { name: 'config', configMap: { name: 'source', ...items(['a.yaml', 'sub/a.yaml']) } },
      ]),
      a,
    ],
    [
      'subPathExpr',
      envoy({
        ...env(['ROLE', 'a']),
        volumeMounts: [{ ...at('/etc/envoy/envoy.yaml'), subPathExpr: '$(ROLE).yaml' }],
      }),
      a,
    ],
    [
      'items',
      envoy({}, [
        { name: 'config', configMap: { name: 'source', ...items(['a.yaml', 'envoy.yaml']) } },
      ]),
      a,
    ],
    [
      'the later of two items',
      envoy({}, [
        {
          name: 'config',
          configMap: { name: 'source', ...items(['x', 'envoy.yaml'], ['a.yaml', 'envoy.yaml']) },
        },
      ]),
      a,
    ],
    [
      'the source that has it',
      envoy({}, projected(from('source'), from('flags'))),
      {
        ...usual,
        doubts: [expect.stringMatching(/ConfigMap flags stands later/)] as string[],
      },
    ],
    [
      'the last source that has it',
      envoy({}, projected(from('source'), from('second'))),
      { ...usual, configMap: 'second' },
    ],
    [
      'a source beside others',
      envoy(
        {},
        projected(
          { secret: { name: 's', items: [{ key: 'k', path: 'key' }] } },
          from('source'),
          { downwardAPI: { items: [{ path: 'labels' }] } },
          { serviceAccountToken: { path: 'token' } },
        ),
      ),
      usual,
    ],
    [
      'the only source that may have it',
      envoy({}, projected(from('flags'), from('not-there-yet'))),
      { ...usual, configMap: 'not-there-yet' },
    ],
    [
      'the last source, which is not there yet',
      envoy({}, projected(from('source'), from('not-there-yet'))),
      {
        ...usual,
        configMap: 'not-there-yet',
        doubts: [expect.stringMatching(/not-there-yet is not there yet/)] as string[],
      },
    ],
    [
      'the deepest mount',
      envoy({ volumeMounts: [{ name: 'all', mountPath: '/etc' }, at('/etc/envoy/')] }, [
        { name: 'all', configMap: { name: 'wrong' } },
        volume,
      ]),
      usual,
    ],
    [
      'the later of two mounts of one place',
      envoy({ volumeMounts: [{ name: 'all', mountPath: '/etc/envoy/' }, at('/etc/envoy')] }, [
        { name: 'all', configMap: { name: 'wrong' } },
        volume,
      ]),
      usual,
    ],
  ])('%s', (_name, spec, found) => {
    expect(locateEnvoy(spec)).toMatchObject(found);
  });

  test('the path of its images, where nothing is said, with a warning', () => {
    const { doubts, ...found } = locateEnvoy(envoy({ args: [] }));
    expect(found).toMatchObject({ configMap: 'source', file: 'envoy.yaml' });
    expect(doubts).toEqual([expect.stringMatching(/\/etc\/envoy\/envoy\.yaml is assumed/)]);
  });
});
