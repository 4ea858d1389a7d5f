import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { EnvoyLocation } from '../../../../webhook/injection/envoy-location.ts';
import {
  at,
  envoy,
  from,
  items,
  locateEnvoy,
  mount,
  none,
  projected,
  reading,
  specOf,
  vol,
  volume,
} from '../../../fakes/envoy-pods.ts';

const a = { configMap: 'source', file: 'a.yaml', directory: '/etc/envoy', doubts: [] };
describe('the Envoy container', () => {
  test.each<[string, JsonObject]>([
    ['its name', { name: 'envoy', image: 'mine:1' }],
    ['its image', { image: 'docker.test:5000/envoyproxy/envoy:v1.40.0' }],
    ['an image by digest', { image: 'envoyproxy/envoy-distroless@sha256:00' }],
    ['its command', { image: 'mine', command: ['/usr/local/bin/envoy'] }],
    ['its script', { command: ['sh', '-c', 'exec envoy -c /etc/envoy/envoy.yaml'], args: [] }],
  ])('is found by %s', (_name, container) => {
    expect(locateEnvoy(specOf(container))).toMatchObject({
      list: 'containers',
      configMap: 'source',
      file: 'envoy.yaml',
    });
  });

  test('is found among the init containers, where it goes on running', () => {
    const envoy = { name: 'envoy', args: reading, volumeMounts: [mount], restartPolicy: 'Always' };
    const spec = { containers: [{ name: 'app' }], initContainers: [envoy], volumes: [volume] };
    expect(locateEnvoy(spec)).toMatchObject({ list: 'initContainers', container: 'envoy' });
  });

  test.each<[string, JsonObject]>([
    ['an init container that ends', { name: 'envoy' }],
    ['a sidecar that only validates', { restartPolicy: 'Always', args: ['--mode validate'] }],
  ])('is not %s', (_name, other) => {
    const check = { name: 'check', image: 'envoyproxy/envoy', args: reading, ...other };
    const spec = specOf({ image: 'envoyproxy/envoy' }, { initContainers: [check] });
    expect(locateEnvoy(spec).container).toBe('proxy');
  });

  test('may be named', () => {
    expect(locateEnvoy(specOf({ image: 'mine' }), { ...none, container: 'proxy' })).toMatchObject({
      container: 'proxy',
    });
  });

  test.each<[string, JsonObject, string | undefined, RegExp]>([
    [
      'none',
      specOf({ image: 'mine', args: [] }),
      undefined,
      /no container looks like Envoy.*envoy-container.*app, proxy/,
    ],
    [
      'several',
      specOf(
        { image: 'envoyproxy/envoy' },
        { initContainers: [{ name: 'envoy', restartPolicy: 'Always' }] },
      ),
      undefined,
      /several containers look like Envoy \(proxy, envoy\)/,
    ],
    [
      'one that has ended',
      { containers: [{ name: 'app' }], initContainers: [{ name: 'envoy' }] },
      undefined,
      /"envoy" looks like Envoy, but has ended before the app starts/,
    ],
    ['a name that is not there', specOf({ image: 'envoy' }), 'prox', /names "prox"/],
    ['no containers', {}, undefined, /no container looks like Envoy/],
  ])('%s is refused with a way out', (_name, spec, ...[container, says]) => {
    const act = (): unknown => locateEnvoy(spec, { ...none, container });
    expect(act).toThrow(expect.objectContaining({ code: 'ENVOY_CONTAINER_NOT_FOUND' }));
    expect(act).toThrow(says);
  });
});

describe('the annotation', () => {
  const named = (spec: JsonObject, config: string): EnvoyLocation =>
    locateEnvoy(spec, { ...none, config });

  test('says what the command does not', () => {
    const spec = envoy({ command: ['/run.sh'], args: [] });
    expect(named(spec, 'config/a.yaml')).toMatchObject({ ...a, isNamed: true });
  });

  test('says it for a volume that only an init container mounts', () => {
    const spec = envoy({ args: ['-c', '/tmp/envoy.yaml'], volumeMounts: [] });
    expect(named(spec, 'config/a.yaml')).toMatchObject({ file: 'a.yaml', doubts: [] });
  });

  test('is taken, with a warning, where the command says another file', () => {
    const { file, doubts } = named(envoy({}), 'config/a.yaml');
    expect(file).toBe('a.yaml');
    expect(doubts).toEqual([expect.stringMatching(/names a\.yaml .* reads envoy\.yaml/)]);
  });

  test.each<[string, JsonObject, string, RegExp]>([
    [
      'a volume that is not there',
      envoy({}),
      'other/envoy.yaml',
      /volume "other", which the pod does not have/,
    ],
    [
      'a Secret',
      envoy({}, [{ name: 'config', secret: { secretName: 's' } }]),
      'config/e',
      /is Secret s/,
    ],
    ['a claim', envoy({}), 'claimed/e', /a claim of the StatefulSet/],
    [
      'a file that items leave out',
      envoy({}, [{ name: 'config', configMap: { name: 's', ...items(['a', 'a']) } }]),
      'config/b',
      /no b is among them/,
    ],
    [
      'a file beside --config-yaml',
      envoy({ args: ['--config-yaml', '{}', ...reading] }),
      'config/a.yaml',
      /--config-yaml adds/,
    ],
  ])('is refused for %s', (_name, spec, ...[config, says]) => {
    const act = (): unknown => named(spec, config);
    expect(act).toThrow(expect.objectContaining({ code: 'ENVOY_CONFIG_NOT_FOUND' }));
    expect(act).toThrow(says);
  });
});

describe('where the container sees the other keys', () => {
  test.each<[string, JsonObject, EnvoyLocation['paths']]>([
    ['all of them', envoy({}), undefined],
    [
      'one alone',
      envoy({ volumeMounts: [at('/etc/envoy/envoy.yaml', 'a.yaml')] }),
      { '/etc/envoy/envoy.yaml': 'a.yaml' },
    ],
    [
      'under another mount',
      envoy({ volumeMounts: [at('/etc/envoy'), { name: 'x', mountPath: '/etc/envoy/lds.yaml' }] }),
      { '/etc/envoy/': '*', '/etc/envoy/lds.yaml': '', '/etc/envoy/lds.yaml/': '' },
    ],
    [
      'by items',
      envoy(
        {},
        vol({
          configMap: { name: 'source', ...items(['a.yaml', 'envoy.yaml'], ['l', 'x/lds.yaml']) },
        }),
      ),
      { '/etc/envoy/envoy.yaml': 'a.yaml', '/etc/envoy/x/lds.yaml': 'l' },
    ],
    [
      'twice',
      envoy({ volumeMounts: [at('/etc/envoy'), at('/conf')] }),
      { '/etc/envoy/': '*', '/conf/': '*' },
    ],
    [
      'hidden by a later source',
      envoy({}, projected(from('source'), from('flags'))),
      { '/etc/envoy/': '*', '/etc/envoy/flags.txt': '' },
    ],
  ])('%s', (_name, spec, paths) => {
    expect(locateEnvoy(spec).paths).toEqual(paths);
  });
});
