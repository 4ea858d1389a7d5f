/** Pods of a mesh whose requests meet no Envoy, or two. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { decideOn } from '../../../fakes/admission.ts';

type Texts = Readonly<Record<string, string>>;

function pod(annotations: Texts, labels: Texts = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shop', namespace: 'shop', labels, annotations },
    spec: { containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }] },
  };
}

function saidOf(object: JsonObject): string {
  return decideOn(object)
    .steps.map(({ message }) => message)
    .join('\n');
}

const validates = {
  'inject.svidecar.dev/templates': 'jwt-validate',
  'svidecar.dev/envoy-container': 'istio-proxy',
};
const bringsEnvoy = {
  'inject.svidecar.dev/templates': 'envoy',
  'svidecar.dev/inbound': '8443=8080',
};

describe('a pod of a mesh that validates', () => {
  test.each(['grpc-agent', 'grpc-simple', 'sidecar, grpc-agent'])(
    'is refused where Istio brings no Envoy: %s',
    (templates) => {
      const decision = decideOn(pod({ ...validates, 'inject.istio.io/templates': templates }));
      expect(decision).toMatchObject({ kind: 'refused', code: 'ISTIO_UNFIT' });
    },
  );

  test.each([
    ['proxy.istio.io/config', 'interceptionMode: NONE', 'interception mode NONE'],
    ['proxy.istio.io/config', '{"interceptionMode":"NONE"}', 'interception mode NONE'],
    ['traffic.sidecar.istio.io/excludeInterfaces', 'eth0', 'by eth0 go past Envoy'],
  ])('is told of what goes past Envoy: %s %s', (key, value, words) => {
    expect(saidOf(pod({ ...validates, [key]: value }))).toContain(words);
  });

  test('is told of nothing where its annotation has it led to Envoy all the same', () => {
    const said = saidOf(
      pod({
        ...validates,
        'proxy.istio.io/config': 'interceptionMode: NONE',
        'sidecar.istio.io/interceptionMode': 'REDIRECT',
      }),
    );
    expect(said).not.toContain('interception mode');
  });
});

describe('the Envoy that a template brings is refused in a pod of a mesh', () => {
  test.each<[string, Texts, Texts]>([
    ['by label', {}, { 'sidecar.istio.io/inject': 'true' }],
    ['by annotation', { 'sidecar.istio.io/inject': 'true' }, {}],
    ['by revision', {}, { 'istio.io/rev': 'default' }],
    ['ambient', {}, { 'istio.io/dataplane-mode': 'ambient' }],
    ['by our annotation', { 'svidecar.dev/envoy-container': 'istio-proxy' }, {}],
  ])('%s', (_how, annotations, labels) => {
    const decision = decideOn(pod({ ...bringsEnvoy, ...annotations }, labels));
    expect(decision).toMatchObject({ kind: 'refused', code: 'ENVOY_PRESENT' });
  });

  test('but not where Istio is told to leave it alone', () => {
    const decision = decideOn(pod(bringsEnvoy, { 'sidecar.istio.io/inject': 'false' }));
    expect(decision.kind).toBe('injected');
  });
});
