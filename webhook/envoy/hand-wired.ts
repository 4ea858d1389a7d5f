/** Existing filters that do what an addition would: wired by hand, by another tool, or by an earlier run. */
import { type JsonObject, sameJson } from '#kernel/json.ts';
import { type TypedMessage, anyField } from './any-config.ts';
import { portsIn } from './cluster-transport.ts';
import { clustersIn, isLocal, isLoopback } from './clusters.ts';
import { invalid, lineIn } from './config-file.ts';
import type { ClusterAddition, FilterAddition } from './patch-contract.ts';
import { authzFilterType } from './http-filters.ts';
import type { FilterList, Manager } from './listener.ts';
import {
  type Placed,
  fieldKey,
  messageOf,
  protoName,
  repeatedOf,
  textOf,
  typeNameOf,
} from './proto-field.ts';
import { isOn, isOneOf } from './proto-scalar.ts';
import { type EnvoySurroundings } from './reach.ts';
import { authzEffectOf, ourNames } from './route-settings.ts';
import { type SettingsView, settingsUnder } from './settings-view.ts';

/** Fields of `ExtAuthz` that are judged one by one. */
const judgedFields: ReadonlySet<string> = new Set(['grpc_service', 'transport_api_version']);
/** Fields with which each request is still checked. A field in neither list counts as a hole. */
const harmlessFields: ReadonlySet<string> = new Set([
  'failure_mode_allow_header_add',
  'with_request_body',
  'clear_route_cache',
  'status_on_error',
  'validate_mutations',
  'metadata_context_namespaces',
  'typed_metadata_context_namespaces',
  'route_metadata_context_namespaces',
  'route_typed_metadata_context_namespaces',
  'include_peer_certificate',
  'stat_prefix',
  'bootstrap_metadata_labels_key',
  'allowed_headers',
  'disallowed_headers',
  'include_tls_session',
  'charge_cluster_response_stats',
  'encode_raw_headers',
  'enable_dynamic_metadata_ingestion',
  'filter_metadata',
  'emit_filter_state_stats',
  'emit_client_span',
  'max_denied_response_body_bytes',
  'enforce_response_header_limits',
]);

/** Switches that let requests pass, and how; each must be off. */
const openFilter: ReadonlyMap<string, string> = new Map([
  ['disabled', 'it is disabled'],
  ['is_optional', 'is_optional lets Envoy leave it out'],
]);
const openConfig: ReadonlyMap<string, string> = new Map([
  ['failure_mode_allow', 'failure_mode_allow lets all requests pass while the helper is away'],
  ['shadow_mode', 'shadow_mode lets refused requests pass'],
]);

/** What is wrong with a filter, and where. */
interface Fault {
  readonly path: string;
  readonly what: string;
}

export interface WiringContext {
  readonly manager: Manager;
  readonly list: FilterList;
  readonly surroundings: Pick<EnvoySurroundings, 'byName' | 'holeOf'>;
  readonly settings: SettingsView;
  /** The filter as it would be written, with its final clusters. */
  readonly wanted: JsonObject;
  /** The port of the pod on which the service that the addition asks listens; undefined: it asks none there. */
  readonly port: number | undefined;
}

/** The port of the pod that an addition's own cluster leads to. */
export function askedPort(
  { filter }: FilterAddition,
  clusters: readonly ClusterAddition[],
): number | undefined {
  const names = clustersIn(filter);
  const [port, ...others] = new Set(
    clusters
      .filter(({ name, cluster }) => names.has(name) && isLocal(cluster))
      .flatMap(({ cluster }) => portsIn(cluster)),
  );
  return others.length === 0 ? port : undefined;
}

/**
 * The filter of a list that already does what an addition would.
 * @throws {AppError} ENVOY_CONFIG_INVALID where one is meant to, but does not: it would be mistaken for protection
 */
