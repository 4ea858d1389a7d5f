/**
 * Envoy configurations of the native data path, written out for the helper's own tests: what the templates write is
 * tested beside them.
 */
import type { JsonObject } from '#kernel/json.ts';
import { jwksPath, secretName } from '../../../sidecar/config/contract.ts';

interface Side {
  /** Where Envoy listens. */
  readonly listen: number;
  /** Where it sends what it lets through. */
  readonly upstream: number;
  /** The helper's port. */
  readonly helper: number;
}

export interface InjectSide extends Side {
  readonly audience: string;
  readonly spiffeId?: string;
  readonly api: 'GRPC' | 'DELTA_GRPC';
}

export interface ValidateSide extends Side {
  readonly audience: string;
  readonly trustDomains: readonly string[];
  /** Seconds that Envoy keeps keys; it asks again 5 s before, or after so many when there are no more than 5. */
  readonly keepKeysS: number;
}

const type = (name: string): string => `type.googleapis.com/${name}`;

/** Puts the secret for an audience into each request. */
export function injectingEnvoy(side: InjectSide): string {
  // Envoy waits up to 30 s before it comes back, unless it is told otherwise: longer than our tokens live.
  const retryPolicy = { retry_back_off: { base_interval: '0.1s', max_interval: '1s' } };
  const service = { envoy_grpc: { cluster_name: 'helper', retry_policy: retryPolicy } };
  const source = { api_type: side.api, transport_api_version: 'V3', grpc_services: [service] };
  const credential = {
    name: secretName(side.audience, side.spiffeId),
    sds_config: { resource_api_version: 'V3', api_config_source: source },
  };
  const generic = type('envoy.extensions.http.injected_credentials.generic.v3.Generic');
  return envoy(side, {
    name: 'envoy.filters.http.credential_injector',
    typed_config: {
      '@type': type('envoy.extensions.filters.http.credential_injector.v3.CredentialInjector'),
      overwrite: true,
      credential: {
        name: 'envoy.http.injected_credentials.generic',
        typed_config: { '@type': generic, credential },
      },
    },
  });
}

/** Lets requests in that have a token of one of the trust domains. */
export function validatingEnvoy(side: ValidateSide): string {
  const providers = Object.fromEntries(
    side.trustDomains.map((domain) => [domain, provider(domain, side)]),
  );
  const requirements = side.trustDomains.map((domain) => ({ provider_name: domain }));
  const requires = requirements.length === 1 ? requirements[0] : { requires_any: { requirements } };
  return envoy(side, {
    name: 'envoy.filters.http.jwt_authn',
    typed_config: {
      '@type': type('envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication'),
      providers,
      rules: [{ match: { prefix: '/' }, requires: requires ?? {} }],
    },
  });
}

function provider(domain: string, { audience, keepKeysS }: ValidateSide): JsonObject {
  return {
    audiences: [audience],
    subjects: { prefix: `spiffe://${domain}/` },
    require_expiration: true,
    clock_skew_seconds: 1,
    forward: true,
    from_headers: [{ name: 'authorization', value_prefix: 'Bearer ' }],
    jwt_cache_config: {},
    remote_jwks: {
      http_uri: { uri: `http://helper${jwksPath(domain)}`, cluster: 'helper', timeout: '1s' },
      cache_duration: `${keepKeysS}s`,
      async_fetch: {},
    },
  };
}

function envoy({ listen, upstream, helper }: Side, filter: JsonObject): string {
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': type('envoy.extensions.filters.http.router.v3.Router') },
  };
  const route = { match: { prefix: '/' }, route: { cluster: 'upstream' } };
  const manager = {
    '@type': type(
      'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    ),
    stat_prefix: 'in',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: [filter, router],
  };
  const chain = {
    filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
  };
  return JSON.stringify({
    node: { id: 'test', cluster: 'test' },
    static_resources: {
      listeners: [{ name: 'in', address: address(listen), filter_chains: [chain] }],
      clusters: [cluster('upstream', upstream), { ...cluster('helper', helper), ...http2 }],
    },
  });
}

const http2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': type('envoy.extensions.upstreams.http.v3.HttpProtocolOptions'),
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

function cluster(name: string, port: number): JsonObject {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
  const assignment = { cluster_name: name, endpoints };
  return { name, type: 'STATIC', connect_timeout: '1s', load_assignment: assignment };
}

function address(port: number): JsonObject {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
