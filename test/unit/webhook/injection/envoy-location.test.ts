import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { locateEnvoy } from '../../../../webhook/injection/envoy-location.ts';

const none = { container: undefined, config: undefined };
const mount = { name: 'config', mountPath: '/etc/envoy' };
const volume = { name: 'config', configMap: { name: 'source' } };

function specOf(container: JsonObject, more: JsonObject = {}): JsonObject {
  return {
    containers: [
      { name: 'app', image: 'a' },
      { name: 'proxy', volumeMounts: [mount], ...container },
    ],
    volumes: [volume],
    ...more,
  };
}

describe('the Envoy container', () => {
  test.each<[string, JsonObject]>([
    ['its name', { name: 'envoy', image: 'mine:1' }],
    ['its image', { image: 'docker.test:5000/envoyproxy/envoy:v1.40.0' }],
    ['an image by digest', { image: 'envoyproxy/envoy-distroless@sha256:00' }],
    ['its command', { image: 'mine', command: ['/usr/local/bin/envoy'] }],
  ])('is found by %s', (_name, container) => {
    expect(locateEnvoy(specOf(container), none)).toMatchObject({
      list: 'containers',
      configMap: 'source',
      file: 'envoy.yaml',
    });
  });

  test('is found among the init containers', () => {
    const spec = {
      containers: [{ name: 'app' }],
      initContainers: [{ name: 'envoy', volumeMounts: [mount] }],
      volumes: [volume],
    };
    expect(locateEnvoy(spec, none)).toMatchObject({ list: 'initContainers', container: 'envoy' });
  });

  test('may be named', () => {
    expect(locateEnvoy(specOf({ image: 'mine' }), { ...none, container: 'proxy' })).toMatchObject({
      container: 'proxy',
    });
  });

  test.each<[string, JsonObject, string | undefined, RegExp]>([
    [
      'none',
      specOf({ image: 'mine' }),
      undefined,
      /no container looks like Envoy.*envoy-container.*app, proxy/,
    ],
    [
      'several',
      specOf({ image: 'envoyproxy/envoy' }, { initContainers: [{ name: 'envoy' }] }),
      undefined,
      /several containers/,
    ],
    ['a name that is not there', specOf({ image: 'envoy' }), 'prox', /names "prox"/],
    ['no containers', {}, undefined, /no container looks like Envoy/],
  ])('%s is refused with a way out', (_name, spec, ...[container, says]) => {
    const act = (): unknown => locateEnvoy(spec, { ...none, container });
    expect(act).toThrow(expect.objectContaining({ code: 'ENVOY_CONTAINER_NOT_FOUND' }));
    expect(act).toThrow(says);
  });
});

describe('the configuration', () => {
  const envoy = (container: JsonObject, volumes: readonly JsonObject[] = [volume]): JsonObject =>
    specOf({ name: 'envoy', ...container }, { volumes });

  test.each<[string, JsonObject, { configMap: string; file: string; directory: string }]>([
    [
      '-c',
      envoy({ args: ['-c', '/etc/envoy/a.yaml'] }),
      { configMap: 'source', file: 'a.yaml', directory: '/etc/envoy' },
    ],
    [
      '--config-path=',
      envoy({ args: ['--config-path=/etc/envoy/a.yaml'] }),
      { configMap: 'source', file: 'a.yaml', directory: '/etc/envoy' },
    ],
    [
      'a shell command',
      envoy({ command: ['sh', '-c', 'exec envoy -c "/etc/envoy/a.yaml" -l debug'] }),
      { configMap: 'source', file: 'a.yaml', directory: '/etc/envoy' },
    ],
    [
      'a subPath mount',
      envoy({
        volumeMounts: [
          { name: 'config', mountPath: '/etc/envoy/envoy.yaml', subPath: 'front.yaml' },
        ],
      }),
      { configMap: 'source', file: 'front.yaml', directory: '/etc/envoy' },
    ],
    [
      'items',
      envoy({}, [
        {
          name: 'config',
          configMap: { name: 'source', items: [{ key: 'front', path: 'envoy.yaml' }] },
        },
      ]),
      { configMap: 'source', file: 'front', directory: '/etc/envoy' },
    ],
    [
      'a projected volume',
      envoy({}, [
        {
          name: 'config',
          projected: { sources: [{ secret: { name: 's' } }, { configMap: { name: 'two' } }] },
        },
      ]),
      { configMap: 'two', file: 'envoy.yaml', directory: '/etc/envoy' },
    ],
    [
      'the longest mount path',
      envoy(
        {
          volumeMounts: [
            { name: 'all', mountPath: '/etc' },
            { name: 'config', mountPath: '/etc/envoy/' },
          ],
        },
        [{ name: 'all', configMap: { name: 'wrong' } }, volume],
      ),
      { configMap: 'source', file: 'envoy.yaml', directory: '/etc/envoy' },
    ],
  ])('is found by %s', (_name, spec, found) => {
    expect(locateEnvoy(spec, none)).toMatchObject(found);
  });

  test('may be named', () => {
    const spec = envoy({ args: ['-c', '/elsewhere.yaml'] });
    expect(locateEnvoy(spec, { ...none, config: 'config/b.yaml' })).toMatchObject({
      file: 'b.yaml',
    });
  });

  test.each<[string, JsonObject, string | undefined, RegExp]>([
    [
      'baked into the image',
      envoy({ volumeMounts: [] }),
      undefined,
      /no volume of it is mounted at \/etc\/envoy\/envoy.yaml/,
    ],
    ['from a volume that is missing', envoy({}, []), undefined, /no volume "config"/],
    [
      'from a Secret',
      envoy({}, [{ name: 'config', secret: { secretName: 's' } }]),
      undefined,
      /from no ConfigMap/,
    ],
    [
      'left out by items',
      envoy({}, [{ name: 'config', configMap: { name: 's', items: [{ key: 'a', path: 'a' }] } }]),
      undefined,
      /from no ConfigMap/,
    ],
    [
      'named in a volume that is not mounted',
      envoy({}),
      'other/envoy.yaml',
      /names volume "other"/,
    ],
  ])('%s is refused with a way out', (_name, spec, ...[config, says]) => {
    const act = (): unknown => locateEnvoy(spec, { ...none, config });
    expect(act).toThrow(expect.objectContaining({ code: 'ENVOY_CONFIG_NOT_FOUND' }));
    expect(act).toThrow(says);
    expect(act).toThrow(/svidecar.dev\/envoy-config/);
  });
});
