/**
 * Under which name a filter is added, and whether what routes set under a name reaches it. Ours have names of their own,
 * so that nobody who switches off their own filter switches ours off.
 */
import type { JsonObject } from '#kernel/json.ts';
import { invalid, warningAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { type EnvoyVersion, isOlder } from './envoy-version.ts';
import { authzFilterType } from './http-filters.ts';
import type { Manager } from './listener.ts';
import type { Gap } from './placed-in.ts';
import { messageOf, textOf, typeNameOf } from './proto-field.ts';
import { type RouteSetting, authzEffectOf, isMeantFor } from './route-settings.ts';
import { type SettingsView, settingsUnder } from './settings-view.ts';

/** The first Envoy that no longer gives a filter the settings under its usual name. */
const ownNamesOnly: EnvoyVersion = { major: 1, minor: 29 };
const matcherType = 'envoy.extensions.common.matching.v3.ExtensionWithMatcher';

export interface NameContext {
  readonly manager: Manager;
  readonly settings: SettingsView;
  /** Names of all filters that templates add. */
  readonly added: ReadonlySet<string>;
  /** Absent: unknown. */
  readonly version: EnvoyVersion | undefined;
}

export interface NamedFilter {
  /** The `HttpFilter`, under the name that it gets here. */
  readonly filter: JsonObject;
  readonly warnings: readonly EnvoyWarning[];
}

/** The name by which Envoy calls filters of a type: `envoy.filters.http.ext_authz`. */
function usualNameOf(type: string): string | undefined {
  if (type === matcherType) return 'envoy.filters.http.match_delegate';
  const [, name] = /^envoy\.extensions\.filters\.http\.([a-z0-9_]+)\.v\d+\./.exec(type) ?? [];
  return name === undefined ? undefined : `envoy.filters.http.${name}`;
}

/**
 * Decides from what the routes of a connection manager set. A filter takes the usual name only where that is free and
 * all settings under it are context extensions that the addition states.
 * @throws {AppError} ENVOY_CONFIG_INVALID for a setting that would let requests pass, or that would have no effect
 */
export function nameFilter(addition: FilterAddition, context: NameContext): NamedFilter {
  const { settings, added } = context;
  const { routes, filter } = addition;
  const type = typeNameOf(messageOf(filter, 'typed_config')) ?? '';
  const own = textOf(filter, 'name') ?? '';
  const isTaken = settings.filters.has(authzName) || added.has(authzName);
  const mine = { addition, own, isAuthz: type === authzFilterType, isTaken };
  refuseOpening(settings, mine);
  refuseUnknown(context);
  if (mine.isAuthz) refuseMisplaced(settings, mine);
  else refuseUnheard(settings, mine);
  const usual = usualNameOf(type) ?? '';
  const foreign = own === usual ? [] : settingsUnder(settings, usual);
  if (takesUsualName(foreign, mine)) {
    refuseBoth(settings, own);
    return { filter: { ...filter, name: authzName }, warnings: [] };
  }
  const isJudged = (one: RouteSetting): boolean =>
    !mine.isAuthz || authzEffectOf(one, routes) === 'opens';
  return { filter, warnings: reachesOf(foreign.filter(isJudged), own, context) };
}

const authzName = 'envoy.filters.http.ext_authz';

/** Where no filter has the usual name, and all settings under it are for the addition. */
function takesUsualName(
  foreign: readonly RouteSetting[],
  { addition, isAuthz, isTaken }: OwnFilter,
): boolean {
  if (!isAuthz || isTaken || foreign.length === 0) return false;
  return foreign.every((one) => authzEffectOf(one, addition.routes) === 'documented');
}

const otherwise = 'remove it';

/** An addition's filter. */
interface OwnFilter {
  readonly addition: FilterAddition;
  /** Its own name. */
  readonly own: string;
  readonly isAuthz: boolean;
  /** Whether another filter has the usual name of `ext_authz`. */
  readonly isTaken: boolean;
}

/** Under the filter's own name: a request must not pass because of it. */
function refuseOpening(settings: SettingsView, { addition, own, isAuthz }: OwnFilter): void {
  const { rule, routes, advice } = addition;
  const open = settingsUnder(settings, own).find(
    (one) => !isAuthz || authzEffectOf(one, routes) === 'opens',
  );
  if (open === undefined) return;
  const what = isAuthz
    ? ` that lets requests pass without ${rule}`
    : `, which ${rule} adds for all routes alike`;
  throw invalid(open.file, open.path, {
    reason: isAuthz || routes === undefined ? 'route_opens' : 'setting_without_ext_authz',
    why: `a route sets something for ${own}${what}; ${advice?.setting ?? otherwise}`,
  });
}

/** A name of ours that no filter has: a misspelling would be ignored silently. */
function refuseUnknown({ settings, added }: NameContext): void {
  const { parts, filters } = settings;
  const isWrong = (name: string): boolean => !added.has(name) && !filters.has(name);
  const wrong = parts.map(({ ours }) => ours.find(isWrong)).find((name) => name !== undefined);
  const [unknown] = settingsUnder(settings, wrong ?? '');
  if (unknown === undefined) return;
  const names = [...added].join(', ');
  throw invalid(unknown.file, unknown.path, {
    reason: 'setting_for_no_filter',
    why: `a route sets something for ${unknown.name}, and there is no such filter; those of svidecar here are: ${names}`,
  });
}

/** Settings under the usual name of `ext_authz` that are meant for the addition, or for a filter that is not there. */
function refuseMisplaced(settings: SettingsView, { addition, own, isTaken }: OwnFilter): void {
  const { rule, routes, advice } = addition;
  if (routes === undefined) return;
  const usual = settingsUnder(settings, authzName);
  if (isTaken) {
    const meant = usual.find((one) => isMeantFor(routes, one));
    if (meant === undefined) return;
    throw invalid(meant.file, meant.path, {
      reason: 'setting_under_other_filter',
      why: `${routes.prefix} settings are under ${authzName}, which is another filter here, so that they would not reach ${rule}; write them under ${own}`,
    });
  }
  const lost = usual.find((one) => authzEffectOf(one, routes) === 'opens');
  if (lost === undefined) return;
  throw invalid(lost.file, lost.path, {
    reason: 'setting_for_no_filter',
    why: `a route sets something for ${authzName} (typed_per_filter_config), and no filter has this name; ${advice?.setting ?? otherwise}`,
  });
}

/** Settings of `ext_authz` that are meant for the addition, which is another filter here and does not get them. */
function refuseUnheard(settings: SettingsView, { addition, isTaken }: OwnFilter): void {
  const { rule, routes, advice } = addition;
  if (routes === undefined) return;
  const usual = settingsUnder(settings, authzName);
  const lost = isTaken ? usual.find((one) => isMeantFor(routes, one)) : usual[0];
  if (lost === undefined) return;
  const what = isTaken
    ? `${routes.prefix} settings of a route do not reach ${rule}, which treats all routes alike here`
    : `a route sets something for ${authzName} (typed_per_filter_config), and no filter has this name, so that ${rule} would treat the route as all others`;
  throw invalid(lost.file, lost.path, {
    reason: 'setting_without_ext_authz',
    why: `${what}; ${advice?.setting ?? otherwise}`,
  });
}

function refuseBoth(settings: SettingsView, own: string): void {
  const [other] = settingsUnder(settings, own);
  if (other === undefined) return;
  const why = `routes set something for ${own} and for ${authzName}, and one filter cannot have both names; write all of it under ${own}`;
  throw invalid(other.file, other.path, { reason: 'settings_under_two_names', why });
}

function isOwnNamesOnly(version: EnvoyVersion | undefined): boolean {
  return version !== undefined && !isOlder(version, ownNamesOnly);
}

/** What older Envoys do with settings under the usual name of a filter's type. */
function reachesOf(
  settings: readonly RouteSetting[],
  own: string,
  { version }: NameContext,
): readonly EnvoyWarning[] {
  if (isOwnNamesOnly(version)) return [];
  return settings.map(({ name, file, path }) =>
    warningAt(
      'setting_reaches_older_envoy',
      { file, path },
      `an Envoy before 1.29 uses what a route sets for ${name} for ${own} as well, and then requests can pass without it; use Envoy 1.29 or later, with an image whose tag says so`,
    ),
  );
}

/** What makes or changes routes while Envoy runs. */
function pluggedIn(manager: Manager): Gap | undefined {
  const plugin = manager.routes.find(({ plugins }) => plugins.length > 0)?.plugins[0];
  if (plugin === undefined) return undefined;
  const what = 'a plug-in makes or changes routes here (route_specifiers, or an end of a matcher)';
  return { ...plugin, what, remedy: 'write the routes out' };
}

/** Routes that cannot be read could switch a filter off by its name; one warning for a connection manager. */
export function checkUnseen(
  { rule }: FilterAddition,
  name: string,
  { manager, version }: Pick<NameContext, 'manager' | 'version'>,
): readonly EnvoyWarning[] {
  const gap =
    manager.routes.find(({ unseen }) => unseen.length > 0)?.unseen[0] ?? pluggedIn(manager);
  if (gap === undefined) return [];
  const { file, path, what, remedy } = gap;
  const older = isOwnNamesOnly(version)
    ? ''
    : ', and an Envoy before 1.29 has it switched off by what they set under the usual name of its type as well';
  return [
    warningAt(
      'routes_not_seen',
      { file, path },
      `${what}, so nothing here tells whether they switch the filter of ${rule} off by its name (typed_per_filter_config, ${name})${older}: ${remedy}, or make sure that nothing is set there for this name`,
    ),
  ];
}
