/** Where requests go from a place in the configuration: out of this Envoy, or back into one of its listeners. */
import type { JsonObject } from '#kernel/json.ts';
import { anyField } from './any-config.ts';
import { addressesOf, chosenByRequest, membersOfCluster } from './cluster-transport.ts';
import { type KnownCluster, isLoopback } from './clusters.ts';
import { onceFor } from '#kernel/once.ts';
import { invalid } from './config-file.ts';
import { type Hole, findHole } from './cluster-hole.ts';
import { type Listener } from './listener.ts';
import { type PlacedIn } from './placed-in.ts';
import { type Placed, messageOf, placedField, repeatedOf, textOf } from './proto-field.ts';
import { isOff, isSet, numberOf } from './proto-scalar.ts';
import { type RouteSource } from './route-sources.ts';
import { type Destination } from './route-tree.ts';

/** A listener of this Envoy that a request reaches from one of its own clusters. */
interface Meeting {
  readonly listener: Listener;
  readonly via: KnownCluster;
}

export interface Reach {
  /** Clusters by which requests leave this Envoy. */
  readonly clusters: readonly KnownCluster[];
  readonly meetings: readonly Meeting[];
  /** Places whose destination is unknown. */
  readonly unjudged: readonly Destination[];
}

/** Places from which requests go; listeners that share a route configuration share its list. */
export type Destinations = readonly (readonly Destination[])[];

/**
 * Places visited on the way from all listeners together. Listeners seldom lead to one another, and those that
 * share routes are followed once: five hundred listeners that each lead on to one with five hundred routes stay below this.
 */
const maxSteps = 300_000;

/** What is around a place: visited once for a whole configuration. */
export interface EnvoySurroundings {
  readonly listeners: readonly Listener[];
  readonly byName: ReadonlyMap<string, KnownCluster>;
  /** Where a listener sends what it receives. */
  readonly destinationsOf: (listener: Listener) => Destinations;
  /** The field by which a cluster can lead elsewhere than to a port of the pod. */
  readonly holeOf: (port: number) => (cluster: KnownCluster) => Hole | undefined;
  /** Where places lead. @throws {AppError} ENVOY_CONFIG_INVALID where they lead too far to be followed */
  readonly reachOf: (start: Destinations) => Reach;
}

export function surroundingsOf(
  clusters: readonly KnownCluster[],
  listeners: readonly Listener[],
): EnvoySurroundings {
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  const atAddress = listenersByAddress(listeners);
  const known = {
    byName,
    behind: onceFor((cluster: KnownCluster) => placesBehind(cluster, atAddress)),
    destinationsOf: onceFor(destinationsOf),
  };
  const numberOf = numbers();
  const reaches = new Map<string, Reach>();
  const left = { steps: maxSteps };
  return {
    listeners,
    byName,
    destinationsOf: known.destinationsOf,
    holeOf: onceFor((port) => onceFor((cluster) => findHole(cluster, port))),
    reachOf: (start) => {
      const lists = [...new Set(start.filter((list) => list.length > 0))];
      const key = lists.map(numberOf).join(' ');
      const reach = reaches.get(key) ?? follow(lists, known, left);
      reaches.set(key, reach);
      return reach;
    },
  };
}

/** A number for each object that was looked up. */
function numbers(): (one: object) => number {
  const known = new Map<object, number>();
  return (one) => {
    const number = known.get(one) ?? known.size;
    known.set(one, number);
    return number;
  };
}

interface Known {
  readonly byName: ReadonlyMap<string, KnownCluster>;
  readonly behind: (cluster: KnownCluster) => Behind;
  readonly destinationsOf: (listener: Listener) => Destinations;
}

/** Each cluster, each listener and each list of destinations is visited once. @param left counted down */
function follow(start: Destinations, known: Known, left: { steps: number }): Reach {
  const ends = new Set<KnownCluster>();
  const meetings: Meeting[] = [];
  const unjudged: Destination[] = [];
  const seen = new Set<string>();
  const met = new Set<Listener>();
  const queued = new Set<readonly Destination[]>();
  const queue = unqueued(start, queued);
  for (const place of queue) {
    left.steps -= 1;
    if (left.steps < 0) throw tooFar(place);
    const cluster = newClusterAt(place, known.byName, { seen, unjudged });
    if (cluster === undefined) continue;
    const found = known.behind(cluster);
    for (const member of found.members) queue.push(member);
    if (found.isEnd) ends.add(cluster);
    left.steps -= found.listeners.length;
    for (const listener of found.listeners) {
      meetings.push({ listener, via: cluster });
      if (met.has(listener)) continue;
      met.add(listener);
      for (const next of unqueued(known.destinationsOf(listener), queued)) queue.push(next);
    }
  }
  return { clusters: [...ends], meetings, unjudged };
}

