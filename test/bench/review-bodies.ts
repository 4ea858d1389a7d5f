/** AdmissionReviews of the sizes that the benchmark asks for. */
import type { Json, JsonObject } from '#kernel/json.ts';

/** @param padding characters that make each variable longer */
const env = (count: number, padding: number): readonly Json[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `SETTING_${index}`,
    valueFrom: {
      configMapKeyRef: { name: `settings-${index % 7}`, key: `key-${index}${'x'.repeat(padding)}` },
    },
  }));

const probe = {
  httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' },
  periodSeconds: 10,
  timeoutSeconds: 1,
};

function container(name: string, variables: number, padding: number): JsonObject {
  return {
    name,
    image: `registry.test/shop/${name}:1.2.3`,
    imagePullPolicy: 'IfNotPresent',
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: env(variables, padding),
    livenessProbe: probe,
    readinessProbe: probe,
    resources: {
      requests: { cpu: '100m', memory: '128Mi' },
      limits: { cpu: '1', memory: '256Mi' },
    },
    securityContext: { runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
    terminationMessagePath: '/dev/termination-log',
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
}

const envoy: JsonObject = {
  name: 'envoy',
  image: 'envoyproxy/envoy:v1.40.0',
  args: ['-c', '/etc/envoy/envoy.yaml'],
  volumeMounts: [{ name: 'envoy-config', mountPath: '/etc/envoy' }],
};

function pod(variables: number, padding = 0): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: 'frontend-5d9c7b8f4-',
      namespace: 'shop',
      labels: { app: 'frontend', 'pod-template-hash': '5d9c7b8f4' },
      annotations: {
        'inject.svidecar.dev/templates': 'jwt-inject',
        'svidecar.dev/audience': 'spiffe://example.org/ns/shop/sa/backend',
      },
    },
    spec: {
      serviceAccountName: 'frontend',
      containers: [container('frontend', variables, padding), envoy],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'envoy-config', configMap: { name: 'frontend-envoy', defaultMode: 420 } },
      ],
      tolerations: [
        {
          key: 'node.kubernetes.io/not-ready',
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 300,
        },
      ],
    },
  };
}

function reviewOf(object: JsonObject): Buffer {
  return Buffer.from(
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: '0d4bd2b1-7a3f-4c3e-9f06-3d7d4a0f1c11',
        kind: { group: '', version: 'v1', kind: 'Pod' },
        resource: { group: '', version: 'v1', resource: 'pods' },
        namespace: 'shop',
        operation: 'CREATE',
        userInfo: {
          username: 'system:serviceaccount:kube-system:replicaset-controller',
          groups: ['system:authenticated'],
        },
        object,
        oldObject: null,
        dryRun: false,
      },
    }),
  );
}

/** Below what a pod may have; larger ones have longer values. */
const maxVariables = 4_000;

/** A review of at least so many bytes, as near as one environment variable allows. */
export function reviewOfBytes(bytes: number): Buffer {
  const none = reviewOf(pod(0)).length;
  const each = (reviewOf(pod(1000)).length - none) / 1000;
  const count = Math.min(maxVariables, Math.max(0, Math.ceil((bytes - none) / each)));
  const missing = bytes - reviewOf(pod(count)).length;
  return reviewOf(pod(count, count < maxVariables ? 0 : Math.ceil(missing / count)));
}

/** The ConfigMap that the pod's Envoy reads. */
export const envoyConfig = `static_resources:
  listeners:
    - name: outbound
      traffic_direction: OUTBOUND
      address: {socket_address: {address: 127.0.0.1, port_value: 9001}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: out
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{match: {prefix: /}, route: {cluster: backend}}]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: backend
      type: STRICT_DNS
      load_assignment:
        cluster_name: backend
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: backend, port_value: 9001}}}}]}]
`;

/** One Deployment of about 6 kB as a person writes it, with a comment, and the ConfigMap of its Envoy. */
export function manifestOf(index: number): string {
  const name = `frontend-${index}`;
  const variables = Array.from(
    { length: 55 },
    (_, at) =>
      `            - name: SETTING_${at} # ${at}\n              valueFrom: {configMapKeyRef: {name: settings, key: key-${at}}}\n`,
  ).join('');
  return `# Deployment ${index}
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata:
      labels: {app: ${name}}
      annotations:
        inject.svidecar.dev/templates: jwt-inject
        svidecar.dev/audience: spiffe://example.org/ns/shop/sa/backend-${index}
    spec:
      containers:
        - name: app
          image: registry.test/shop/${name}:1
          env:
${variables}        - name: envoy
          image: envoyproxy/envoy:v1.40.0
          args: [-c, /etc/envoy/envoy.yaml]
          volumeMounts: [{name: envoy-config, mountPath: /etc/envoy}]
      volumes:
        - name: envoy-config
          configMap: {name: frontend-envoy}
`;
}
