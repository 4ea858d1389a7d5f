/** Where requests go from a place in the configuration: out of this Envoy, or back into one of its listeners. */
import type { JsonObject } from '#kernel/json.ts';
import { anyField } from './any-config.ts';
import { addressesOf, chosenByRequest, membersOfCluster } from './cluster-transport.ts';
import { type KnownCluster, isLoopback } from './clusters.ts';
import type { Listener, PlacedIn } from './listener.ts';
import { type Placed, messageOf, placedField, repeatedOf, textOf } from './proto-field.ts';
import { isOff, isSet, numberOf } from './proto-scalar.ts';
import { type Destination, routeTreeOf } from './route-tree.ts';

/** A listener of this Envoy that a request comes to from one of its own clusters. */
interface Meeting {
  readonly listener: Listener;
  readonly via: KnownCluster;
}

export interface Reach {
  /** Clusters by which requests leave this Envoy. */
  readonly clusters: readonly KnownCluster[];
  readonly meetings: readonly Meeting[];
  /** Places of which nothing tells where they lead. */
  readonly unjudged: readonly Destination[];
}

/** Places from which requests go; listeners that share a route configuration share its list. */
export type Destinations = readonly (readonly Destination[])[];

/** What is around a place: looked through once for a whole configuration. */
export interface Surroundings {
  readonly listeners: readonly Listener[];
  readonly byName: ReadonlyMap<string, KnownCluster>;
  readonly atAddress: ReadonlyMap<string, Listener>;
  /** Where a list leads by itself: listeners share route configurations. Filled. */
  readonly known: Map<readonly Destination[], Reach>;
}

export function surroundingsOf(
  clusters: readonly KnownCluster[],
  listeners: readonly Listener[],
): Surroundings {
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  return { listeners, byName, atAddress: listenersByAddress(listeners), known: new Map() };
}

/** A list that many share is followed once. */
export function reachOf(start: Destinations, surroundings: Surroundings): Reach {
  const [only = [], ...others] = new Set(start.filter((list) => list.length > 0));
  if (others.length > 0) return follow([only, ...others], surroundings);
  const reach = surroundings.known.get(only) ?? follow([only], surroundings);
  surroundings.known.set(only, reach);
  return reach;
}

/** Each cluster, each listener and each list of destinations is looked at once. */
function follow(start: Destinations, { byName, atAddress }: Surroundings): Reach {
  const left = new Set<KnownCluster>();
  const meetings: Meeting[] = [];
  const unjudged: Destination[] = [];
  const seen = new Set<string>();
  const met = new Set<Listener>();
  const queued = new Set<readonly Destination[]>();
  const queue = unqueued(start, queued);
  for (const place of queue) {
    const name = place.cluster;
    if (name === undefined) unjudged.push(place);
    if (name === undefined || seen.has(name)) continue;
    seen.add(name);
    const cluster = byName.get(name);
    if (cluster === undefined) {
      const chosenBy = `cluster "${name}", which is not in these files`;
      unjudged.push({ ...place, cluster: undefined, chosenBy });
      continue;
    }
    const found = placesBehind(cluster, atAddress);
    queue.push(...found.members);
    if (found.isEnd) left.add(cluster);
    for (const listener of found.listeners) {
      meetings.push({ listener, via: cluster });
      if (met.has(listener)) continue;
      met.add(listener);
      queue.push(...unqueued(destinationsOf(listener), queued));
    }
  }
  return { clusters: [...left], meetings, unjudged };
}

/** What stands in lists that were not queued yet. @param queued filled */
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
  return { members: unnamed, listeners, isEnd };
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

/** Where a listener sends what comes to it: routes of its managers, and clusters of its TCP proxies. */
export function destinationsOf(listener: Listener): Destinations {
  const { file } = listener;
  const chain = placedField(listener, 'default_filter_chain');
  const filters = [
    ...repeatedOf(listener, 'filter_chains'),
    ...(chain === undefined ? [] : [chain]),
  ]
    .flatMap((one) => repeatedOf(one, 'filters'))
    .flatMap((filter) => anyField(filter, 'typed_config') ?? []);
  return [
    ...listener.managers.map((manager) => routeTreeOf(manager).destinations),
    filters
      .filter(({ type }) => type === tcpProxy)
      .flatMap((proxy) => clustersOfProxy({ ...proxy, file })),
  ];
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