/** The cluster that a place names, the first time that one does. @param found both are filled */
function newClusterAt(
  place: Destination,
  byName: ReadonlyMap<string, KnownCluster>,
  { seen, unjudged }: { readonly seen: Set<string>; readonly unjudged: Destination[] },
): KnownCluster | undefined {
  const name = place.cluster;
  if (name === undefined) unjudged.push(place);
  if (name === undefined || seen.has(name)) return undefined;
  seen.add(name);
  const cluster = byName.get(name);
  if (cluster !== undefined) return cluster;
  const chosenBy = `cluster "${name}", which is not in these files`;
  unjudged.push({ ...place, cluster: undefined, chosenBy });
  return undefined;
}

function tooFar({ file, path }: Destination): Error {
  return invalid(file, path, {
    reason: 'listeners_lead_too_far',
    why: `the listeners of this Envoy lead to one another in so many ways that they are not followed beyond ${maxSteps.toLocaleString('en')} steps; have fewer listeners lead on to others of the same Envoy, or divide the configuration`,
  });
}

/** The contents of lists that were not queued yet. @param queued filled */
function unqueued(lists: Destinations, queued: Set<readonly Destination[]>): Destination[] {
  const fresh = [...new Set(lists)].filter((list) => !queued.has(list));
  for (const list of fresh) queued.add(list);
  return fresh.flat();
}

interface Behind {
  readonly members: readonly Destination[];
  readonly listeners: readonly Listener[];
  /** Whether requests leave this Envoy here. */
  readonly isEnd: boolean;
}

function placesBehind(cluster: KnownCluster, atAddress: ReadonlyMap<string, Listener>): Behind {
  const members = membersOfCluster(cluster);
  if (members !== undefined) {
    const places = members.map((name) => ({ ...cluster, cluster: name, chosenBy: '' }));
    return { members: places, listeners: [], isEnd: false };
  }
  const chosenBy = chosenByRequest(cluster);
  const unnamed = chosenBy === undefined ? [] : [{ ...cluster, cluster: undefined, chosenBy }];
  const addresses = addressesOf(cluster.message);
  const own = addresses.map((address) => atAddress.get(endpointKey(address) ?? ''));
  const listeners = own.filter((listener) => listener !== undefined);
  const isEnd = listeners.length < addresses.length || addresses.length === 0;
  return { members: unnamed, listeners: [...new Set(listeners)], isEnd };
}

/** Sockets at which the listeners of this Envoy are found from within the pod. */
function listenersByAddress(listeners: readonly Listener[]): ReadonlyMap<string, Listener> {
  const found = new Map<string, Listener>();
  for (const listener of listeners) {
    if (listener.name !== undefined) found.set(`internal ${listener.name}`, listener);
    for (const holder of [listener, ...repeatedOf(listener, 'additional_addresses')]) {
      const key = socketKey(messageOf(holder.message, 'address'));
      if (key !== undefined && !isOff(listener.message, 'bind_to_port')) found.set(key, listener);
    }
  }
  return found;
}

function endpointKey(address: JsonObject): string | undefined {
  const host = textOf(messageOf(address, 'socket_address'), 'address') ?? '';
  const isOwn = isLoopback(host) || host === '0.0.0.0' || host === '::';
  if (isOwn || isSet(address, 'pipe')) return socketKey(address);
  const name = textOf(messageOf(address, 'envoy_internal_address'), 'server_listener_name');
  return name === undefined ? undefined : `internal ${name}`;
}

function socketKey(address: JsonObject): string | undefined {
  const path = textOf(messageOf(address, 'pipe'), 'path');
  if (path !== undefined) return `pipe ${path}`;
  const port = numberOf(messageOf(address, 'socket_address'), 'port_value') ?? 0;
  return port > 0 ? `port ${port}` : undefined;
}

const tcpProxy = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';

/** Routes of its managers, and clusters of its TCP proxies. */
function destinationsOf(listener: Listener): Destinations {
  const { file } = listener;
  const chain = placedField(listener, 'default_filter_chain');
  const filters = [
    ...repeatedOf(listener, 'filter_chains'),
    ...(chain === undefined ? [] : [chain]),
  ]
    .flatMap((one) => repeatedOf(one, 'filters'))
    .flatMap((filter) => anyField(filter, 'typed_config') ?? []);
  return [
    ...routesOf(listener).map(({ destinations }) => destinations),
    filters
      .filter(({ type }) => type === tcpProxy)
      .flatMap((proxy) => clustersOfProxy({ ...proxy, file })),
  ];
}

/** The sources of routes of all its connection managers, each once. */
export function routesOf({ managers }: Listener): readonly RouteSource[] {
  return [...new Set(managers.flatMap(({ routes }) => routes))];
}

function clustersOfProxy(proxy: PlacedIn): readonly Destination[] {
  const weighted = placedField(proxy, 'weighted_clusters');
  const members: readonly Placed[] = weighted === undefined ? [] : repeatedOf(weighted, 'clusters');
  const names = [
    textOf(proxy.message, 'cluster'),
    ...members.map(({ message }) => textOf(message, 'name')),
  ];
  return names.flatMap((name) =>
    name === undefined ? [] : [{ ...proxy, cluster: name, chosenBy: '' }],
  );
}
