/** What comes into a pod of a mesh unasked: told for bans as for tokens, for gateways as for sidecars. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { decideOn } from '../../../fakes/admission.ts';

type Texts = Readonly<Record<string, string>>;

function pod(annotations: Texts, containers: readonly JsonObject[] = []): JsonObject {
  const app = { name: 'app', image: 'app', ports: [{ containerPort: 8080 }] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shop', namespace: 'shop', annotations },
    spec: { containers: containers.length > 0 ? [...containers] : [app] },
  };
}

function saidOf(object: JsonObject): string {
  const decision = decideOn(object);
  const refusal = decision.kind === 'refused' ? [`${decision.code} ${decision.why}`] : [];
  return [...refusal, ...decision.steps.map(({ message }) => message)].join('\n');
}

const bans = {
  'inject.svidecar.dev/templates': 'jwt-ban',
  'svidecar.dev/ban-claims': 'email',
  'svidecar.dev/envoy-container': 'istio-proxy',
};
const validates = {
  'inject.svidecar.dev/templates': 'jwt-validate',
  'svidecar.dev/audience': 'shop',
  'svidecar.dev/envoy-container': 'istio-proxy',
};
const excludes = 'traffic.sidecar.istio.io/excludeInboundPorts';
const includes = 'traffic.sidecar.istio.io/includeInboundPorts';
const interfaces = 'traffic.sidecar.istio.io/excludeInterfaces';

describe('a pod that only bans', () => {
  test.each<[string, string, string]>([
    [excludes, '8080', 'port 8080 go past Envoy, so jwt-ban refuses nobody there'],
    [includes, '8080', 'only port 8080 leads through Envoy, so jwt-ban refuses nobody'],
    [interfaces, 'eth1', 'by eth1 go past Envoy, so jwt-ban refuses nobody there'],
    ['sidecar.istio.io/interceptionMode', 'NONE', 'jwt-ban refuses nobody elsewhere'],
    ['proxy.istio.io/config', 'interceptionMode: NONE', 'jwt-ban refuses nobody elsewhere'],
    ['svidecar.dev/validate-listeners', '80', 'names port 80, which no container declares'],
  ])('is told of what goes past: %s %s', (key, value, words) => {
    expect(saidOf(pod({ ...bans, [key]: value }))).toContain(words);
  });

  test('is refused where nothing reaches Envoy', () => {
    const said = saidOf(pod({ ...bans, [includes]: '' }));
    expect(said).toContain('ISTIO_UNFIT');
    expect(said).toContain('no request reaches Envoy and none would be refused');
  });

  test('is told that what is not HTTP stays open, unless something else shuts it', () => {
    const words = 'whoever is banned can get past jwt-ban';
    expect(saidOf(pod(bans))).toContain(words);
    for (const name of ['jwt-validate', 'istio-validate']) {
      const templates = { 'inject.svidecar.dev/templates': `jwt-ban, ${name}` };
      const both = saidOf(pod({ ...bans, 'svidecar.dev/audience': 'shop', ...templates }));
      expect(both).toContain('injected');
      expect(both).not.toContain(words);
    }
  });
});

test.each([bans, validates])('a pod in which nothing goes past is not told: %o', (asked) => {
  expect(saidOf(pod({ ...asked, [includes]: '*', [excludes]: '9011' }))).not.toContain('go past');
});

describe('a gateway', () => {
  const proxy = { name: 'istio-proxy', image: 'p', args: ['proxy', 'router'] };
  const own = { containerPort: 15_090 };
  const cases: readonly (readonly [string, JsonObject, string])[] = [
    ['other ports', { ports: [own, { containerPort: 8443 }] }, 'no container declares (but 8443)'],
    ['no ports', {}, 'it cannot be told whether this is one'],
    ['Istio’s own ports', { ports: [own] }, 'it cannot be told whether this is one'],
  ];
  test.each(cases)('is told of a port where it declares %s', (...[, ports, words]) => {
    for (const asked of [bans, validates]) {
      const named = { ...asked, 'svidecar.dev/validate-listeners': '443' };
      expect(saidOf(pod(named, [{ ...proxy, ...ports }]))).toContain(words);
    }
  });

  test('is not told of a port that it declares, nor of all', () => {
    const declared = { ...proxy, ports: [{ containerPort: 8443 }] };
    const named = { ...validates, 'svidecar.dev/validate-listeners': '8443' };
    expect(saidOf(pod(named, [declared]))).not.toContain('names port');
    expect(saidOf(pod(validates, [proxy]))).not.toContain('names port');
  });
});

test.each(['waypoint', 'kube-gateway', 'ztunnel', 'sidecar, agentgateway'])(
  'a template of which Istio makes workloads of its own is refused: %s',
  (names) => {
    const said = saidOf(pod({ ...validates, 'inject.istio.io/templates': names }));
    expect(said).toContain('ISTIO_UNFIT');
    expect(said).toContain('is for workloads that Istio makes itself');
  },
);

test('a helper that Istio asks about each request is refused on the data path native', () => {
  const asked = { ...validates, 'inject.svidecar.dev/templates': 'istio-validate, jwt-inject' };
  const said = saidOf(pod({ ...asked, 'svidecar.dev/data-path': 'native' }));
  expect(said).toContain('ANNOTATION_INVALID');
  expect(said).toContain('set annotation svidecar.dev/data-path: ext-authz');
});

describe('a list of ports that Istio refuses', () => {
  const outbound = 'traffic.sidecar.istio.io/excludeOutboundPorts';
  test.each(['*', '8000-9000', '٨٠٨٠', '8080,', '65536', 'http'])('is refused: %s', (value) => {
    for (const key of [excludes, outbound]) {
      const said = saidOf(pod({ ...validates, [key]: value }));
      expect(said).toContain('ISTIO_UNFIT');
      expect(said).toContain('is no port, and Istio refuses a pod with such a list');
    }
  });

  test('is not an empty one', () => {
    expect(saidOf(pod({ ...validates, [excludes]: ' ' }))).not.toContain('ISTIO_UNFIT');
  });
});

test.each<[string, string]>([
  [interfaces, 'e'.repeat(5_000)],
  [excludes, 'x'.repeat(5_000)],
  [includes, '80,'.repeat(1_700)],
  ['sidecar.istio.io/inject', 'y'.repeat(5_000)],
  ['inject.istio.io/templates', 't'.repeat(5_000)],
  ['proxy.istio.io/config', `proxyMetadata: {WORKLOAD_IDENTITY_SOCKET_FILE: ${'f'.repeat(5_000)}}`],
  ['svidecar.dev/validate-listeners', 'l'.repeat(5_000)],
])('a value of 5,000 characters is not told whole: %s', (key, value) => {
  const templates = 'jwt-validate, istio-spire';
  const asked = { ...validates, 'inject.svidecar.dev/templates': templates, [key]: value };
  const { steps, ...decision } = decideOn(pod(asked));
  const why = 'why' in decision ? decision.why : '';
  for (const { message } of [...steps, { message: why }])
    expect(message.length).toBeLessThan(1_200);
});
