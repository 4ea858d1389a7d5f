/** Objects of Istio's in the test's mesh. */
import { generateKeyPairSync } from 'node:crypto';
import type { Json, JsonObject } from '#kernel/json.ts';
import { meshNamespace as namespace } from './mesh.ts';

const security = 'security.istio.io/v1';
const networking = 'networking.istio.io/v1';

function mode(name: string, wanted: string): JsonObject {
  return {
    apiVersion: security,
    kind: 'PeerAuthentication',
    metadata: { name, namespace },
    spec: { selector: { matchLabels: { app: name } }, mtls: { mode: wanted } },
  };
}

/** One of the two pods that validate takes plain text, too, so that strangers reach its filters. */
export const modes = [mode('asked', 'STRICT'), mode('native', 'PERMISSIVE')];

/** A gateway of that name, which leads to another pod. */
export function gatewayObjects(name: string, to: string): readonly JsonObject[] {
  const metadata = { name, namespace };
  const http = [{ route: [{ destination: { host: to, port: { number: 8080 } } }] }];
  const port = { number: 8088, name: 'http', protocol: 'HTTP' };
  return [
    {
      apiVersion: networking,
      kind: 'Gateway',
      metadata,
      spec: { selector: { app: name }, servers: [{ port, hosts: ['*'] }] },
    },
    {
      apiVersion: networking,
      kind: 'VirtualService',
      metadata,
      spec: { hosts: ['*'], gateways: [name], http },
    },
  ];
}

/** Each request to a pod makes a connection, with a handshake, and none is sent again. */
export function fussyRoute(name: string): readonly JsonObject[] {
  const metadata = { name, namespace };
  const trafficPolicy = { connectionPool: { http: { maxRequestsPerConnection: 1 } } };
  return [
    {
      apiVersion: networking,
      kind: 'DestinationRule',
      metadata,
      spec: { host: name, trafficPolicy },
    },
    {
      apiVersion: networking,
      kind: 'VirtualService',
      metadata,
      spec: {
        hosts: [name],
        http: [{ route: [{ destination: { host: name } }], retries: { attempts: 0 } }],
      },
    },
  ];
}

const selector = { matchLabels: { app: 'native' } };

/** A key of an issuer that has nothing to do with SPIRE. */
function foreignKeys(): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return JSON.stringify({
    keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'RS256' }],
  });
}

export const beside = {
  deny: {
    apiVersion: security,
    kind: 'AuthorizationPolicy',
    metadata: { name: 'deny', namespace },
    spec: { selector, action: 'DENY', rules: [{ to: [{ operation: { paths: ['/denied'] } }] }] },
  },
  allow: {
    apiVersion: security,
    kind: 'AuthorizationPolicy',
    metadata: { name: 'allow', namespace },
    spec: {
      selector,
      action: 'ALLOW',
      rules: [{ from: [{ source: { principals: ['example.org/ns/shop/sa/asked'] } }] }],
    },
  },
  authentication: (fromHeaders: readonly Json[]): JsonObject => ({
    apiVersion: security,
    kind: 'RequestAuthentication',
    metadata: { name: 'users', namespace },
    spec: {
      selector,
      jwtRules: [
        {
          issuer: 'https://users.example',
          jwks: foreignKeys(),
          ...(fromHeaders.length === 0 ? {} : { fromHeaders: [...fromHeaders] }),
        },
      ],
    },
  }),
};
