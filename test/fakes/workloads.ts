/** Pod templates and workloads as people write them, for tests of injection and admission. */
import type { Json, JsonObject } from '#kernel/json.ts';

export type Annotations = Readonly<Record<string, string>>;

/** What most tests ask for. */
export const injectBackend: Annotations = {
  'inject.svidecar.dev/templates': 'jwt-inject',
  'svidecar.dev/audience': 'spiffe://example.org/backend',
};

/** An app, an Envoy, and the ConfigMap that Envoy reads. */
export const appWithEnvoy: JsonObject = {
  serviceAccountName: 'frontend',
  containers: [
    { name: 'app', image: 'shop/frontend:1', ports: [{ containerPort: 8080 }] },
    {
      name: 'envoy',
      image: 'envoyproxy/envoy:v1.40.0',
      args: ['-c', '/etc/envoy/envoy.yaml'],
      volumeMounts: [{ name: 'envoy-config', mountPath: '/etc/envoy' }],
    },
  ],
  volumes: [{ name: 'envoy-config', configMap: { name: 'frontend-envoy' } }],
};

/** An app and nothing else. */
export const appAlone: JsonObject = { containers: [{ name: 'app', image: 'shop/app:1' }] };

export function podTemplate(annotations: Annotations, spec: JsonObject = appWithEnvoy): JsonObject {
  return { metadata: { labels: { app: 'frontend' }, annotations }, spec };
}

export function deployment(annotations: Annotations, spec: JsonObject = appWithEnvoy): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'frontend', namespace: 'shop' },
    spec: { replicas: 2, template: podTemplate(annotations, spec) },
  };
}

export function pod(annotations: Annotations, spec: JsonObject = appWithEnvoy): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'frontend-1', namespace: 'shop', labels: { app: 'frontend' }, annotations },
    spec,
  };
}

/** The owner reference of an object that a controller made. */
export function madeBy(kind: string): Json {
  return [{ apiVersion: 'apps/v1', kind, name: 'owner', uid: 'u-1', controller: true }];
}
