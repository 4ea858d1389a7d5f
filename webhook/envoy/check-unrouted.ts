/**
 * Filters behind one that asks a service by `ext_authz` which give a request that no route forwards a way to
 * the app after all: Envoy has not asked about such a request (`unrouted.ts`).
 */
import { type Json, isArray, isObject } from '#kernel/json.ts';
import { lineIn, warningAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { authzFilterType, effectOf } from './http-filters.ts';
import { configsOf, filterTitle, judgeFilter } from './judge-filter.ts';
import type { FilterList, Manager } from './listener.ts';
import { type Placed, messageOf, textOf, typeNameOf } from './proto-field.ts';
import { isOn } from './proto-scalar.ts';
import { type SettingsView, settingsUnder } from './settings-view.ts';
import type { Unrouted, UnroutedReader } from './unrouted.ts';

const prefix = 'envoy.extensions.filters.http.';
const ofHttp = (types: readonly string[]): ReadonlySet<string> =>
  new Set(types.map((type) => prefix + type));

/** Filters that never make Envoy choose the route again. Filters in neither list may. */
export const keepRoute: ReadonlySet<string> = ofHttp([
  'adaptive_concurrency.v3.AdaptiveConcurrency',
  'admission_control.v3.AdmissionControl',
  'aws_lambda.v3.Config',
  'aws_request_signing.v3.AwsRequestSigning',
  'bandwidth_limit.v3.BandwidthLimit',
  'basic_auth.v3.BasicAuth',
  'buffer.v3.Buffer',
  'cdn_loop.v3.CdnLoopConfig',
  'compressor.v3.Compressor',
  'cors.v3.Cors',
  'credential_injector.v3.CredentialInjector',
  'csrf.v3.CsrfPolicy',
  'decompressor.v3.Decompressor',
  // It skips the same requests that ours skips.
  'ext_authz.v3.ExtAuthz',
  'fault.v3.HTTPFault',
  'gcp_authn.v3.GcpAuthnFilterConfig',
  'grpc_stats.v3.FilterConfig',
  'header_mutation.v3.HeaderMutation',
  'health_check.v3.HealthCheck',
  'local_ratelimit.v3.LocalRateLimit',
  'rbac.v3.RBAC',
  'router.v3.Router',
  'stateful_session.v3.StatefulSession',
  'tap.v3.Tap',
]);

/** Filters that do so only where one of their fields says so. */
export const changeRouteIfTold: ReadonlySet<string> = ofHttp([
  'jwt_authn.v3.JwtAuthentication',
  'mcp.v3.Mcp',
  'set_filter_state.v3.Config',
  'transform.v3.TransformConfig',
]);
const clearing = ['clear_route_cache', 'clear_cluster_cache'] as const;

export interface FiltersBehind {
  readonly manager: Manager;
  readonly list: FilterList;
  readonly settings: SettingsView;
  /** Index of the first filter behind ours. */
  readonly from: number;
  readonly unroutedOf: UnroutedReader;
}

/** Warnings about one list. */
export function checkUnrouted(
  { rule, filter, direction, advice }: FilterAddition,
  { manager, list, settings, from, unroutedOf }: FiltersBehind,
): readonly EnvoyWarning[] {
  if (typeNameOf(messageOf(filter, 'typed_config')) !== authzFilterType) return [];
  for (const one of list.filters.slice(from)) {
    const because = wayOf(one, manager, settings);
    if (because === undefined) continue;
    const gap = unroutedOf(manager) ?? toldByRoutes(settings);
    if (gap === undefined) return [];
    const what = direction === 'inbound' ? 'unchecked' : 'without a token';
    const other = advice?.unrouted === undefined ? '' : `, or ${advice.unrouted}`;
    return [
      warningAt(
        'route_chosen_behind',
        { file: manager.file, path: one.path },
        `${filterTitle(one)} stands behind the filter of ${rule} and ${because}, while Envoy's ext_authz goes by the route that a request has when it comes, and asks nobody where none forwards it (${lineIn(gap.file, gap.path)}: ${gap.what}): such requests can go on ${what}; put that filter in front${other}, or end each virtual host, and one for "*", with a route that forwards all paths (match: {prefix: /})`,
      ),
    ];
  }
  return [];
}

/** Routes with their own settings for the filter: a request could leave the one that it was checked for. */
function toldByRoutes({ parts }: SettingsView): Unrouted | undefined {
  const found = parts.map(({ addressed }) => addressed).find((one) => one !== undefined);
  const what = 'this route needs no token, or one for another audience';
  return found === undefined ? undefined : { ...found, what };
}

/** How a request without a route could go on behind a filter, as a clause; undefined where it could not. */
function wayOf(filter: Placed, manager: Manager, settings: SettingsView): string | undefined {
  const open = judgeFilter(filter, manager.routes).find(
    ({ effect }) => effect === 'elsewhere' || effect === 'code' || effect === 'unknown',
  );
  if (open !== undefined) return open.because;
  const isSet = settingsUnder(settings, textOf(filter.message, 'name') ?? '').length > 0;
  const may = configsOf(filter).some(({ type = '', message }) => {
    if (keepRoute.has(type) || isHolder(type)) return false;
    return !changeRouteIfTold.has(type) || isSet || isTold(message);
  });
  return may ? 'may have Envoy choose another route' : undefined;
}

/** Filters that run others do what these do. */
function isHolder(type: string): boolean {
  return effectOf(type) === 'holds';
}

function isTold(value: Json): boolean {
  if (isArray(value)) return value.some(isTold);
  if (!isObject(value)) return false;
  if (clearing.some((field) => isOn(value, field))) return true;
  return Object.values(value).some((member) => isTold(member ?? null));
}
