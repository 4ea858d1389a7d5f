/**
 * A pod's Envoy configuration, as the patcher wrote it, adapted to one machine: other ports, no mTLS. Of what injection
 * added, only the helper's port is changed. A pure function.
 */
import { own } from '#kernel/members.ts';
import { parse, stringify } from 'yaml';
import {
  isArray,
  isObject,
  listAt,
  objectAt,
  stringAt,
  type Json,
  type JsonObject,
} from '#kernel/json.ts';

export interface LocalPlaces {
  /** Port on loopback that the (only) listener moves to. */
  readonly listener: number;
  /** Cluster name → port on loopback. Clusters that are not named are left out. */
  readonly clusters: Readonly<Record<string, number>>;
  /** Path of a Unix socket for Envoy's admin page; absent: none. */
  readonly admin?: string;
}

/** @param text an Envoy bootstrap in YAML or JSON, with static resources */
export function moveEnvoy(text: string, places: LocalPlaces): string {
  // The engine has read it, and its reader bounds what aliases stand for.
  const bootstrap: unknown = parse(text, { merge: true, maxAliasCount: -1 });
  const whole = isObject(bootstrap) ? bootstrap : {};
  const resources = objectAt(whole, 'static_resources');
  const clusters = listAt(resources, 'clusters').filter(isObject);
  const moved: JsonObject = {
    node: whole['node'] ?? {},
    ...(places.admin === undefined ? {} : { admin: { address: { pipe: { path: places.admin } } } }),
    static_resources: {
      listeners: listAt(resources, 'listeners').map((listener) =>
        isObject(listener) ? moveListener(listener, places.listener) : listener,
      ),
      clusters: clusters.flatMap((cluster): Json[] => {
        const port = own(places.clusters, stringAt(cluster, 'name') ?? '');
        return port === undefined ? [] : [moveCluster(cluster, port)];
      }),
    },
  };
  return stringify(moved);
}

function addressAt(port: number): JsonObject {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function moveListener(listener: JsonObject, port: number): JsonObject {
  const chains = listAt(listener, 'filter_chains').map((chain) => withoutTls(chain));
  return { ...listener, address: addressAt(port), filter_chains: chains };
}

function withoutTls(value: Json): Json {
  if (!isObject(value)) return value;
  const { transport_socket, ...rest } = value;
  return rest;
}

function moveCluster(cluster: JsonObject, port: number): Json {
  return withoutTls({
    ...cluster,
    type: 'STATIC',
    load_assignment: withPort(cluster['load_assignment'] ?? {}, port),
  });
}

/** Every endpoint address of a load assignment becomes the port on loopback. */
function withPort(value: Json, port: number): Json {
  if (isArray(value)) return value.map((item) => withPort(item, port));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      key === 'address' ? addressAt(port) : withPort(member ?? null, port),
    ]),
  );
}