export function findHandWired(
  addition: FilterAddition,
  context: WiringContext,
): Placed | undefined {
  const { manager, list } = context;
  const type = typeNameOf(messageOf(addition.filter, 'typed_config'));
  const isJudged = type === authzFilterType && addition.ruleMetadata !== undefined;
  const meant = list.filters.filter((one) => isMeant(one, addition, context));
  const [first] = meant;
  if (first === undefined) return undefined;
  if (!isJudged) return ownFilter(meant, addition, context);
  const faults = meant.map((one) => faultOf(one, addition, context));
  const good = faults.indexOf(undefined);
  if (good >= 0) return meant[good];
  const fault = faults[0] ?? { path: first.path, what: 'cannot be judged' };
  throw invalid(manager.file, fault.path, {
    reason: 'hand_wired_fault',
    why: `filter ${titleOf(first)} is to ask the helper for ${addition.rule}, but ${fault.what}; correct it, or remove the filter and let svidecar do the wiring`,
  });
}

/** Where no service is asked by the rule's name, only the identical filter does its work. */
function ownFilter(
  meant: readonly Placed[],
  { rule, filter, ruleMetadata, advice }: FilterAddition,
  { manager, wanted }: WiringContext,
): Placed | undefined {
  const asking =
    ruleMetadata === undefined
      ? undefined
      : meant.find((one) => anyField(one, 'typed_config')?.type === authzFilterType);
  const name = textOf(filter, 'name') ?? '';
  if (asking !== undefined) {
    throw invalid(manager.file, asking.path, {
      reason: 'hand_wired_without_ext_authz',
      why: `filter ${titleOf(asking)} asks the helper about each request, which it does not answer with the filter that ${rule} has here (${name}); ${advice?.setting ?? 'remove it'}`,
    });
  }
  const same = meant.find(({ message }) => sameJson(message, wanted));
  const [other] = meant;
  if (same !== undefined || other === undefined) return same;
  throw invalid(manager.file, other.path, {
    reason: 'own_name_taken',
    why: `filter ${name} has a name that is svidecar's, but is not what svidecar writes for ${rule} here; remove it, or give it another name`,
  });
}

/** Whether a reader of the configuration would mistake a filter for ours. */
function isMeant(
  one: Placed,
  { rule, filter, ruleMetadata }: FilterAddition,
  context: WiringContext,
): boolean {
  const name = textOf(filter, 'name') ?? '';
  if (name.startsWith(ourNames) && textOf(one.message, 'name') === name) return true;
  if (ruleMetadata === undefined) return false;
  const config = anyField(one, 'typed_config');
  if (config?.type !== authzFilterType) return false;
  const service = messageOf(config.message, 'grpc_service');
  const named = ruleOf(service, ruleMetadata);
  return named === undefined ? serviceFault(service, context) === undefined : named === rule;
}

function ruleOf(service: JsonObject, ruleMetadata: string): string | undefined {
  const entries = repeatedOf({ message: service, path: '' }, 'initial_metadata');
  const entry = entries.find(({ message }) => message['key'] === ruleMetadata);
  return textOf(entry?.message, 'value');
}

/** Why requests could pass a filter that should ask the helper; undefined where they cannot. */
function faultOf(
  one: Placed,
  { routes }: FilterAddition,
  context: WiringContext,
): Fault | undefined {
  const ofRoutes = (): Fault | undefined => settingFault(one, routes, context.settings);
  if (sameJson(one.message, context.wanted)) return ofRoutes();
  const config = anyField(one, 'typed_config');
  if (config?.type !== authzFilterType) return typeFault(one, config);
  return (
    openFault(one, openFilter) ??
    openFault(config, openConfig) ??
    configFault(config, context) ??
    ofRoutes()
  );
}

function typeFault(one: Placed, config: TypedMessage | undefined): Fault {
  if (config === undefined) {
    return { path: one.path, what: 'its configuration comes from elsewhere and cannot be seen' };
  }
  return { path: config.path, what: `it is of type ${config.type ?? 'none'}, which asks nobody` };
}

