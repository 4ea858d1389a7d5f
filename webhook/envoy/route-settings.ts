/** What routes set for single filters (`typed_per_filter_config`), on every level: they can switch a filter off. */
import { type Json, type JsonObject, isArray, isObject } from '#kernel/json.ts';
import { escapeToken } from '../editing/operation.ts';
import { type TypedMessage, anyField, anyOf } from './any-config.ts';
import { type PlacedIn } from './placed-in.ts';
import { type Placed, messageOf } from './proto-field.ts';
import { isOn, isSet } from './proto-scalar.ts';

/** One entry of a `typed_per_filter_config`; it stands at its own place. */
export interface RouteSetting extends PlacedIn {
  /** Name of the filter that it is for. */
  readonly name: string;
}

/** What a setting does to an `ext_authz` filter that asks the helper. */
export type AuthzEffect =
  /** Exactly the documented `svidecar-audience` and `svidecar-skip`. */
  | 'documented'
  /** Requests are checked as before. */
  | 'harmless'
  /** Requests may pass without a check: it is switched off, asks somebody else, or cannot be judged. */
  | 'opens';

const filterConfigType = 'envoy.config.route.v3.FilterConfig';
const authzType = 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute';
const perFilter: ReadonlySet<string> = new Set(['typed_per_filter_config', 'typedPerFilterConfig']);
/** Filters with such a name are nobody else's. */
export const ourNames = 'svidecar.';
/** Prefix of the context extensions that mean something to the helper. */
const ourExtensions = 'svidecar-';
const documentedExtensions: ReadonlySet<string> = new Set(['svidecar-audience', 'svidecar-skip']);
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
  /** Whether one of them lets requests pass without a token. */
  readonly skips: boolean;
  /** The first that speaks to the helper. */
  readonly told: RouteSetting | undefined;
}

/** By name, one of each kind: thousands of routes that set the same are one setting. */
export function distinctSettings(settings: readonly RouteSetting[]): SettingsOfRoute {
  const byName = new Map<string, Map<string, RouteSetting>>();
  let isSkipping = false;
  let told: RouteSetting | undefined;
  for (const setting of settings) {
    const isSkip = skips(setting);
    const isTold = hasOurExtensions(setting);
    const kind = JSON.stringify([authzEffectOf(setting), isTold, isSkip, asksByHttp(setting)]);
    const kinds = byName.get(setting.name) ?? new Map<string, RouteSetting>();
    if (isTold) told ??= setting;
    if (!kinds.has(kind)) kinds.set(kind, setting);
    byName.set(setting.name, kinds);
    isSkipping ||= isSkip;
  }
  const ours = [...byName.keys()].filter((name) => name.startsWith(ourNames));
  return { byName, ours, skips: isSkipping, told };
}

/** All that a route configuration sets, wherever it stands in it: also where a later Envoy has a level more. */
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

/** The setting itself: a `FilterConfig` around it is looked through. */
function innerOf(setting: Placed): { readonly config: TypedMessage; readonly isOff: boolean } {
  const config = anyOf(setting);
  if (config.type !== filterConfigType) return { config, isOff: false };
  const inner = anyField(config, 'config') ?? { message: {}, path: config.path, type: undefined };
  return { config: inner, isOff: isOn(config.message, 'disabled') };
}

/** @see envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute */
export function authzEffectOf(setting: RouteSetting): AuthzEffect {
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
    extensions.every((key) => documentedExtensions.has(key))
    ? 'documented'
    : 'harmless';
}

/** Whether a setting speaks to the helper. */
export function hasOurExtensions(setting: RouteSetting): boolean {
  return Object.keys(extensionsOf(innerOf(setting).config)).some((key) =>
    key.startsWith(ourExtensions),
  );
}

/** Whether a setting lets requests pass without a token. */
export function skips(setting: Placed): boolean {
  const value = extensionsOf(innerOf(setting).config)['svidecar-skip'];
  return value !== undefined && value !== 'false';
}

/** Whether a setting has an `ext_authz` send requests to an HTTP server. */
export function asksByHttp(setting: Placed): boolean {
  const { message } = innerOf(setting).config;
  return isSet(messageOf(message, 'check_settings'), 'http_service');
}

function extensionsOf(config: Placed): JsonObject {
  return messageOf(messageOf(config.message, 'check_settings'), 'context_extensions');
}
