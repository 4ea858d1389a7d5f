/** Where the HTTP connection managers of a configuration are, and which ways through a listener lead past all of them. */
import type { JsonObject } from '#kernel/json.ts';
import { type TypedMessage, anyField } from './any-config.ts';
import { type ConfigFile, type ConfigFiles, invalid, resourcesOf } from './config-file.ts';
import { managerType, managerWrappers } from './filter-lists.ts';
import { type FilterList, type Listener, type Manager } from './listener.ts';
import { type Gap } from './placed-in.ts';
import { type Placed, fieldKey, placedField, repeatedOf, textOf } from './proto-field.ts';
import { isOneOf, isSet } from './proto-scalar.ts';
import { type RouteReader, routeReader } from './route-sources.ts';

/** Network filters that end a connection by themselves: nothing passes them to an app. */
const deadEnds: ReadonlySet<string> = new Set([
  'envoy.extensions.filters.network.direct_response.v3.Config',
  'envoy.extensions.filters.network.echo.v3.Echo',
]);
const oldApi =
  'this is the v2 API, which Envoy dropped in 1.17; write it with the v3 API (typed_config with a v3 @type)';
const tcpRemedy =
  'only HTTP requests can carry a token: end it with an HTTP connection manager, or exclude it from what this rule is for';

/** @throws {AppError} ENVOY_CONFIG_INVALID for the v2 API, and for a connection manager without HTTP filters */
export function findListeners(files: ConfigFiles): readonly Listener[] {
  const fixed = placedField(files.main.root, 'static_resources');
  const { main, listeners: file } = files;
  const routesOf = routeReader(files);
  const inMain = fixed === undefined ? [] : repeatedOf(fixed, 'listeners');
  const discovered = file === undefined ? [] : resourcesOf(file);
  return [
    ...inMain.map((one) => listenerOf(one, main, routesOf)),
    ...discovered.map((one) => listenerOf(one, file ?? main, routesOf)),
  ];
}

/** What was found in a part of a listener. */
interface Found {
  readonly managers: readonly Manager[];
  readonly gaps: readonly Gap[];
}

function listenerOf(listener: Placed, file: ConfigFile, routesOf: RouteReader): Listener {
  const chains = repeatedOf(listener, 'filter_chains').map((chain, index) => ({
    chain,
    title: textOf(chain.message, 'name') ?? String(index + 1),
  }));
  const last = placedField(listener, 'default_filter_chain');
  const found = [
    ...chains.map(({ chain, title }) =>
      chainOf({ chain, title: `filter chain ${title}` }, file, routesOf),
    ),
    ...(last === undefined
      ? []
      : [chainOf({ chain: last, title: 'the default filter chain' }, file, routesOf)]),
    apiListenerOf(listener, file, routesOf),
    discoveredChains(listener, file),
  ];
  return {
    ...listener,
    file,
    name: textOf(listener.message, 'name'),
    direction: directionOf(listener.message),
    managers: found.flatMap(({ managers }) => managers),
    gaps: found.flatMap(({ gaps }) => gaps),
  };
}

/** The last network filter of a chain takes the requests; those before it only observe. */
function chainOf(
  { chain, title }: { readonly chain: Placed; readonly title: string },
  file: ConfigFile,
  routesOf: RouteReader,
): Found {
  const filters = repeatedOf(chain, 'filters');
  const configs = filters.map((filter) => typedConfigOf(filter, file));
  const found = configs.map((config) => managerIn(config, { file, chain: chain.path }, routesOf));
  const managers = found.flat();
  const last = filters.at(-1);
  const type = configs.at(-1)?.type;
  if (last === undefined || found.at(-1)?.length === 1) return { managers, gaps: [] };
  if (type !== undefined && deadEnds.has(type)) return { managers, gaps: [] };
  const name = textOf(last.message, 'name') ?? 'without a name';
  const gap = { file, path: last.path };
  if (isSet(last.message, 'config_discovery')) {
    const what = `the last network filter of ${title}, ${name}, comes from config_discovery and cannot be seen`;
    const remedy =
      'write it here as an HTTP connection manager, or have its control plane add the filter';
    return { managers, gaps: [{ ...gap, what, remedy }] };
  }
  const what = `${title} ends with ${name}${type === undefined ? '' : ` (${type})`}, which is not an HTTP connection manager`;
  return { managers, gaps: [{ ...gap, what, remedy: tcpRemedy }] };
}

function apiListenerOf(listener: Placed, file: ConfigFile, routesOf: RouteReader): Found {
  const outer = placedField(listener, 'api_listener');
  const config = outer === undefined ? undefined : anyField(outer, 'api_listener');
  if (config === undefined) return { managers: [], gaps: [] };
  const managers = managerIn(config, { file, chain: undefined }, routesOf);
  if (managers.length > 0) return { managers, gaps: [] };
  const what = `api_listener is ${config.type ?? 'of no type'}, which is not an HTTP connection manager`;
  return { managers, gaps: [{ file, path: config.path, what, remedy: tcpRemedy }] };
}