function openFault(place: Placed, switches: ReadonlyMap<string, string>): Fault | undefined {
  for (const [field, what] of switches) {
    if (!isOn(place.message, field)) continue;
    return { path: `${place.path}/${fieldKey(place.message, field)}`, what };
  }
  return undefined;
}

/** Of envoy.config.core.v3.ApiVersion. */
const currentApi = [{ name: 'V3', number: 2 }];

function configFault(config: TypedMessage, context: WiringContext): Fault | undefined {
  const { message } = config;
  const at = (field: string, what: string): Fault => ({
    path: `${config.path}/${fieldKey(message, field)}`,
    what,
  });
  if (!isOneOf(message, 'transport_api_version', currentApi)) {
    return at('transport_api_version', 'its transport_api_version is not V3');
  }
  const why = serviceFault(messageOf(message, 'grpc_service'), context);
  if (why !== undefined) return at('grpc_service', why);
  const strange = Object.keys(message).find((key) => !isKnownField(key));
  if (strange === undefined) return undefined;
  return {
    path: `${config.path}/${strange}`,
    what: `${strange} can keep requests from being checked`,
  };
}

function isKnownField(key: string): boolean {
  if (key === '@type') return true;
  const field = protoName(key);
  return judgedFields.has(field) || openConfig.has(field) || harmlessFields.has(field);
}

/** Why a gRPC service is not the helper; undefined when it is. */
function serviceFault(
  service: JsonObject,
  { surroundings: { byName, holeOf }, port }: WiringContext,
): string | undefined {
  if (port === undefined) return 'nothing here tells which port the helper has';
  const name = textOf(messageOf(service, 'envoy_grpc'), 'cluster_name');
  if (name === undefined) return targetFault(messageOf(service, 'google_grpc'), port);
  const cluster = byName.get(name);
  if (cluster === undefined) {
    return `nobody can tell where its cluster "${name}" leads: it is not in this configuration`;
  }
  const hole = holeOf(port)(cluster);
  if (hole === undefined) return undefined;
  return `its cluster "${name}" does not lead to the helper alone (127.0.0.1:${port}) because of ${hole.field} (${lineIn(cluster.file, hole.path)})`;
}

/** Fields of `GoogleGrpc` by which a call goes nowhere else: arguments of the channel, or plug-ins, could lead it to a proxy. */
const harmlessTargetFields: ReadonlySet<string> = new Set([
  'target_uri',
  'stat_prefix',
  'per_stream_buffer_limit_bytes',
  'channel_credentials',
  'call_credentials',
]);

function targetFault(service: JsonObject, wanted: number): string | undefined {
  const target = textOf(service, 'target_uri') ?? '';
  const [, host = '', port = ''] = /^(?:(?:dns|ipv4|ipv6):\/*)?([^/].*|):(\d+)$/.exec(target) ?? [];
  if (!isLoopback(host) || Number(port) !== wanted)
    return `it has no grpc_service that leads to the helper (127.0.0.1:${wanted})`;
  const strange = Object.keys(service).find((key) => !harmlessTargetFields.has(protoName(key)));
  if (strange === undefined) return undefined;
  return `its google_grpc has ${strange}, by which calls can go elsewhere than to the helper`;
}

/** Settings of routes under the filter's own name. */
function settingFault(
  one: Placed,
  routes: FilterAddition['routes'],
  view: SettingsView,
): Fault | undefined {
  const settings = settingsUnder(view, textOf(one.message, 'name') ?? '');
  const open = settings.find((each) => authzEffectOf(each, routes) === 'opens');
  if (open === undefined) return undefined;
  return {
    path: one.path,
    what: `a route sets something for it (${open.path}) that lets requests pass`,
  };
}

function titleOf(filter: Placed): string {
  return textOf(filter.message, 'name') ?? 'without a name';
}
