/** Every route of a connection manager, on every level, and where the route leads. */
import { type Json, isArray, isObject } from '#kernel/json.ts';
import { escapeToken } from '../editing/operation.ts';
import { type TypedMessage, anyField } from './any-config.ts';
import { type Gap, type PlacedIn } from './placed-in.ts';
import { type Placed, placedField, repeatedOf, textOf, textsOf } from './proto-field.ts';
import { isSet } from './proto-scalar.ts';

/** A place from which requests are sent on. */
export interface Destination extends PlacedIn {
  /** A cluster's name; undefined where the configuration does not name it. */
  readonly cluster: string | undefined;
  /** What chooses the cluster then, as in `the header "x-to"`. */
  readonly chosenBy: string;
}

/** An `envoy.config.route.v3.Route` with what is around it. */
export interface RouteEntry extends PlacedIn {
  /** Of its virtual host. */
  readonly domains: readonly string[];
  /** Outermost first: route configuration, virtual host, route. */
  readonly around: readonly Placed[];
  /** `Route.route`; undefined where the route answers by itself or redirects. */
  readonly action: Placed | undefined;
  /** Where the route itself leads, its mirrors included. */
  readonly destinations: readonly Destination[];
}

export interface RouteTree {
  readonly routes: readonly RouteEntry[];
  /** Of routes, virtual hosts and route configurations, mirrors included; and what cannot be seen. */
  readonly destinations: readonly Destination[];
  /** Plug-ins that make or change routes, and ends of matchers that are not known: what they set cannot be seen. */
  readonly plugins: readonly PlacedIn[];
}

const routeType = 'envoy.config.route.v3.Route';
const routeListType = 'envoy.config.route.v3.RouteList';

export function routeTreeOf(
  configurations: readonly PlacedIn[],
  unseenRoutes: readonly Gap[],
): RouteTree {
  const trees = configurations.map(treeOfConfiguration);
  return {
    routes: trees.flatMap(({ routes }) => routes),
    plugins: trees.flatMap(({ plugins }) => plugins),
    destinations: [
      ...trees.flatMap(({ destinations }) => destinations),
      ...unseenRoutes.map(({ file, path, what }): Destination =>
        unnamed({ file, path, message: {} }, `routes that cannot be seen here (${what})`),
      ),
    ],
  };
}

function treeOfConfiguration(configuration: PlacedIn): RouteTree {
  const { file } = configuration;
  const hosts = repeatedOf(configuration, 'virtual_hosts');
  const pluginsNamed = pluginReader(configuration);
  const routes = hosts.flatMap((host) => {
    const domains = textsOf(host, 'domains');
    return routesOfHost(host).map((route): RouteEntry => {
      const here = { ...route, file, action: placedField(route, 'route') };
      const destinations = destinationsOfRoute(here, pluginsNamed);
      return { ...here, domains, around: [configuration, host, route], destinations };
    });
  });
  const places = [configuration, ...hosts, ...routes].map((one) => ({ ...one, file }));
  const plugins = [
    ...places.flatMap(specifiersOf),
    ...hosts.flatMap((host) => unseenActions({ ...host, file })),
  ];
  return {
    routes,
    plugins,
    destinations: [
      ...routes.flatMap((route) => route.destinations),
      ...[configuration, ...hosts].flatMap((one) => mirrorsOf({ ...one, file })),
      ...plugins,
    ],
  };
}

function routesOfHost(host: Placed): readonly Placed[] {
  const tree = placedField(host, 'matcher');
  const ends = tree === undefined ? [] : actionsIn(tree);
  return [
    ...repeatedOf(host, 'routes'),
    ...ends.filter(({ type }) => type === routeType),
    ...ends
      .filter(({ type }) => type === routeListType)
      .flatMap((list) => repeatedOf(list, 'routes')),
  ];
}

/** What a tree of matchers ends in: the messages under `action`. */
function actionsIn(tree: Placed): readonly TypedMessage[] {
  return Object.entries(tree.message).flatMap(([key, member]): readonly TypedMessage[] => {
    const inner = placedMembers(member ?? null, `${tree.path}/${escapeToken(key)}`);
    if (key !== 'action') return inner.flatMap(actionsIn);
    return inner.flatMap((action) => anyField(action, 'typed_config') ?? []);
  });
}

function placedMembers(value: Json, path: string): readonly Placed[] {
  if (isObject(value)) return [{ message: value, path }];
  if (!isArray(value)) return [];
  return value.flatMap((item, index) => placedMembers(item, `${path}/${index}`));
}

function unseenActions(host: PlacedIn): readonly Destination[] {
  const tree = placedField(host, 'matcher');
  if (tree === undefined) return [];
  return actionsIn(tree)
    .filter(({ type }) => type !== routeType && type !== routeListType)
    .map((action) =>
      unnamed({ ...action, file: host.file }, 'an action that svidecar does not know'),
    );
}

