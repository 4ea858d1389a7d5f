/** A workload, and the ConfigMap of its Envoy, with a secret in every place where people keep one. */
import type { JsonObject } from '#kernel/json.ts';

/** Gives the next secret, to stand at a place. */
export type Plant = (place: string) => string;

/** The object as tools keep copies of it. */
function copyOf(secret: string): string {
  return JSON.stringify({ spec: { containers: [{ env: [{ name: 'X', value: secret }] }] } });
}

function annotations(of: string, plant: Plant): JsonObject {
  return {
    'kubectl.kubernetes.io/last-applied-configuration': copyOf(plant(`${of} kubectl`)),
    'kapp.k14s.io/original': copyOf(plant(`${of} kapp`)),
    'kopf.zalando.org/last-handled-configuration': copyOf(plant(`${of} kopf`)),
    'banzaicloud.com/last-applied': copyOf(plant(`${of} banzai`)),
    'objectset.rio.cattle.io/applied': `H4sI${plant(`${of} rancher`)}`,
    'example.com/hook': `https://example.com/services/${plant(`${of} hook`)}`,
    'example.com/plain': plant(`${of} plain annotation`),
    'ad.datadoghq.com/app.instances': `[{"password": "${plant(`${of} datadog`)} x"}]`,
    toString: plant(`${of} odd key`),
    constructor: plant(`${of} other odd key`),
  };
}

const quoted = (text: string): string => `"${text}"`;

/** @param asks annotations of the pod template */
export function leakyDeployment(asks: JsonObject, plant: Plant): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'frontend', namespace: 'shop', annotations: annotations('object', plant) },
    spec: {
      selector: { matchLabels: { app: 'frontend' } },
      template: {
        metadata: {
          labels: { app: 'frontend' },
          annotations: { ...annotations('template', plant), ...asks },
        },
        spec: podSpec(plant),
      },
    },
    status: { note: plant('status') },
  };
}

function podSpec(plant: Plant): JsonObject {
  return {
    initContainers: [
      { name: 'first', image: 'i', env: [{ name: 'A', value: plant('env of init') }] },
    ],
    containers: [appContainer(plant), envoyContainer(plant)],
    volumes: [
      { name: 'envoy-config', configMap: { name: 'envoy' } },
      { name: 'c', csi: { driver: 'd', volumeAttributes: { key: plant('volume attribute') } } },
      { name: 'f', flexVolume: { driver: 'd', options: { key: plant('option of a volume') } } },
    ],
  };
}

function appContainer(plant: Plant): JsonObject {
  return {
    name: 'app',
    image: 'shop/app:1',
    env: [
      { name: 'PASSWORD', value: plant('env') },
      { name: 'FROM', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
    ],
    args: [
      `--password=${plant('flag with value')}`,
      '--password',
      plant('value of a flag'),
      `-p${plant('short flag')}`,
      `-password=${plant('flag with one dash')}`,
      `--harmless=${plant('harmless flag')}`,
      `--api-key ${quoted(plant('two words'))}`,
      `TOKEN=${plant('assignment')}`,
      plant('plain argument'),
    ],
    command: [
      'sh',
      '-c',
      `export PASSWORD=${quoted(`${plant('script')} x`)}; curl -u a:${plant('login')} redis://:${plant('URL')}@h`,
    ],
    livenessProbe: {
      httpGet: {
        path: `/h?token=${plant('query')}&x=${plant('harmless query')}`,
        port: 80,
        httpHeaders: [
          { name: 'Authorization', value: `Token ${plant('authorization')}` },
          { name: 'X-Api-Key', value: plant('API key') },
          { name: 'Cookie', value: `a=${plant('cookie')}` },
          { name: 'X-Other', value: plant('other header') },
        ],
      },
    },
    lifecycle: { preStop: { exec: { command: ['app', plant('hook')] } } },
  };
}

function envoyContainer(plant: Plant): JsonObject {
  return {
    name: 'envoy',
    image: 'envoyproxy/envoy:v1.36.0',
    args: ['-c', '/etc/envoy/envoy.yaml'],
    env: [{ name: 'Q', value: plant('env of Envoy') }],
    volumeMounts: [{ name: 'envoy-config', mountPath: '/etc/envoy' }],
  };
}

/** @param text what Envoy reads */
export function leakyConfigMap(text: string, plant: Plant): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'envoy',
      namespace: 'shop',
      annotations: { x: plant('annotation of the ConfigMap') },
    },
    data: { 'other.txt': plant('other key'), 'envoy.yaml': text },
  };
}

/** Added to what Envoy reads: top-level members of a bootstrap. */
export function leakyEnvoy(plant: Plant): JsonObject {
  return {
    node: { id: 'a', metadata: { any: plant('metadata of the node') } },
    static_resources: {
      secrets: [
        { name: 't', generic_secret: { secret: { inline_string: plant('generic secret') } } },
        { name: 'u', genericSecret: { secret: { inlineBytes: plant('bytes') } } },
        {
          name: 'v',
          tls_certificate: {
            private_key: { inline_string: `-----BEGIN PRIVATE KEY-----\n${plant('key')}\n` },
            password: { inline_string: plant('password of a key') },
          },
        },
      ],
      clusters: [
        {
          name: 'backend',
          type: 'STRICT_DNS',
          metadata: { filter_metadata: { any: { x: plant('metadata') } } },
          health_checks: [
            {
              tcp_health_check: { send: { text: plant('payload') } },
              http_health_check: {
                path: `/?sig=${plant('query of a health check')}`,
                request_headers_to_add: [
                  { header: { key: 'x-api-key', value: plant('header') } },
                  { header: { key: 'x-other', value: plant('other header of Envoy') } },
                  { header: { key: 'authorization', value: `Basic ${plant('basic')}` } },
                ],
              },
            },
          ],
        },
        {
          name: 'redis',
          type: 'STRICT_DNS',
          typed_extension_protocol_options: {
            'envoy.filters.network.redis_proxy': {
              auth_password: { inline_string: plant('password of Redis') },
            },
          },
        },
      ],
    },
    any: [
      { headers: [{ name: 'x-api-key', string_match: { exact: plant('header match') } }] },
      { query_parameters: [{ name: 'q', string_match: { exact: plant('parameter match') } }] },
      { credentials: [{ key: plant('credential'), client: 'a' }] },
      { client_secret: plant('client secret') },
      { apiToken: plant('API token') },
      { tokens: { first: plant('one of many') } },
      { inline_code: `local a = "${plant('script of Envoy')}"` },
      {
        configuration: {
          '@type': 'type.googleapis.com/google.protobuf.StringValue',
          value: plant('configuration of an extension'),
        },
      },
      { direct_response: { body: { inline_string: plant('body') } } },
      { direct_response: { body: { inline_bytes: plant('bytes of a body') } } },
      { uri: `https://u:${plant('URL of Envoy')}@h` },
    ],
  };
}
