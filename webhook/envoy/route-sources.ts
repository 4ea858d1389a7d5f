/** Where the routes of a connection manager are: inline, in files of the same ConfigMap, or out of sight. */
import { type ConfigFile, type ConfigFiles, resourcesOf, sourcePath } from './config-file.ts';
import type { Gap, Manager, PlacedIn } from './listener.ts';
import {
  type Placed,
  fieldKey,
  fieldOf,
  messageOf,
  placedField,
  repeatedOf,
} from './proto-field.ts';

type Routes = Pick<Manager, 'routes' | 'unseenRoutes'>;

/** @throws {AppError} ENVOY_CONFIG_INVALID for a file of routes that cannot be read */
export function routesOf(manager: Placed, file: ConfigFile, files: ConfigFiles): Routes {
  const inline = placedField(manager, 'route_config');
  const rds = placedField(manager, 'rds');
  const scoped = placedField(manager, 'scoped_routes');
  const found = [
    ...(inline === undefined ? [] : [whole(inline, file)]),
    ...(rds === undefined
      ? []
      : [discovered({ holder: rds, field: 'config_source' }, file, files)]),
    ...(scoped === undefined ? [] : scopesOf(scoped, file, files)),
  ];
  return {
    routes: found.flatMap(({ routes }) => routes),
    unseenRoutes: found.flatMap(({ unseenRoutes }) => unseenRoutes),
  };
}

/** A route configuration; its virtual hosts may come on demand. */
function whole(config: Placed, file: ConfigFile): Routes {
  const vhds = placedField(config, 'vhds');
  const unseenRoutes = vhds === undefined ? [] : [unseen(vhds.path, file, 'vhds')];
  return { routes: [{ ...config, file }], unseenRoutes };
}

function scopesOf(scoped: Placed, file: ConfigFile, files: ConfigFiles): readonly Routes[] {
  const list = placedField(scoped, 'scoped_route_configurations_list');
  const scopes = list === undefined ? [] : repeatedOf(list, 'scoped_route_configurations');
  const inline = scopes.flatMap((scope) => placedField(scope, 'route_configuration') ?? []);
  const dynamic = placedField(scoped, 'scoped_rds');
  return [
    ...inline.map((config) => whole(config, file)),
    ...(fieldOf(scoped.message, 'rds_config_source') === undefined
      ? []
      : [discovered({ holder: scoped, field: 'rds_config_source' }, file, files)]),
    ...(dynamic === undefined
      ? []
      : [discovered({ holder: dynamic, field: 'scoped_rds_config_source' }, file, files)]),
  ];
}

/** The resources of a file that a `ConfigSource` names. */
function discovered(
  { holder, field }: { readonly holder: Placed; readonly field: string },
  file: ConfigFile,
  files: ConfigFiles,
): Routes {
  const path = sourcePath(messageOf(holder.message, field));
  const source = path === undefined ? undefined : files.at(path);
  if (source === undefined) {
    const place = `${holder.path}/${fieldKey(holder.message, field)}`;
    return { routes: [], unseenRoutes: [unseen(place, file, path ?? 'a control plane')] };
  }
  const found = resourcesOf(source)
    .map((resource): Placed => placedField(resource, 'route_configuration') ?? resource)
    .map((config) => whole(config, source));
  const routes: readonly PlacedIn[] = found.flatMap((one) => one.routes);
  return { routes, unseenRoutes: found.flatMap((one) => one.unseenRoutes) };
}

function unseen(path: string, file: ConfigFile, from: string): Gap {
  const what = `its routes come from ${from}, which is not in this ConfigMap`;
  const remedy = 'put them into a file of the same ConfigMap, or write them here';
  return { file, path, what, remedy };
}
