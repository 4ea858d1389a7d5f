/** Where requests that carry a token go: what an operator should know before it happens. */
import type { SharedAudience } from './audience-routes.ts';
import type { KnownCluster } from './clusters.ts';
import { isTapped, unsafeBecause } from './cluster-transport.ts';
import { warningAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { anyField } from './any-config.ts';
import { type Listener, type Manager, titleOf } from './listener.ts';
import { filterTitle } from './judge-filter.ts';
import { placedField, repeatedOf } from './proto-field.ts';
import { isSet } from './proto-scalar.ts';
import { type Destinations, type Reach, type EnvoySurroundings, routesOf } from './reach.ts';
import type { RouteSource } from './route-sources.ts';
import { type Destination, type RouteEntry } from './route-tree.ts';
import { mostNames, shortList } from './short-list.ts';

interface RouteChecks extends EnvoySurroundings {
  /** What other listeners lead to, or share, and was already reported for this rule; filled. */
  readonly reported: Set<object>;
  readonly sharedOf: SharedAudience;
}

/** Warnings about one rule in one listener. */
export function checkRoutes(
  addition: FilterAddition,
  listener: Listener,
  { reported, reachOf, sharedOf }: RouteChecks,
): readonly EnvoyWarning[] {
  const sources = routesOf(listener);
  const ends = listener.managers.map(otherEnds);
  const reach = reachOf([...sources.map(({ destinations }) => destinations), ...ends]);
  const isNew = (one: object): boolean => {
    const isKnown = reported.has(one);
    reported.add(one);
    return !isKnown;
  };
  const isNewReach = isNew(reach);
  return [
    ...(addition.carriesToken === true && isNewReach
      ? onTheWay(addition, reach.clusters.filter(isNew))
      : []),
    ...(addition.oneAudienceForAllHosts === true
      ? severalClusters(addition, listener, reachOf([...sharedBy(sources, sharedOf), ...ends]))
      : []),
    ...(addition.carriesToken === true && isNewReach ? notJudged(addition, reach.unjudged) : []),
    ...sources
      .map(({ routes }) => routes)
      .filter(isNew)
      .flatMap((routes) => routes.flatMap((route) => tunnels(addition, route))),
  ];
}

const router = 'envoy.extensions.filters.http.router.v3.Router';

/** Terminal filters other than the router send requests anywhere. */
function otherEnds(manager: Manager): readonly Destination[] {
  return manager.lists.flatMap(({ filters }): readonly Destination[] => {
    const last = filters.at(-1);
    if (last === undefined || anyField(last, 'typed_config')?.type === router) return [];
    return [{ ...last, file: manager.file, cluster: undefined, chosenBy: filterTitle(last) }];
  });
}

function onTheWay(
  addition: FilterAddition,
  clusters: readonly KnownCluster[],
): readonly EnvoyWarning[] {
  return [...leavesWithoutTls(addition, clusters), ...tapped(addition, clusters)];
}

function leavesWithoutTls(
  { rule }: FilterAddition,
  clusters: readonly KnownCluster[],
): readonly EnvoyWarning[] {
  return clusters
    .map((cluster) => ({ ...cluster, why: unsafeBecause(cluster) }))
    .filter(({ why }) => why !== undefined)
    .map(({ file, path, name, why }) =>
      warningAt(
        'token_without_tls',
        { file, path },
        `${rule} puts a token into requests to cluster "${name}", ${why ?? ''}`,
      ),
    );
}

function tapped(
  { rule }: FilterAddition,
  clusters: readonly KnownCluster[],
): readonly EnvoyWarning[] {
  return clusters
    .filter(isTapped)
    .map(({ file, path, name }) =>
      warningAt(
        'token_logged',
        { file, path },
        `a transport_socket of cluster "${name}" writes all that is sent there (tap), with the token that ${rule} puts into the requests: whoever reads it can use the token; remove the tap`,
      ),
    );
}

/** Of several sources two may name one audience, which is not looked into. */
function sharedBy(sources: readonly RouteSource[], sharedOf: SharedAudience): Destinations {
  const [only, ...more] = sources;
  return only !== undefined && more.length === 0
    ? [sharedOf(only)]
    : sources.map(({ destinations }) => destinations);
}

function severalClusters(
  { rule, advice }: FilterAddition,
  listener: Listener,
  { clusters }: Reach,
): readonly EnvoyWarning[] {
  if (clusters.length < 2) return [];
  const first = clusters.slice(0, mostNames).map(({ name }) => `"${name}"`);
  const list = shortList(first, clusters.length);
  const remedy = advice?.audience === undefined ? '' : `; ${advice.audience} gives each its own`;
  return [
    warningAt(
      'one_audience_for_several_clusters',
      listener,
      `${rule} has one audience, and listener ${titleOf(listener)} routes to ${list}: each of them gets a token that the others accept${remedy}`,
    ),
  ];
}

/** One warning for each way of choosing, at the first place that has it. */
function notJudged(
  { rule, oneAudienceForAllHosts, advice }: FilterAddition,
  places: readonly Destination[],
): readonly EnvoyWarning[] {
  const groups = Map.groupBy(places, ({ chosenBy }) => chosenBy);
  const remedy =
    advice?.audience === undefined ? '' : `: ${advice.audience} says which hosts get one`;
  const spread =
    oneAudienceForAllHosts === true
      ? `, and every destination gets a token that the others accept${remedy}`
      : '';
  return [...groups].flatMap(([chosenBy, [first, ...others]]): readonly EnvoyWarning[] => {
    if (first === undefined) return [];
    const more = others.length === 0 ? '' : ` (and in ${others.length} more places)`;
    return [
      warningAt(
        'destination_not_judged',
        first,
        `where requests with a token of ${rule} go is chosen by ${chosenBy}${more}, so nothing here tells whether they are protected by TLS${spread}`,
      ),
    ];
  });
}

/** A tunnel is one request: what is sent in it later is not a request to this Envoy. */
function tunnels(
  { rule, carriesToken }: FilterAddition,
  route: RouteEntry,
): readonly EnvoyWarning[] {
  const { action, file } = route;
  if (action === undefined) return [];
  const tunnel = repeatedOf(action, 'upgrade_configs').find(({ message }) =>
    isSet(message, 'connect_config'),
  );
  if (tunnel === undefined) return forwardedTunnels(rule, carriesToken === true, route);
  const what =
    carriesToken === true
      ? 'what is sent in it gets no token'
      : 'what is sent in it is not checked';
  return [
    warningAt(
      'tunnel_seen_once',
      { file, path: tunnel.path },
      `this route ends CONNECT requests in a tunnel, which ${rule} sees once, as it is opened: ${what}; route such requests in a listener of their own`,
    ),
  ];
}

/** A proxy that CONNECT requests are sent on to sees what was meant for the host behind it. */
function forwardedTunnels(
  rule: string,
  carriesToken: boolean,
  route: RouteEntry,
): readonly EnvoyWarning[] {
  const match = placedField(route, 'match');
  if (match === undefined || placedField(match, 'connect_matcher') === undefined) return [];
  const what = carriesToken
    ? 'the proxy gets the token for the host that the tunnel leads to, and what is sent in the tunnel gets none'
    : 'what is sent in the tunnel is not checked';
  return [
    warningAt(
      'tunnel_seen_once',
      { file: route.file, path: match.path },
      `this route sends CONNECT requests on, which ${rule} sees once, as the tunnel is opened: ${what}; route such requests in a listener of their own`,
    ),
  ];
}