/** Plug-ins that make or change routes while Envoy runs. */
function specifiersOf(holder: PlacedIn): readonly Destination[] {
  return repeatedOf(holder, 'route_specifiers').map((one) =>
    unnamed({ ...one, file: holder.file }, pluginTitle(one)),
  );
}

function destinationsOfRoute(
  route: PlacedIn & Pick<RouteEntry, 'action'>,
  pluginsNamed: PluginReader,
): readonly Destination[] {
  const { file, action } = route;
  if (action === undefined) {
    const other = placedField(route, 'filter_action');
    return other === undefined ? [] : [unnamed({ ...other, file }, 'a filter (filter_action)')];
  }
  const here: PlacedIn = { ...action, file };
  const weighted = placedField(action, 'weighted_clusters');
  return [
    ...named(here, 'cluster'),
    ...byHeader(here),
    ...(weighted === undefined ? [] : repeatedOf(weighted, 'clusters')).flatMap((one) => [
      ...named({ ...one, file }, 'name'),
      ...byHeader({ ...one, file }),
    ]),
    ...byPlugin(here, pluginsNamed),
    ...mirrorsOf(here),
  ];
}

function mirrorsOf(holder: PlacedIn): readonly Destination[] {
  return repeatedOf(holder, 'request_mirror_policies').flatMap((one) => {
    const policy: PlacedIn = { ...one, file: holder.file };
    return [...named(policy, 'cluster'), ...byHeader(policy)];
  });
}

function named(holder: PlacedIn, field: string): readonly Destination[] {
  const cluster = textOf(holder.message, field);
  // proto3: an empty string means absent.
  return cluster === undefined || cluster === '' ? [] : [{ ...holder, cluster, chosenBy: '' }];
}

function byHeader(holder: PlacedIn): readonly Destination[] {
  const header = textOf(holder.message, 'cluster_header');
  if (header === undefined || header === '') return [];
  return [unnamed(holder, `the header "${header}" of each request`)];
}

function unnamed(place: PlacedIn, chosenBy: string): Destination {
  return { ...place, cluster: undefined, chosenBy };
}

/** Where a plug-in of this name leads; undefined where there is none. */
type PluginReader = (name: string) => readonly Destination[] | undefined;

/** Reports where each leads only once: several routes may name one. */
function pluginReader(configuration: PlacedIn): PluginReader {
  const { file } = configuration;
  const listed = repeatedOf(configuration, 'cluster_specifier_plugins').flatMap(
    (one) => placedField(one, 'extension') ?? [],
  );
  const byName = Map.groupBy(listed, ({ message }) => textOf(message, 'name'));
  const said = new Set<string>();
  return (name) => {
    const found = byName.get(name);
    if (found === undefined || said.has(name)) return found === undefined ? undefined : [];
    said.add(name);
    return found.flatMap((plugin) => clustersOfPlugin({ ...plugin, file }));
  };
}

/** `cluster_specifier_plugin` names a plug-in of the route configuration; the other field holds one. */
function byPlugin(action: PlacedIn, pluginsNamed: PluginReader): readonly Destination[] {
  const inline = placedField(action, 'inline_cluster_specifier_plugin');
  const own = inline === undefined ? undefined : placedField(inline, 'extension');
  if (own !== undefined) return clustersOfPlugin({ ...own, file: action.file });
  const name = textOf(action.message, 'cluster_specifier_plugin') ?? '';
  if (name === '') return [];
  return pluginsNamed(name) ?? [unnamed(action, `the plug-in "${name}"`)];
}

const plugins = 'envoy.extensions.router.cluster_specifiers.';

/** Two plug-ins name their clusters; the others work them out. */
function clustersOfPlugin(plugin: PlacedIn): readonly Destination[] {
  const { file } = plugin;
  const config = anyField(plugin, 'typed_config');
  const unknown = unnamed(plugin, pluginTitle(plugin));
  if (config?.type === `${plugins}matcher.v3.MatcherClusterSpecifier`) {
    const tree = placedField(config, 'cluster_matcher');
    const found = tree === undefined ? [] : actionsIn(tree);
    return found.flatMap((action) => {
      const place: PlacedIn = { ...action, file };
      return action.type === `${plugins}matcher.v3.ClusterAction`
        ? named(place, 'cluster')
        : [unknown];
    });
  }
  if (config?.type === `${plugins}priority_group.v3.PriorityGroupClusterSpecifier`) {
    const found = repeatedOf(config, 'priority_groups')
      .flatMap((group) => repeatedOf(group, 'clusters'))
      .flatMap((one) => named({ ...one, file }, 'cluster_name'));
    const isOverridden = isSet(config.message, 'override_metadata_namespace');
    return isOverridden ? [...found, unknown] : found;
  }
  return [unknown];
}

function pluginTitle(plugin: Placed): string {
  return `the plug-in "${textOf(plugin.message, 'name') ?? ''}"`;
}
