import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import {
  at,
  env,
  envoy,
  from,
  items,
  locateEnvoy,
  projected,
  reading,
  script,
  vol,
} from '../../../../fakes/envoy-pods.ts';

describe('refused, with the reason and a way out, is', () => {
  test.each<[string, JsonObject, RegExp]>([
    [
      'a file of the image',
      envoy({ volumeMounts: [] }),
      /reads \/etc\/envoy\/envoy.yaml, and no volume is mounted there/,
    ],
    ['a volume that is missing', envoy({}, []), /volume "config", which the pod does not have/],
    [
      'a Secret',
      envoy({}, vol({ secret: { secretName: 's' } })),
      /is Secret s, which svidecar does not read/,
    ],
    ['a claim', envoy({}, vol({ persistentVolumeClaim: { claimName: 'c' } })), /is the claim c/],
    ['an ephemeral claim', envoy({}, vol({ ephemeral: {} })), /is a claim of the pod/],
    [
      'a claim template',
      envoy({ volumeMounts: [{ name: 'claimed', mountPath: '/etc/envoy' }] }),
      /volumeClaimTemplates/,
    ],
    ['an emptyDir', envoy({}, vol({ emptyDir: {} })), /is an emptyDir, so the file is written/],
    ['a volume without a kind', envoy({}, vol({})), /is an emptyDir/],
    ['a folder of the node', envoy({}, vol({ hostPath: { path: '/srv' } })), /is the node's \/srv/],
    ['fields of the pod', envoy({}, vol({ downwardAPI: {} })), /downwardAPI/],
    ['a CSI driver', envoy({}, vol({ csi: { driver: 'd.test' } })), /CSI driver d.test/],
    [
      'an image volume',
      envoy({}, vol({ image: { reference: 'r.test/c:1' } })),
      /is the image r.test\/c:1/,
    ],
    ['another kind of volume', envoy({}, vol({ nfs: {} })), /of the kind nfs/],
    [
      'a file that items leave out',
      envoy({}, vol({ configMap: { name: 's', ...items(['a', 'a']) } })),
      /no envoy.yaml is among them/,
    ],
    [
      'a folder',
      envoy({ volumeMounts: [at('/etc/envoy/envoy.yaml')] }),
      /is a directory at this path/,
    ],
    [
      'a folder that the ConfigMap has not',
      envoy({ args: ['-c', '/etc/envoy/x/a.yaml'] }),
      /has no folders, so no x\/a.yaml/,
    ],
    [
      'a sub-path from a Secret',
      envoy({
        env: [{ name: 'ROLE', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
        volumeMounts: [{ ...at('/etc/envoy/envoy.yaml'), subPathExpr: '$(ROLE).yaml' }],
      }),
      /subPathExpr\): ROLE comes from key k of Secret s/,
    ],
    [
      'a sub-path that nobody sets',
      envoy({ volumeMounts: [{ ...at('/etc/envoy/envoy.yaml'), subPathExpr: '$(ROLE).yaml' }] }),
      /env does not set ROLE/,
    ],
    [
      'a Secret that may hide it',
      envoy({}, projected(from('source'), { secret: { name: 's' } })),
      /Secret s may hold envoy.yaml too.*items/,
    ],
    [
      'a Secret that does',
      envoy(
        {},
        projected(from('source'), {
          secret: { name: 's', items: [{ key: 'k', path: 'envoy.yaml' }] },
        }),
      ),
      /takes envoy.yaml from Secret s/,
    ],
    [
      'an optional ConfigMap that may hide it',
      envoy({}, projected(from('source'), from('not-there-yet', { optional: true }))),
      /whether the optional ConfigMap not-there-yet holds envoy.yaml is not known/,
    ],
    [
      'a source of a new kind',
      envoy({}, projected(from('source'), { novelty: {} })),
      /its source novelty may hold/,
    ],
    [
      'no source that has it',
      envoy({}, projected(from('flags'))),
      /none of its sources has envoy.yaml/,
    ],
    [
      '--config-yaml beside the file',
      envoy({ args: ['--config-yaml', 'a: b', ...reading] }),
      /--config-yaml adds to the configuration/,
    ],
    [
      '--config-yaml alone',
      envoy({ args: ['--config-yaml', 'a: b'] }),
      /stands in its command line/,
    ],
    [
      '--config-yaml with its value',
      envoy({ args: ['--config-yaml {}', ...reading] }),
      /--config-yaml adds/,
    ],
    ['no option at all', envoy({ command: ['envoy'], args: [] }), /names no configuration/],
    ['two files', envoy({ args: [...reading, '--config-path', '/x'] }), /given twice/],
    ['an option without its value', envoy({ args: ['-c'] }), /-c has no value/],
    ['a stray word', envoy({ args: [...reading, 'x'] }), /"x" of its command line is neither/],
    [
      'a word that is not known',
      envoy({
        args: ['$(MORE)', ...reading],
        env: [{ name: 'MORE', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }],
      }),
      /MORE comes from key k of ConfigMap c/,
    ],
    [
      'a path from envFrom',
      envoy({ args: ['-c', '$(CONF)'], envFrom: [{ configMapRef: { name: 'c' } }] }),
      /CONF may come from envFrom/,
    ],
    ['a path that nobody sets', envoy({ args: ['-c', '/etc/$(CONF)'] }), /env does not set CONF/],
    [
      'a path that is set too late',
      envoy({ args: ['-c', '$(CONF)'], ...env(['CONF', '$(DIR)/a.yaml'], ['DIR', '/etc/envoy']) }),
      /env does not set DIR/,
    ],
    [
      'an escaped variable',
      envoy({ args: ['-c', '$$(CONF)'], ...env(['CONF', '/etc/envoy/a.yaml']) }),
      /env does not set CONF/,
    ],
    ['a relative path', envoy({ args: ['-c', 'a.yaml'] }), /a relative path.*workingDir/],
    ['an entry script', envoy({ command: ['/run.sh'], args: reading }), /runs "\/run.sh"/],
    ['a script file', envoy({ command: ['sh', '/run.sh'], args: reading }), /runs a shell script/],
    ['a script with two Envoys', script('envoy -c /a || envoy -c /b'), /more than once/],
    ['a script with eval', script('eval "$X"; envoy -c /etc/envoy/a.yaml'), /uses "eval"/],
    [
      'a script with a function',
      script('envoy() { echo; }; envoy -c /etc/envoy/a.yaml'),
      /defines a function/,
    ],
    [
      'a script with a choice',
      script('case $X in a) envoy -c /a;; esac'),
      /more complex than svidecar can follow/,
    ],
    [
      'a variable that the image may set',
      script('envoy -c $CONF'),
      /\$CONF is not among the variables that the pod sets/,
    ],
    [
      'a variable that a branch sets',
      script('if [ -e /x ]; then CONF=/x; fi; envoy -c $CONF', env(['CONF', '/etc/envoy/a.yaml'])),
      /its script sets CONF/,
    ],
    [
      'a variable that a condition sets',
      script('test -e /x && CONF=/x; envoy -c $CONF', env(['CONF', '/etc/envoy/a.yaml'])),
      /its script sets CONF/,
    ],
    [
      'a word that may be several',
      script('envoy -c /etc/envoy/a.yaml --concurrency $(nproc)'),
      /may be several words.*double quotes/,
    ],
    [
      'a pattern of the shell',
      script('envoy -c /etc/envoy/*.yaml'),
      /the pattern \/etc\/envoy\/\*.yaml .*write out the name that is meant/,
    ],
    [
      'braces',
      script('envoy -c /etc/envoy/{a,b}.yaml'),
      /the pattern \/etc\/envoy\/\{a,b\}.yaml .*write out/,
    ],
    ['a here-document', script('envoy -c /dev/stdin <<E\na: b\nE'), /holds a here-document/],
    ['a tilde', script('envoy -c ~/a.yaml'), /"~" in its script depends on the image/],
    ['a directory that is not known', script('cd $X; envoy -c a.yaml'), /relative path/],
    [
      'an image with a variable of its own',
      envoy({ args: [], ...env(['ENVOY_CONFIG', '/etc/envoy/a.yaml']) }),
      /image may take it from the variable ENVOY_CONFIG.*envoy-config: config\/a.yaml/,
    ],
    [
      'an Envoy that other text becomes part of',
      script('envoy -c /etc/envoy/a.yaml $(MORE)', {
        env: [{ name: 'MORE', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }],
      }),
      /becomes part of the script/,
    ],
  ])('%s', (_name, spec, says) => {
    const act = (): unknown => locateEnvoy(spec);
    expect(act).toThrow(expect.objectContaining({ code: 'ENVOY_CONFIG_NOT_FOUND' }));
    expect(act).toThrow(says);
    expect(act).toThrow(/svidecar.dev\/envoy-config/);
  });
});
