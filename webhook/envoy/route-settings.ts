/** What routes set for single filters (`typed_per_filter_config`), on every level: they can switch a filter off. */
import { type Json, type JsonObject, isArray, isObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { escapeToken } from '../editing/operation.ts';
import { type TypedMessage, anyField, anyOf } from './any-config.ts';
import type { RouteTerms } from './patch-contract.ts';
import { type PlacedIn } from './placed-in.ts';
import { type Placed, messageOf } from './proto-field.ts';
import { isOn, isSet } from './proto-scalar.ts';

/** One entry of a `typed_per_filter_config`, with its own position. */
export interface RouteSetting extends PlacedIn {
  /** Name of the filter that it is for. */
  readonly name: string;
}

/** What a setting does to an `ext_authz` filter. */
export type AuthzEffect =
  /** Context extensions that the addition states, and nothing else. */
  | 'documented'
  /** Requests are checked as before. */
  | 'harmless'
  /** Requests may pass without a check: it is switched off, asks another server, or cannot be judged. */
  | 'opens';

const filterConfigType = 'envoy.config.route.v3.FilterConfig';
const authzType = 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute';
const perFilter: ReadonlySet<string> = new Set(['typed_per_filter_config', 'typedPerFilterConfig']);
/** Filters with such a name can only be ours. */
export const ourNames = 'svidecar.';
/** Fields of `CheckSettings` with which requests are still checked. */
const harmlessSettings: ReadonlySet<string> = new Set([
  'context_extensions',
  'contextExtensions',
  'disable_request_body_buffering',
  'disableRequestBodyBuffering',
  'with_request_body',
  'withRequestBody',
  'emit_client_span',
  'emitClientSpan',
]);

/** What routes set, by the filter's name: of settings that do the same, the first. */
export interface SettingsOfRoute {
  /** By name, then by kind. */
  readonly byName: ReadonlyMap<string, ReadonlyMap<string, RouteSetting>>;
  /** Those of the names that begin like ours. */
  readonly ours: readonly string[];
  /** Whether one of them lets requests pass unchecked, by the addition's own key. */
  readonly skips: boolean;
  /** The first that is meant for the addition. */
  readonly addressed: RouteSetting | undefined;
}

/** By name, one of each kind: thousands of routes that set the same are one setting. */
export function distinctSettings(
  settings: readonly RouteSetting[],
  routes: RouteTerms | undefined,
): SettingsOfRoute {
  const byName = new Map<string, Map<string, RouteSetting>>();
  let isSkipping = false;
  let addressed: RouteSetting | undefined;
  for (const setting of settings) {
    const isSkip = skips(setting, routes);
    const isAddressed = isMeantFor(routes, setting);
    const effect = authzEffectOf(setting, routes);
    const kind = JSON.stringify([effect, isAddressed, isSkip, asksByHttp(setting)]);
    const kinds = byName.get(setting.name) ?? new Map<string, RouteSetting>();
    if (isAddressed) addressed ??= setting;
    if (!kinds.has(kind)) kinds.set(kind, setting);
    byName.set(setting.name, kinds);
    isSkipping ||= isSkip;
  }
  const ours = [...byName.keys()].filter((name) => name.startsWith(ourNames));
  return { byName, ours, skips: isSkipping, addressed };
}

/** All that a route configuration sets, on every level: also where a later Envoy adds one. */
export function settingsIn(routes: PlacedIn): readonly RouteSetting[] {
  const found: RouteSetting[] = [];
  const seen = new Set<Json>();
  const rest: { readonly value: Json; readonly path: string }[] = [
    { value: routes.message, path: routes.path },
  ];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { value, path } = next;
    if ((!isObject(value) && !isArray(value)) || seen.has(value)) continue;
    seen.add(value);
    const members = Object.entries(value).map(([key, member = null]) => ({
      key,
      place: { value: member, path: `${path}/${escapeToken(key)}` },
    }));
    for (const { place } of members.toReversed()) rest.push(place);
    for (const { key, place } of members) {
      if (!perFilter.has(key) || !isObject(place.value)) continue;
      for (const entry of entriesOf(place, routes)) found.push(entry);
    }
  }
  return found;
}

function entriesOf(
  { value, path }: { readonly value: Json; readonly path: string },
  { file }: PlacedIn,
): readonly RouteSetting[] {
  return Object.entries(isObject(value) ? value : {}).map(([name, member]) => ({
    name,
    file,
    message: isObject(member) ? member : {},
    path: `${path}/${escapeToken(name)}`,
  }));
}

/** The setting itself: a `FilterConfig` around it is unwrapped. */
function innerOf(setting: Placed): { readonly config: TypedMessage; readonly isOff: boolean } {
  const config = anyOf(setting);
  if (config.type !== filterConfigType) return { config, isOff: false };
  const inner = anyField(config, 'config') ?? { message: {}, path: config.path, type: undefined };
  return { config: inner, isOff: isOn(config.message, 'disabled') };
}

/** @see envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute */
export function authzEffectOf(setting: RouteSetting, routes: RouteTerms | undefined): AuthzEffect {
  const { config, isOff } = innerOf(setting);
  if (isOff) return 'opens';
  if (config.type === undefined)
    return Object.keys(config.message).length === 0 ? 'harmless' : 'opens';
  if (config.type !== authzType || isOn(config.message, 'disabled')) return 'opens';
  const fields = Object.keys(messageOf(config.message, 'check_settings'));
  if (!fields.every((field) => harmlessSettings.has(field))) return 'opens';
  const extensions = Object.keys(extensionsOf(config));
  return fields.length === 1 &&
    extensions.length > 0 &&
    extensions.every((key) => routes?.extensions?.includes(key) === true)
    ? 'documented'
    : 'harmless';
}

/** Whether a setting addresses the service of the addition that states these terms. */
export function isMeantFor(routes: RouteTerms | undefined, setting: RouteSetting): boolean {
  if (routes === undefined) return false;
  const names = Object.keys(extensionsOf(innerOf(setting).config));
  return names.some((name) => name.startsWith(routes.prefix));
}

/** Whether a setting lets requests pass unchecked, by the key that the addition states for that. */
export function skips(setting: Placed, routes: RouteTerms | undefined): boolean {
  if (routes?.exempting === undefined) return false;
  const value = extensionIn(setting, routes.exempting);
  return value !== undefined && value !== 'false';
}

/** What a setting of an `ext_authz` tells its service under a key. */
export function extensionIn(setting: Placed, key: string): Json | undefined {
  return own(extensionsOf(innerOf(setting).config), key);
}

/** Whether a setting has an `ext_authz` send requests to an HTTP server. */
export function asksByHttp(setting: Placed): boolean {
  const { message } = innerOf(setting).config;
  return isSet(messageOf(message, 'check_settings'), 'http_service');
}

function extensionsOf(config: Placed): JsonObject {
  return messageOf(messageOf(config.message, 'check_settings'), 'context_extensions');
}