function discoveredChains(listener: Placed, file: ConfigFile): Found {
  if (!isSet(listener.message, 'fcds_config')) {
    return { managers: [], gaps: [] };
  }
  const path = `${listener.path}/${fieldKey(listener.message, 'fcds_config')}`;
  const what = 'fcds_config brings more filter chains from a control plane, which cannot be seen';
  const remedy = 'write them here, or have the control plane add the filter';
  return { managers: [], gaps: [{ file, path, what, remedy }] };
}

/** Of envoy.config.core.v3.TrafficDirection. */
const inbound = [{ name: 'INBOUND', number: 1 }];
const outbound = [{ name: 'OUTBOUND', number: 2 }];

function directionOf(listener: JsonObject): Listener['direction'] {
  if (isOneOf(listener, 'traffic_direction', inbound)) return 'inbound';
  return isOneOf(listener, 'traffic_direction', outbound) ? 'outbound' : undefined;
}

/** The typed configuration of a network or HTTP filter; undefined when it comes by discovery or is absent. */
function typedConfigOf(filter: Placed, file: ConfigFile): TypedMessage | undefined {
  const name = textOf(filter.message, 'name') ?? 'without a name';
  if (Object.hasOwn(filter.message, 'config')) {
    throw invalid(file, `${filter.path}/config`, {
      reason: 'old_api',
      why: `filter ${name} has "config": ${oldApi}`,
    });
  }
  const config = anyField(filter, 'typed_config');
  if (config === undefined) {
    if (name !== 'envoy.http_connection_manager') return undefined;
    throw invalid(file, filter.path, {
      reason: 'old_api',
      why: `filter ${name} has no typed_config: ${oldApi}`,
    });
  }
  if (config.type === undefined) {
    throw invalid(file, config.path, {
      reason: 'typed_config_without_type',
      why: `typed_config of filter ${name} has no "@type"; without it Envoy cannot read it: add the v3 type`,
    });
  }
  if (/^envoy\.(?:config\.filter\.|api\.v2\.)/.test(config.type)) {
    const path = `${config.path}/@type`;
    throw invalid(file, path, {
      reason: 'old_api',
      why: `filter ${name} is of type ${config.type}: ${oldApi}`,
    });
  }
  return config;
}

type ManagerPlace = Pick<Manager, 'file' | 'chain'>;

/** The connection manager that a configuration is, or wraps. */
function managerIn(
  config: TypedMessage | undefined,
  at: ManagerPlace,
  routesOf: RouteReader,
): readonly Manager[] {
  if (config?.type === undefined) return [];
  if (config.type === managerType) return [managerOf(config, at, routesOf)];
  const field = managerWrappers.get(config.type);
  const inner = field === undefined ? undefined : placedField(config, field);
  return inner === undefined ? [] : [managerOf(inner, at, routesOf)];
}

function managerOf({ message, path }: Placed, at: ManagerPlace, routesOf: RouteReader): Manager {
  const { file } = at;
  const place = { message, path };
  const main = listOf(place, { field: 'http_filters', title: 'http_filters' }, file);
  if (main === undefined) {
    throw invalid(file, path, {
      reason: 'manager_without_filters',
      why: 'this connection manager has no http_filters; give it at least the terminal one, envoy.filters.http.router',
    });
  }
  const upgrades = repeatedOf(place, 'upgrade_configs').flatMap((upgrade) => {
    const title =
      `the filters of upgrade ${textOf(upgrade.message, 'upgrade_type') ?? ''}`.trimEnd();
    return listOf(upgrade, { field: 'filters', title }, file) ?? [];
  });
  return { ...place, ...at, lists: [main, ...upgrades], routes: routesOf(place, file) };
}

/** A list of HTTP filters; undefined when it is empty: an upgrade then runs through `http_filters`. */
function listOf(
  holder: Placed,
  { field, title }: { readonly field: string; readonly title: string },
  file: ConfigFile,
): FilterList | undefined {
  const filters = repeatedOf(holder, field);
  if (filters.length === 0) return undefined;
  const path = `${holder.path}/${fieldKey(holder.message, field)}`;
  if (filters.some((filter, index) => filter.path !== `${path}/${index}`)) {
    const isSingle = filters[0]?.path === path;
    throw invalid(file, path, {
      reason: 'filters_not_a_list',
      why: `${title} ${isSingle ? 'is a single filter; write it as a list' : 'has lists in it; write it as one list of filters'}, so that another can be added`,
    });
  }
  for (const filter of filters) typedConfigOf(filter, file);
  return { path, title, filters };
}
