/**
 * TLS on both sides: the workload's own certificate, and the bundles of those whom it trusts, by SDS from SPIRE's agent.
 * @see SPIRE agent, "Envoy SDS support": a certificate by its SPIFFE ID, a bundle by its trust domain, all bundles as `ALL`
 */
import type { Json, JsonObject } from '#kernel/json.ts';
import { trustDomainText } from '#kernel/spiffe-id.ts';
import { callersOf } from '../../sidecar/config/caller-pattern.ts';
import { isIpAddress } from './ip-address.ts';
import type { ProxyPlan, Upstream } from './proxy-plan.ts';

/** The cluster of SPIRE's agent, as SPIRE's own examples name it. */
export const agentCluster = 'spire_agent';
/** The agent's name for the bundles of the own trust domain and of all that the workload federates with. */
const allBundles = 'ALL';
const tlsTypes = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

/** How long Envoy's start waits for a secret: for ever, or until the agent does not know the bundle of a foreign domain. */
type Patience = '0s' | '5s';

function sdsSecret(name: string, patience: Patience): JsonObject {
  return {
    name,
    sds_config: {
      resource_api_version: 'V3',
      initial_fetch_timeout: patience,
      api_config_source: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: {
              cluster_name: agentCluster,
              // An agent that was started anew, or an entry that has come, is found within two seconds.
              retry_policy: { retry_back_off: { base_interval: '0.25s', max_interval: '2s' } },
            },
          },
        ],
      },
    },
  };
}

interface Trusted {
  /** Of `match_typed_subject_alt_names`. */
  readonly names: readonly Json[];
  readonly bundle: string;
  readonly patience: Patience;
}

function commonContext(spiffeId: string, { names, bundle, patience }: Trusted): JsonObject {
  return {
    tls_params: {
      tls_minimum_protocol_version: 'TLSv1_2',
      tls_maximum_protocol_version: 'TLSv1_3',
    },
    // Envoy is not ready before it has the workload's own certificate.
    tls_certificate_sds_secret_configs: [sdsSecret(spiffeId, '0s')],
    combined_validation_context: {
      default_validation_context: { match_typed_subject_alt_names: [...names] },
      validation_context_sds_secret_config: sdsSecret(bundle, patience),
    },
  };
}

/** A client without a certificate of one of the callers gets no connection. */
export function downstreamTls(plan: ProxyPlan, alpn: readonly string[]): JsonObject {
  const { ids, starts } = callersOf(plan.callers);
  const names = [
    ...ids.map((exact) => ({ san_type: 'URI', matcher: { exact } })),
    ...starts.map((prefix) => ({ san_type: 'URI', matcher: { prefix } })),
  ];
  const trusted = { names, ...bundleFor(plan) };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${tlsTypes}.DownstreamTlsContext`,
      require_client_certificate: true,
      // Each connection shows a certificate that is valid now.
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
      common_tls_context: {
        ...(alpn.length === 0 ? {} : { alpn_protocols: [...alpn] }),
        ...commonContext(plan.spiffeId, trusted),
      },
    },
  };
}

/** Of one domain its bundle alone is asked for: then nobody else's authority counts. */
function bundleFor({ callers, spiffeId }: ProxyPlan): Pick<Trusted, 'bundle' | 'patience'> {
  const domains = new Set(callers.map(trustDomainText));
  const [only] = domains;
  return domains.size === 1 && only !== undefined
    ? { bundle: `spiffe://${only}`, patience: patienceFor(only, spiffeId) }
    : { bundle: allBundles, patience: '0s' };
}

/** The agent has the own domain's bundle always; that of another only where the entry federates with it. */
function patienceFor(trustDomain: string, spiffeId: string): Patience {
  return trustDomain === trustDomainText(spiffeId) ? '0s' : '5s';
}

/** Only a certificate of the one SPIFFE ID that must answer is accepted. */
export function upstreamTls(plan: ProxyPlan, { host, spiffeId, protocol }: Upstream): JsonObject {
  const trustDomain = trustDomainText(spiffeId);
  const trusted: Trusted = {
    names: [{ san_type: 'URI', matcher: { exact: spiffeId } }],
    bundle: `spiffe://${trustDomain}`,
    patience: patienceFor(trustDomain, plan.spiffeId),
  };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${tlsTypes}.UpstreamTlsContext`,
      // An IP address is no server name (RFC 6066 section 3), nor is a trailing dot part of one.
      ...(isIpAddress(host) ? {} : { sni: host.replace(/\.$/, '') }),
      max_session_keys: 0,
      common_tls_context: {
        ...(protocol === 'http' ? { alpn_protocols: ['h2'] } : {}),
        ...commonContext(plan.spiffeId, trusted),
      },
    },
  };
}
