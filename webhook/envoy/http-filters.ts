/**
 * What the HTTP filters of Envoy do with a request, by the type of their configuration: it decides what may be in
 * front of ours. A test compares this table with the filters that the pinned Envoy has.
 */

/**
 * - `passes`: inspects, limits, authenticates or adds, and passes the request on; its own answers are not content of
 *   the app (a refusal, a preflight, a redirection to a login).
 * - `watches`: as `passes`, and reports what it sees elsewhere.
 * - `rewrites`: as `passes`, and may change the path or the host.
 * - `signs`: puts credentials of its own into the Authorization header.
 * - `asks`: sends method, path and headers to a server of its own, and answers as that decides: `ext_authz` over HTTP.
 * - `elsewhere`: answers with content, or sends the request on by itself: filters behind it do not run.
 * - `code`: runs custom code, or does what another program says: its effect is unknown here.
 * - `holds`: runs other filters from its configuration.
 */
export type FilterEffect =
  'passes' | 'watches' | 'rewrites' | 'signs' | 'asks' | 'elsewhere' | 'code' | 'holds';

const prefix = 'envoy.extensions.filters.http.';
export const authzFilterType = `${prefix}ext_authz.v3.ExtAuthz`;
export const authnFilterType = `${prefix}jwt_authn.v3.JwtAuthentication`;

/** By type, without the prefix that all of these have. */
const effects: Readonly<Record<Exclude<FilterEffect, 'asks' | 'holds'>, readonly string[]>> = {
  passes: [
    'a2a.v3.A2a',
    'adaptive_concurrency.v3.AdaptiveConcurrency',
    'admission_control.v3.AdmissionControl',
    'alternate_protocols_cache.v3.FilterConfig',
    'api_key_auth.v3.ApiKeyAuth',
    'aws_eventstream_parser.v3.AwsEventstreamParser',
    'bandwidth_limit.v3.BandwidthLimit',
    'bandwidth_share.v3.BandwidthShare',
    'basic_auth.v3.BasicAuth',
    'body_size_limit.v3.BodySizeLimit',
    'buffer.v3.Buffer',
    'cdn_loop.v3.CdnLoopConfig',
    'checksum.v3alpha.ChecksumConfig',
    'compressor.v3.Compressor',
    'connect_grpc_bridge.v3.FilterConfig',
    'cors.v3.Cors',
    'csrf.v3.CsrfPolicy',
    'custom_response.v3.CustomResponse',
    'decompressor.v3.Decompressor',
    'dynamo.v3.Dynamo',
    // Over gRPC, where nothing of the request but its description is sent.
    'ext_authz.v3.ExtAuthz',
    'fault.v3.HTTPFault',
    'file_system_buffer.v3.FileSystemBufferFilterConfig',
    'geoip.v3.Geoip',
    'grpc_field_extraction.v3.GrpcFieldExtractionConfig',
    'grpc_http1_bridge.v3.Config',
    'grpc_http1_reverse_bridge.v3.FilterConfig',
    'grpc_stats.v3.FilterConfig',
    'grpc_web.v3.GrpcWeb',
    // It may change neither the path nor the host.
    'header_mutation.v3.HeaderMutation',
    'header_to_metadata.v3.Config',
    // It answers for the app only about the app's health.
    'health_check.v3.HealthCheck',
    'ip_tagging.v3.IPTagging',
    'json_to_metadata.v3.JsonToMetadata',
    'jwt_authn.v3.JwtAuthentication',
    'kill_request.v3.KillRequest',
    'language.v3alpha.Language',
    'local_ratelimit.v3.LocalRateLimit',
    'mcp.v3.Mcp',
    'oauth2.v3.OAuth2',
    'on_demand.v3.OnDemand',
    'original_src.v3.OriginalSrc',
    'proto_api_scrubber.v3.ProtoApiScrubberConfig',
    'proto_message_extraction.v3.ProtoMessageExtractionConfig',
    'rate_limit_quota.v3.RateLimitQuotaFilterConfig',
    'ratelimit.v3.RateLimit',
    'rbac.v3.RBAC',
    'router.v3.Router',
    'set_filter_state.v3.Config',
    'set_metadata.v3.Config',
    'squash.v3.Squash',
    'sse_to_metadata.v3.SseToMetadata',
    'stateful_session.v3.StatefulSession',
    'thrift_to_metadata.v3.ThriftToMetadata',
    'upstream_codec.v3.UpstreamCodec',
  ],
  watches: ['tap.v3.Tap'],
  rewrites: [
    'dynamic_forward_proxy.v3.FilterConfig',
    'grpc_json_reverse_transcoder.v3.GrpcJsonReverseTranscoder',
    'grpc_json_transcoder.v3.GrpcJsonTranscoder',
    'mcp_json_rest_bridge.v3.McpJsonRestBridge',
    'transform.v3.TransformConfig',
  ],
  signs: [
    'aws_lambda.v3.Config',
    'aws_request_signing.v3.AwsRequestSigning',
    'credential_injector.v3.CredentialInjector',
    'gcp_authn.v3.GcpAuthnFilterConfig',
  ],
  elsewhere: [
    // A cache requests what it does not have from the app by itself.
    'cache.v3.CacheConfig',
    'cache_v2.v3.CacheV2Config',
    'file_server.v3.FileServerConfig',
    'mcp_router.v3.McpRouter',
  ],
  code: [
    'ai_protocol_manager.v3.AiProtocolManager',
    'dynamic_modules.v3.DynamicModuleFilter',
    'ext_proc.v3.ExternalProcessor',
    'golang.v3alpha.Config',
    'lua.v3.Lua',
    'wasm.v3.Wasm',
  ],
};

/** Filters that run others, by their whole type. */
const holders = [
  'envoy.extensions.common.matching.v3.ExtensionWithMatcher',
  `${prefix}composite.v3.Composite`,
  `${prefix}filter_chain.v3.FilterChainConfig`,
] as const;

/** Of routes, for the filters above: what runs there is not in the filter's own configuration. */
export const holderRouteTypes: ReadonlySet<string> = new Set([
  'envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute',
  `${prefix}composite.v3.CompositePerRoute`,
  `${prefix}filter_chain.v3.FilterChainConfigPerRoute`,
]);

/**
 * Terminal filters: Envoy accepts each only as the last of its list, but a filter that runs others may hold one in front
 * of that, and it sends the request on there. Modules (`dynamic_modules`) declare it themselves, in `terminal_filter`.
 */
export const terminalTypes: ReadonlySet<string> = new Set([
  `${prefix}file_server.v3.FileServerConfig`,
  `${prefix}mcp_router.v3.McpRouter`,
  `${prefix}router.v3.Router`,
  `${prefix}upstream_codec.v3.UpstreamCodec`,
]);

/** Type of an HTTP filter's configuration → what the filter does. */
export const filterEffects: ReadonlyMap<string, FilterEffect> = new Map<string, FilterEffect>([
  ...Object.entries(effects).flatMap(([effect, types]) =>
    // The keys of the object above.
    types.map((type) => [prefix + type, effect as FilterEffect] as const),
  ),
  ...holders.map((type) => [type, 'holds'] as const),
]);

/** Undefined for a filter that this table does not know. */
export function effectOf(type: string | undefined): FilterEffect | undefined {
  return type === undefined ? undefined : filterEffects.get(type);
}

/** Whether a filter may change the path or the host of the request that it passes on. */
export function mayRewrite(effect: FilterEffect): boolean {
  return effect === 'rewrites' || effect === 'signs' || effect === 'code' || effect === 'holds';
}
