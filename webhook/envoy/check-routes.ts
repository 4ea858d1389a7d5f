/** Where requests that carry a token go: what an operator should know before it happens. */
import type { KnownCluster } from './clusters.ts';
import { isProtected } from './cluster-transport.ts';
import { lineIn } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './contract.ts';
import { anyField } from './any-config.ts';
import { type Listener, type Manager, titleOf } from './listener.ts';
import { filterTitle } from './judge-filter.ts';
import { fieldOf, repeatedOf } from './proto-field.ts';
import { type Reach, type Surroundings, reachOf } from './reach.ts';
import { type Destination, routeTreeOf } from './route-tree.ts';

/** Warnings about one rule in one listener. */
export function checkRoutes(
  addition: FilterAddition,
  listener: Listener,
  surroundings: Surroundings,
): readonly EnvoyWarning[] {
  const trees = listener.managers.map(routeTreeOf);
  const destinations = [
    ...trees.flatMap((tree) => tree.destinations),
    ...listener.managers.flatMap(otherEnds),
  ];
  const reach = reachOf(destinations, surroundings);
  return [
    ...(addition.carriesToken === true ? leavesWithoutTls(addition, reach) : []),
    ...(addition.oneAudienceForAllHosts === true ? severalClusters(addition, listener, reach) : []),
    ...(addition.carriesToken === true ? notJudged(addition, reach.unjudged) : []),
    ...trees.flatMap((tree) => tree.routes).flatMap((route) => tunnels(addition, route)),
  ];
}

const router = 'envoy.extensions.filters.http.router.v3.Router';

/** Terminal filters that are no router send requests where they like. */
function otherEnds(manager: Manager): readonly Destination[] {
  return manager.lists.flatMap(({ filters }): readonly Destination[] => {
    const last = filters.at(-1);
    if (last === undefined || anyField(last, 'typed_config')?.type === router) return [];
    return [{ ...last, file: manager.file, cluster: undefined, chosenBy: filterTitle(last) }];
  });
}

function leavesWithoutTls({ rule }: FilterAddition, reach: Reach): readonly EnvoyWarning[] {
  return reach.clusters
    .filter((cluster) => !isProtected(cluster))
    .map(({ file, path, name }) => ({
      id: 'token_without_tls',
      message: `${lineIn(file, path)}: ${rule} puts a token into requests to cluster "${name}", which has no TLS transport_socket for each of its endpoints: anyone on the path can read the token and use it`,
    }));
}

function severalClusters(
  { rule }: FilterAddition,
  listener: Listener,
  { clusters }: Reach,
): readonly EnvoyWarning[] {
  if (clusters.length < 2) return [];
  const list = shortList(clusters.map(({ name }: KnownCluster) => `"${name}"`));
  return [
    {
      id: 'one_audience_for_several_clusters',
      message: `${lineIn(listener.file, listener.path)}: ${rule} has one audience, and listener ${titleOf(listener)} routes to ${list}: each of them gets a token that the others accept; svidecar.dev/audience-by-host gives each its own`,
    },
  ];
}

/** Most clusters that a message names. */
const mostNames = 20;

function shortList(names: readonly string[]): string {
  const more = names.length - mostNames;
  const shown = names.slice(0, mostNames).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** One warning for each way of choosing, at the first place that has it. */
function notJudged(
  { rule, oneAudienceForAllHosts }: FilterAddition,
  places: readonly Destination[],
): readonly EnvoyWarning[] {
  const groups = Map.groupBy(places, ({ chosenBy }) => chosenBy);
  const spread =
    oneAudienceForAllHosts === true
      ? ', and every destination gets a token that the others accept: svidecar.dev/audience-by-host says which hosts get one'
      : '';
  return [...groups].flatMap(([chosenBy, [first, ...others]]): readonly EnvoyWarning[] => {
    if (first === undefined) return [];
    const more = others.length === 0 ? '' : ` (and in ${others.length} more places)`;
    const message = `${lineIn(first.file, first.path)}: where requests with a token of ${rule} go is chosen by ${chosenBy}${more}, so nothing here tells whether they are protected by TLS${spread}`;
    return [{ id: 'destination_not_judged', message }];
  });
}

/** A tunnel is one request: what is sent in it later is no request of this Envoy. */
function tunnels(
  { rule, carriesToken }: FilterAddition,
  { action, file }: ReturnType<typeof routeTreeOf>['routes'][number],
): readonly EnvoyWarning[] {
  if (action === undefined) return [];
  const tunnel = repeatedOf(action, 'upgrade_configs').find(
    ({ message }) => fieldOf(message, 'connect_config') !== undefined,
  );
  if (tunnel === undefined) return [];
  const what =
    carriesToken === true
      ? 'what is sent in it gets no token'
      : 'what is sent in it is not checked';
  const message = `${lineIn(file, tunnel.path)}: this route ends CONNECT requests in a tunnel, which ${rule} sees once, as it is opened: ${what}; route such requests in a listener of their own`;
  return [{ id: 'tunnel_seen_once', message }];
}
