/** Which annotations are told of as without effect, for each template. */
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '#kernel/json.ts';
import { settingKeys, type SettingKey } from '../../../../webhook/request/metadata-keys.ts';
import { readRequest } from '../../../../webhook/request/read-annotations.ts';
import { decideOn } from '../../../fakes/admission.ts';

const values: Partial<Record<SettingKey, string>> = {
  'access-log': 'false',
  'allow-callers': 'spiffe://example.org',
  audience: 'a',
  'audience-by-host': 'a.shop=a',
  authorization: 'keep',
  'ban-claims': 'sub',
  'ban-hosts': 'a.shop',
  'ban-store': 'default',
  'ban-token': 'header',
  'caller-header': 'x-caller',
  'caller-metadata': 'true',
  'cpu-limit': '1',
  'cpu-request': '1m',
  'data-path': 'ext-authz',
  'envoy-config': 'envoy/envoy.yaml',
  'envoy-container': 'envoy',
  'federates-with': 'other.org',
  'forward-token': 'false',
  'inject-audience': 'a',
  'inject-listeners': '*',
  'log-level': 'debug',
  'memory-limit': '1Gi',
  'memory-request': '1Mi',
  'native-sidecar': 'false',
  'skip-paths': '/healthz',
  socket: 'csi',
  'spiffe-id': 'spiffe://example.org/x',
  'trust-domain': 'example.org',
  'validate-audience': 'a',
  'validate-before': 'envoy.filters.http.lua',
  'validate-listeners': '*',
};

function pod(annotations: JsonObject): JsonObject {
  const envoy = {
    name: 'envoy',
    image: 'envoyproxy/envoy:v1.40.0',
    args: ['-c', '/etc/envoy/envoy.yaml'],
    volumeMounts: [{ name: 'envoy', mountPath: '/etc/envoy' }],
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shop', namespace: 'shop', annotations },
    spec: {
      containers: [{ name: 'app', image: 'app' }, envoy],
      volumes: [{ name: 'envoy', configMap: { name: 'envoy' } }],
    },
  };
}

/** Keys without effect, each tried alone, without their prefix. */
function unreadBy(templates: string, more: Readonly<Record<string, string>> = {}): readonly Json[] {
  return Object.entries(values)
    .filter(([key, value]) => {
      const asked = { 'inject.svidecar.dev/templates': templates, ...more };
      const decision = decideOn(pod({ ...asked, [`svidecar.dev/${key}`]: value }));
      return decision.steps.some(
        ({ id, key: told }) => id === 'annotation_unread' && told === `svidecar.dev/${key}`,
      );
    })
    .map(([key]) => key);
}

const ofBans = ['ban-claims', 'ban-hosts', 'ban-store', 'ban-token'];
const ofInjection = ['audience-by-host', 'authorization', 'inject-audience', 'inject-listeners'];
const ofValidation = [
  'allow-callers',
  'caller-header',
  'forward-token',
  'skip-paths',
  'validate-audience',
];

const ofTokens = [
  'access-log',
  'audience',
  'caller-metadata',
  'data-path',
  'validate-before',
  'validate-listeners',
  ...ofBans,
  ...ofInjection,
  ...ofValidation,
];
const ofHelpers = [
  'cpu-limit',
  'cpu-request',
  'envoy-config',
  'envoy-container',
  'log-level',
  'memory-limit',
  'memory-request',
  'native-sidecar',
];

describe('annotations that no template reads are told of', () => {
  test('all that can be written are tried', () => {
    // Where nothing reads the others they are refused; an image has to be allowed.
    const others: readonly SettingKey[] = ['image', 'inbound', 'upstreams'];
    expect(settingKeys.filter((key) => values[key] === undefined)).toEqual(others);
    for (const [key, value] of Object.entries(values))
      expect(() => readRequest(pod({ [`svidecar.dev/${key}`]: value }))).not.toThrow();
  });

  test.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    [
      'jwt-inject',
      { 'svidecar.dev/audience': 'a' },
      [
        'access-log',
        ...ofBans,
        'caller-metadata',
        ...ofValidation,
        'validate-before',
        'validate-listeners',
      ],
    ],
    ['jwt-validate', {}, ['access-log', ...ofBans, 'caller-metadata', ...ofInjection]],
    [
      'jwt-validate',
      { 'svidecar.dev/data-path': 'native' },
      ['access-log', ...ofBans, ...ofInjection],
    ],
    [
      'jwt-inject,jwt-validate',
      { 'svidecar.dev/audience': 'a' },
      ['access-log', ...ofBans, 'caller-metadata'],
    ],
    ['spiffe-socket', {}, [...ofTokens, ...ofHelpers]],
    ['istio-spire', {}, [...ofTokens, ...ofHelpers]],
    [
      'istio-validate',
      {},
      [
        ...ofTokens.filter((key) => key !== 'audience' && !ofValidation.includes(key)),
        'envoy-config',
      ],
    ],
    [
      'jwt-ban',
      {},
      [
        ...ofTokens.filter((key) => !['data-path', 'validate-listeners', ...ofBans].includes(key)),
        'socket',
      ],
    ],
  ])('%s %j', (templates, more, keys) => {
    expect(unreadBy(templates, more).toSorted()).toEqual(keys.toSorted());
  });

  test('in one sentence', () => {
    const decision = decideOn(
      pod({
        'inject.svidecar.dev/templates': 'jwt-inject',
        'svidecar.dev/audience': 'a',
        'svidecar.dev/skip-paths': '/healthz',
        'svidecar.dev/caller-header': 'x-caller',
      }),
    );
    expect(decision.steps.filter(({ id }) => id === 'annotation_unread')).toEqual([
      {
        id: 'annotation_unread',
        level: 'warning',
        key: 'svidecar.dev/caller-header',
        message:
          'svidecar.dev/caller-header, svidecar.dev/skip-paths have no effect beside jwt-inject: nothing there reads them; take them out, or ask for a template that does',
      },
    ]);
  });
});
