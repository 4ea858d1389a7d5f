/** What an app of a mesh sends, and who asks it, without Envoy’s knowing. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { envoyCheck } from '../../../../webhook/admission/check-envoy.ts';
import { decideOn } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';

type Texts = Readonly<Record<string, string>>;

const app = { name: 'app', image: 'app', ports: [{ containerPort: 8080 }] };
const injects = {
  'inject.svidecar.dev/templates': 'jwt-inject',
  'svidecar.dev/audience-by-host': 'a.shop=a',
  'svidecar.dev/envoy-container': 'istio-proxy',
};
const validates = {
  'inject.svidecar.dev/templates': 'jwt-validate',
  'svidecar.dev/audience': 'shop',
  'svidecar.dev/envoy-container': 'istio-proxy',
};

function saidOf(annotations: Texts, spec: JsonObject = {}): string {
  const metadata = { name: 'shop', namespace: 'shop', annotations };
  const object = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [app], ...spec } };
  const engine = engineFor();
  const checkEnvoy = envoyCheck(() => undefined, engine.memory.copies);
  return decideOn(object, { engine, checkEnvoy })
    .steps.map(({ message }) => message)
    .join('\n');
}

const words = 'Istio leads none of their requests to Envoy';

describe('an app that runs as Istio’s proxy does', () => {
  const proxy = { name: 'istio-proxy', image: 'p', args: ['proxy', 'sidecar'] };
  const init = { name: 'istio-init', image: 'p', args: ['istio-iptables', '-u', '1500'] };
  const asked = (id: JsonObject): JsonObject => ({ ...app, securityContext: id });
  test.each<[string, JsonObject]>([
    ['container "app" runs as user 1337', { securityContext: { runAsUser: 1337 } }],
    ['container "app" runs as group 1337', { securityContext: { runAsGroup: 1337 } }],
    ['container "app" runs as user 1337', { containers: [asked({ runAsUser: 1337 })] }],
    [
      'container "app" runs as user 1500',
      { containers: [asked({ runAsUser: 1500 })], initContainers: [init] },
    ],
    [
      'container "app" runs as user 77',
      {
        containers: [asked({ runAsUser: 77 }), { ...proxy, securityContext: { runAsUser: 77 } }],
      },
    ],
  ])('is told: %s', (who, spec) => {
    const said = saidOf(injects, spec);
    expect(said).toContain(who);
    expect(said).toContain(words);
    expect(saidOf(validates, spec)).not.toContain(words);
  });

  test.each<[string, JsonObject]>([
    ['nothing', {}],
    ['another user', { securityContext: { runAsUser: 1000, fsGroup: 1337 } }],
    [
      'another user than the pod',
      { securityContext: { runAsUser: 1337 }, containers: [asked({ runAsUser: 1000 })] },
    ],
    ['the proxy alone', { containers: [app, { ...proxy, securityContext: { runAsUser: 1337 } }] }],
  ])('is not told of %s', (_what, spec) => {
    expect(saidOf(injects, spec)).not.toContain(words);
  });
});

describe('Prometheus, which has no token,', () => {
  const scraped = { ...validates, 'prometheus.io/scrape': 'true' };
  const told = 'Prometheus asks for /metrics';
  test.each<Texts>([{}, { 'prometheus.io/port': '8080' }])(
    'is told of where it asks the app itself: %o',
    (port) => {
      const apart = { 'prometheus.istio.io/merge-metrics': 'False' };
      expect(saidOf({ ...scraped, ...port, ...apart })).toContain(told);
    },
  );

  test.each<Texts>([
    {},
    { 'prometheus.istio.io/merge-metrics': 'true' },
    { 'sidecar.istio.io/rewriteAppHTTPProbers': 'false' },
  ])('is not where Istio’s agent asks in its place: %o', (annotations) => {
    expect(saidOf({ ...scraped, 'prometheus.io/port': '8080', ...annotations })).not.toContain(
      told,
    );
  });
});
