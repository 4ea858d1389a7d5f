/** What happens to a request behind the list that our filter is in: routes, filters of clusters, logs. */
import { type Json, isObject } from '#kernel/json.ts';
import { anyOf } from './any-config.ts';
import { type KnownCluster, isLocal } from './clusters.ts';
import { addressesOf, chosenByRequest } from './cluster-transport.ts';
import { warningAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { checkShown } from './check-shown.ts';
import { configsOf } from './judge-filter.ts';
import { type Listener, titleOf } from './listener.ts';
import { onceFor } from '#kernel/once.ts';
import type { PlacedIn } from './placed-in.ts';
import { checkLater, exemptPath } from './place-filter.ts';
import { type Placed, fieldOf, messageOf, placedField, repeatedOf, textOf } from './proto-field.ts';
import { type EnvoySurroundings, routesOf } from './reach.ts';
import { skips } from './route-settings.ts';
import type { SettingsReader, SettingsView } from './settings-view.ts';
import type { RouteEntry } from './route-tree.ts';
import { mostNames } from './short-list.ts';

interface Search {
  readonly surroundings: EnvoySurroundings;
  /** What was visited for this rule; filled. */
  readonly behind: Behind;
  readonly settingsOf: SettingsReader;
}

/** What many listeners share is visited once for each check. */
export interface Behind {
  readonly seen: Readonly<
    Record<'copied' | 'rewritten' | 'exempting' | 'checking' | 'shown', Set<object>>
  >;
  /** The first clusters outside the pod that get copies of requests, by the place that configures it. */
  readonly mirrorsOf: (holder: Placed) => readonly string[];
  readonly isSkipping: (holder: Placed) => boolean;
  /** Whether a cluster is not in the pod itself. */
  readonly isForeign: (name: string) => boolean;
  /** Where a cluster of a name leads: the same number for the same destination. */
  readonly endOf: (name: string) => number;
}

/** @param clusters all of the configuration */
export function startBehind({ routes }: FilterAddition, clusters: readonly KnownCluster[]): Behind {
  const isForeign = foreignTo(clusters);
  const endOf = endsOf(clusters);
  return {
    seen: {
      copied: new Set(),
      rewritten: new Set(),
      exempting: new Set(),
      checking: new Set(),
      shown: new Set(),
    },
    mirrorsOf: onceFor((holder) => {
      const mirrors = repeatedOf(holder, 'request_mirror_policies');
      const names = mirrors.flatMap(({ message }) => textOf(message, 'cluster') ?? []);
      const foreign = [...new Set(names)].filter(isForeign);
      const [first = ''] = foreign;
      const other = foreign.find((name) => endOf(name) !== endOf(first));
      return [...foreign.slice(0, mostNames), ...(other === undefined ? [] : [other])];
    }),
    isSkipping: onceFor((holder) => skipsAt(holder, routes)),
    isForeign,
    endOf,
  };
}

/** A number for each destination: endpoint texts are long, and many routes name the same ones. */
function endsOf(clusters: readonly KnownCluster[]): Behind['endOf'] {
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  const numbers = new Map<string, number>();
  return onceFor((name) => {
    const cluster = byName.get(name);
    const text = cluster === undefined ? name : endTextOf(cluster);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    return number;
  });
}

/** Names of clusters that are not in the pod itself. */
function foreignTo(clusters: readonly KnownCluster[]): (name: string) => boolean {
  const local = new Set(clusters.filter(({ message }) => isLocal(message)).map(({ name }) => name));
  return (name) => name !== '' && !local.has(name);
}

/** Whether some requests pass unchecked: by the addition itself, or by what a route sets. */
export function exempts(addition: FilterAddition, settings: SettingsView): boolean {
  if (addition.exemptsPaths === true) return true;
  return addition.direction === 'inbound' && settings.skips;
}

/** Warnings about one rule in one listener. */
export function checkBehind(
  addition: FilterAddition,
  listener: Listener,
  search: Search,
): readonly EnvoyWarning[] {
  const some = listener.managers.some((manager) =>
    exempts(addition, search.settingsOf(manager, addition.routes)),
  );
  const later = some || addition.carriesToken === true ? laterFilters(listener, search, some) : [];
  return [
    ...later.flatMap((filter) => checkLater(addition, filter, some)),
    ...(some ? rewritten(addition, listener, search.behind) : []),
    ...(addition.carriesToken === true
      ? checkShown(addition, listener, newRoutes(listener, search.behind.seen.shown))
      : []),
    ...(addition.carriesToken === true && addition.oneAudienceForAllHosts !== true
      ? copied(addition, listener, search.behind)
      : []),
  ];
}

/** @param seen filled */
function unseenBy<One extends object>(seen: Set<object>, all: readonly One[]): readonly One[] {
  const fresh = all.filter((one) => !seen.has(one));
  for (const one of fresh) seen.add(one);
  return fresh;
}

function newRoutes(listener: Listener, seen: Set<object>): readonly RouteEntry[] {
  return unseenBy(seen, routesOf(listener)).flatMap(({ routes }) => routes);
}

const router = 'envoy.extensions.filters.http.router.v3.Router';
const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Filters that run on the way to a cluster: those of routers, and those of the destination clusters. */
function laterFilters(
  listener: Listener,
  { surroundings, behind }: Search,
  some: boolean,
): readonly PlacedIn[] {
  const ofRouters = listener.managers.flatMap(({ lists, file }) =>
    lists
      .flatMap(({ filters }) => filters)
      .flatMap(configsOf)
      .filter(({ type }) => type === router)
      .flatMap((one) => repeatedOf(one, 'upstream_http_filters'))
      .map((filter) => ({ ...filter, file })),
  );
  const reach = surroundings.reachOf(surroundings.destinationsOf(listener));
  const seen = some ? behind.seen.exempting : behind.seen.checking;
  const clusters = unseenBy(seen, [reach]).flatMap((one) => unseenBy(seen, one.clusters));
  const ofClusters = clusters.flatMap((cluster) => {
    const options = placedField(cluster, 'typed_extension_protocol_options');
    const own = options === undefined ? undefined : placedField(options, httpOptions);
    if (own === undefined) return [];
    return repeatedOf(anyOf(own), 'http_filters').map((one) => ({ ...one, file: cluster.file }));
  });
  return [...ofRouters, ...ofClusters];
}

const rewrites = [
  'prefix_rewrite',
  'regex_rewrite',
  'path_rewrite',
  'path_rewrite_policy',
] as const;

/** Routes give the app another path than the one that our filter checked. */
function rewritten(
  { rule, exemptsPaths, advice }: FilterAddition,
  listener: Listener,
  { seen, isSkipping }: Behind,
): readonly EnvoyWarning[] {
  const found = newRoutes(listener, seen.rewritten).flatMap((route) => {
    const field = rewrites.find((one) => isSet(fieldOf(route.action?.message, one)));
    if (field === undefined) return [];
    const counts =
      exemptsPaths === true || [...route.around, ...weightedOf(route)].some(isSkipping);
    return counts ? [{ route, field }] : [];
  });
  const [first] = found;
  if (first === undefined) return [];
  const more = found.length === 1 ? '' : ` (and ${found.length - 1} more routes)`;
  const { file, path } = first.route;
  return [
    warningAt(
      'path_changed_behind',
      { file, path },
      `this route${more} gives requests another path (${first.field}) after ${rule} has looked at them: ${exemptPath(advice)} could become another one there; make sure that it does not`,
    ),
  ];
}

function isSet(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== '';
}

function weightedOf({ action }: RouteEntry): readonly Placed[] {
  const weighted = action === undefined ? undefined : placedField(action, 'weighted_clusters');
  return weighted === undefined ? [] : repeatedOf(weighted, 'clusters');
}

function skipsAt(holder: Placed, routes: FilterAddition['routes']): boolean {
  return Object.values(messageOf(holder.message, 'typed_per_filter_config')).some(
    (setting) => isObject(setting) && skips({ message: setting, path: '' }, routes),
  );
}

/** One route, several clusters: each of them sees the token that is made for the host of the request. */
function copied(
  { rule }: FilterAddition,
  listener: Listener,
  { seen, mirrorsOf, isForeign, endOf }: Behind,
): readonly EnvoyWarning[] {
  for (const route of newRoutes(listener, seen.copied)) {
    const names = [...new Set(clustersOf(route, { mirrorsOf, isForeign }))];
    if (new Set(names.map(endOf)).size < 2) continue;
    const list = names.slice(0, mostNames).map((name) => `"${name}"`);
    return [
      warningAt(
        'one_audience_for_several_clusters',
        route,
        `${rule} gives a request the token for its host, and this route of listener ${titleOf(listener)} sends requests or copies of them (mirrors, weighted clusters) to ${list.join(', ')}: each of them can use the token where it is accepted; make sure that all belong to the service of that host`,
      ),
    ];
  }
  return [];
}

/** Fields in which clusters of one destination may differ; any other difference, also of TLS or resolvers, counts as another destination. */
const noDestination: ReadonlySet<string> = new Set([
  'name',
  'alt_stat_name',
  'connect_timeout',
  'circuit_breakers',
  'outlier_detection',
  'health_checks',
  'lb_policy',
  'lb_subset_config',
  'common_lb_config',
  'load_assignment',
]);

/** Where a cluster leads: two with the same fixed endpoints are one destination, however they divide it. */
function endTextOf({ name, message }: KnownCluster): string {
  const isFixed = addressesOf(message).length > 0;
  if (!isFixed || chosenByRequest({ message, path: '' }) !== undefined) return name;
  const others = Object.entries(message).filter(([key]) => !noDestination.has(key));
  const { endpoints = null } = messageOf(message, 'load_assignment');
  return JSON.stringify([endpoints, others.sort(([one], [two]) => (one < two ? -1 : 1))]);
}

/** Those outside the pod that a route sends requests to, or copies of them. */
function clustersOf(
  route: RouteEntry,
  { mirrorsOf, isForeign }: Pick<Behind, 'mirrorsOf' | 'isForeign'>,
): readonly string[] {
  const { action, around } = route;
  if (action === undefined) return [];
  const named = [
    textOf(action.message, 'cluster'),
    ...weightedOf(route).map(({ message }) => textOf(message, 'name')),
  ];
  return [
    ...named.filter((name) => name !== undefined).filter(isForeign),
    ...[...around, action].flatMap(mirrorsOf),
  ];
}
