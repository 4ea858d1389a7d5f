/** Where the routes of a connection manager are: inline, in files of the same ConfigMap, or out of sight. */
import { type ConfigFile, type ConfigFiles, resourcesOf, sourcePath } from './config-file.ts';
import type { Gap, Manager } from './listener.ts';
import {
  type Placed,
  fieldKey,
  messageOf,
  placedField,
  repeatedOf,
  textOf,
} from './proto-field.ts';
import { isSet } from './proto-scalar.ts';

type Routes = Pick<Manager, 'routes' | 'unseenRoutes'>;

/** @throws {AppError} ENVOY_CONFIG_INVALID for a file of routes that cannot be read */
export type RouteReader = (manager: Placed, file: ConfigFile) => Routes;

/** Looks through each file once, however many connection managers name it. */
export function routeReader(files: ConfigFiles): RouteReader {
  const known = new Map<ConfigFile, RouteFile>();
  const open = (path: string | undefined): RouteFile | undefined => {
    const file = path === undefined ? undefined : files.at(path);
    if (file === undefined) return undefined;
    const routes = known.get(file) ?? routeFile(file);
    known.set(file, routes);
    return routes;
  };
  return (manager, file) => routesOf({ manager, file, open });
}

/** Route configurations of a file. */
interface RouteFile {
  readonly all: Routes;
  readonly byName: ReadonlyMap<string, Routes>;
}

interface Reading {
  readonly manager: Placed;
  readonly file: ConfigFile;
  readonly open: (path: string | undefined) => RouteFile | undefined;
}

const none: Routes = { routes: [], unseenRoutes: [] };

function merged(found: readonly Routes[]): Routes {
  const [only] = found;
  // The same list for all that share it.
  if (only !== undefined && found.length === 1) return only;
  return {
    routes: found.flatMap(({ routes }) => routes),
    unseenRoutes: found.flatMap(({ unseenRoutes }) => unseenRoutes),
  };
}

function routeFile(file: ConfigFile): RouteFile {
  const byName = new Map<string, Routes>();
  for (const resource of resourcesOf(file)) {
    const inner = placedField(resource, 'route_configuration');
    const name = textOf(resource.message, 'name') ?? '';
    const before = byName.get(name);
    const routes = whole(inner ?? resource, file);
    byName.set(name, merged(before === undefined ? [routes] : [before, routes]));
  }
  return { all: merged([...byName.values()]), byName };
}

function routesOf(reading: Reading): Routes {
  const { manager, file } = reading;
  const inline = placedField(manager, 'route_config');
  const rds = placedField(manager, 'rds');
  const scoped = placedField(manager, 'scoped_routes');
  const name = textOf(rds?.message, 'route_config_name') ?? '';
  return merged([
    ...(inline === undefined ? [] : [whole(inline, file)]),
    ...(rds === undefined
      ? []
      : [discovered({ holder: rds, field: 'config_source', name }, reading)]),
    ...(scoped === undefined ? [] : scopesOf(scoped, reading)),
  ]);
}

/** A route configuration; its virtual hosts may come on demand. */
function whole(config: Placed, file: ConfigFile): Routes {
  const vhds = placedField(config, 'vhds');
  const unseenRoutes = vhds === undefined ? [] : [unseen(vhds.path, file, 'vhds')];
  return { routes: [{ ...config, file }], unseenRoutes };
}

function scopesOf(scoped: Placed, reading: Reading): readonly Routes[] {
  const list = placedField(scoped, 'scoped_route_configurations_list');
  const scopes = list === undefined ? [] : repeatedOf(list, 'scoped_route_configurations');
  const inline = scopes.flatMap((scope) => placedField(scope, 'route_configuration') ?? []);
  const dynamic = placedField(scoped, 'scoped_rds');
  return [
    ...inline.map((config) => whole(config, reading.file)),
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
): Routes {
  const { holder, field, name } = where;
  const path = sourcePath(messageOf(holder.message, field));
  const source = open(path);
  if (source !== undefined)
    return name === undefined ? source.all : (source.byName.get(name) ?? none);
  const place = `${holder.path}/${fieldKey(holder.message, field)}`;
  return { routes: [], unseenRoutes: [unseen(place, file, path ?? 'a control plane')] };
}

function unseen(path: string, file: ConfigFile, from: string): Gap {
  const what = `its routes come from ${from}, which is not in this ConfigMap`;
  const remedy = 'put them into a file of the same ConfigMap, or write them here';
  return { file, path, what, remedy };
}
