/** Where the routes of a connection manager are: inline, in files of the same ConfigMap, or out of sight. */
import { type ConfigFile, type ConfigFiles, resourcesOf, sourcePath } from './config-file.ts';
import { onceFor } from '#kernel/once.ts';
import type { Gap, PlacedIn } from './placed-in.ts';
import {
  type Placed,
  fieldKey,
  messageOf,
  placedField,
  repeatedOf,
  textOf,
} from './proto-field.ts';
import { isSet } from './proto-scalar.ts';
import { type RouteChoices, choicesIn } from './route-choices.ts';
import { type RouteSetting, settingsIn } from './route-settings.ts';
import { type RouteTree, routeTreeOf } from './route-tree.ts';

/** Route configurations that come from one place, visited once; everything that names the place shares this object. */
export interface RouteSource extends RouteTree {
  /** Those that can be read. */
  readonly configurations: readonly PlacedIn[];
  /** Where others come from. */
  readonly unseen: readonly Gap[];
  readonly settings: readonly RouteSetting[];
  readonly choices: RouteChoices;
}

/** @throws {AppError} ENVOY_CONFIG_INVALID for a file of routes that cannot be read */
export type RouteReader = (manager: Placed, file: ConfigFile) => readonly RouteSource[];

/** Visits each file once, however many connection managers name it. */
export function routeReader(files: ConfigFiles): RouteReader {
  const read = onceFor(routeFile);
  const open = (path: string | undefined): RouteFile | undefined => {
    const file = path === undefined ? undefined : files.at(path);
    return file === undefined ? undefined : read(file);
  };
  return (manager, file) => routesOf({ manager, file, open });
}

/** Route configurations of a file. */
interface RouteFile {
  readonly all: () => RouteSource;
  readonly byName: (name: string) => RouteSource;
}

interface Reading {
  readonly manager: Placed;
  readonly file: ConfigFile;
  readonly open: (path: string | undefined) => RouteFile | undefined;
}

function routeFile(file: ConfigFile): RouteFile {
  const found = resourcesOf(file).map((resource) => ({
    name: textOf(resource.message, 'name') ?? '',
    config: placedField(resource, 'route_configuration') ?? resource,
  }));
  const byName = Map.groupBy(found, ({ name }) => name);
  const named = onceFor((of: readonly (typeof found)[number][]) =>
    sourceOf({ configurations: of.map(({ config }) => config), file }),
  );
  return { all: () => named(found), byName: (name) => named(byName.get(name) ?? noneOfThem) };
}

const noneOfThem: readonly never[] = [];

interface Parts {
  readonly configurations: readonly Placed[];
  readonly file: ConfigFile;
  readonly unseen?: readonly Gap[];
}

function sourceOf(parts: Parts): RouteSource {
  const { file } = parts;
  const configurations = parts.configurations.map((one): PlacedIn => ({ ...one, file }));
  // Virtual hosts may come on demand.
  const unseen = [
    ...(parts.unseen ?? []),
    ...configurations
      .flatMap((one) => placedField(one, 'vhds') ?? [])
      .map(({ path }) => unseenAt(path, file, 'vhds')),
  ];
  const settings = configurations.flatMap(settingsIn);
  return {
    configurations,
    unseen,
    ...routeTreeOf(configurations, unseen),
    settings,
    choices: choicesIn(settings),
  };
}

/** The inline routes of a connection manager are one source, whichever fields they are in. */
function routesOf(reading: Reading): readonly RouteSource[] {
  const { manager, file } = reading;
  const inline = placedField(manager, 'route_config');
  const rds = placedField(manager, 'rds');
  const scoped = placedField(manager, 'scoped_routes');
  const name = textOf(rds?.message, 'route_config_name') ?? '';
  const own = [...(inline === undefined ? [] : [inline]), ...scopesOf(scoped)];
  const found = [
    ...(own.length === 0 ? [] : [sourceOf({ configurations: own, file })]),
    ...(rds === undefined
      ? []
      : [discovered({ holder: rds, field: 'config_source', name }, reading)]),
    ...(scoped === undefined ? [] : discoveredScopes(scoped, reading)),
  ];
  return [...new Set(found)];
}

function scopesOf(scoped: Placed | undefined): readonly Placed[] {
  const list =
    scoped === undefined ? undefined : placedField(scoped, 'scoped_route_configurations_list');
  const scopes = list === undefined ? [] : repeatedOf(list, 'scoped_route_configurations');
  return scopes.flatMap((scope) => placedField(scope, 'route_configuration') ?? []);
}

function discoveredScopes(scoped: Placed, reading: Reading): readonly RouteSource[] {
  const dynamic = placedField(scoped, 'scoped_rds');
  return [
    ...(!isSet(scoped.message, 'rds_config_source')
      ? []
      : [discovered({ holder: scoped, field: 'rds_config_source' }, reading)]),
    ...(dynamic === undefined
      ? []
      : [discovered({ holder: dynamic, field: 'scoped_rds_config_source' }, reading)]),
  ];
}

/** The resources of a file that a `ConfigSource` names: that of one name, or all. */
function discovered(
  where: { readonly holder: Placed; readonly field: string; readonly name?: string },
  { file, open }: Reading,
): RouteSource {
  const { holder, field, name } = where;
  const path = sourcePath(messageOf(holder.message, field));
  const source = open(path);
  if (source !== undefined) return name === undefined ? source.all() : source.byName(name);
  const place = `${holder.path}/${fieldKey(holder.message, field)}`;
  const unseen = [unseenAt(place, file, path ?? 'a control plane')];
  return sourceOf({ configurations: [], file, unseen });
}

function unseenAt(path: string, file: ConfigFile, from: string): Gap {
  const what = `its routes come from ${from}, which is not in this ConfigMap`;
  const remedy = 'put them into a file of the same ConfigMap, or write them here';
  return { file, path, what, remedy };
}
