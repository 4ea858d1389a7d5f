/** The clusters that a configuration has, and the names that ours get beside them. */
import { type Json, type JsonObject, isArray, isObject, sameJson } from '#kernel/json.ts';
import { type ConfigFile, type ConfigFiles, resourcesOf } from './config-file.ts';
import type { ClusterAddition } from './patch-contract.ts';
import { type Placed, messageOf, placedField, repeatedOf, textOf } from './proto-field.ts';
import { isOneOf, isSet, numberOf } from './proto-scalar.ts';

export interface KnownCluster extends Placed {
  readonly file: ConfigFile;
  /** Of the whole configuration: the validation contexts among the secrets of the main file, by name. */
  readonly validations: ReadonlyMap<string, JsonObject>;
  readonly name: string;
}

/** What is done about a cluster that templates want. */
export interface ClusterPlan {
  readonly wished: string;
  readonly name: string;
  readonly cluster: JsonObject;
  /** The existing cluster that is the same. */
  readonly reused: KnownCluster | undefined;
  /** The different cluster that has the wished name. */
  readonly clash: KnownCluster | undefined;
}

export function findClusters(files: ConfigFiles): readonly KnownCluster[] {
  const { main, clusters: file } = files;
  const fixed = placedField(main.root, 'static_resources');
  const secrets = fixed === undefined ? [] : repeatedOf(fixed, 'secrets');
  const validations = new Map(
    secrets.map(({ message }) => [
      textOf(message, 'name') ?? '',
      messageOf(message, 'validation_context'),
    ]),
  );
  const inMain = (fixed === undefined ? [] : repeatedOf(fixed, 'clusters')).map((one) => ({
    ...one,
    file: main,
  }));
  const discovered = (file === undefined ? [] : resourcesOf(file)).map((one) => ({
    ...one,
    file: file ?? main,
  }));
  return [...inMain, ...discovered].flatMap((one) => {
    const name = textOf(one.message, 'name');
    return name === undefined ? [] : [{ ...one, name, validations }];
  });
}

/** Gives every added cluster its final name: the wished one where it is free or means the same cluster. */
export function planClusters(
  additions: readonly ClusterAddition[],
  known: readonly KnownCluster[],
): readonly ClusterPlan[] {
  const byName = Map.groupBy(known, ({ name }) => name);
  const taken = new Set(byName.keys());
  return additions.map((addition) => {
    const wished = addition.name;
    const clash = byName.get(wished)?.[0];
    const names = candidates(wished);
    for (const name of names) {
      const cluster = named(addition, name);
      const reused = byName.get(name)?.find(({ message }) => sameJson(message, cluster));
      if (reused !== undefined) return { wished, name, cluster, reused, clash: undefined };
      if (taken.has(name)) continue;
      taken.add(name);
      return { wished, name, cluster, reused: undefined, clash };
    }
    throw new RangeError('names never run out');
  });
}

/** The value with `${cluster:NAME}` replaced by final names, in all strings. */
export function withClusterNames(value: JsonObject, plans: readonly ClusterPlan[]): JsonObject {
  const names = new Map(plans.map(({ wished, name }) => [wished, name]));
  return mapTexts(value, (text) =>
    text.replaceAll(
      /\$\{cluster:([^}]*)\}/g,
      (whole, wished: string) => names.get(wished) ?? whole,
    ),
  );
}

/** Names of added clusters that a value refers to. */
export function clustersIn(value: JsonObject): ReadonlySet<string> {
  const found = new Set<string>();
  mapTexts(value, (text) => {
    for (const [, name = ''] of text.matchAll(/\$\{cluster:([^}]*)\}/g)) found.add(name);
    return text;
  });
  return found;
}

/** Types whose endpoints are those of the configuration; of `Cluster.DiscoveryType`. */
export const fixedTypes = [
  { name: 'STATIC', number: 0 },
  { name: 'STRICT_DNS', number: 1 },
  { name: 'LOGICAL_DNS', number: 2 },
];

/** Whether all endpoints are on loopback or on Unix sockets, with all their addresses. @param port only this one, when given */
export function isLocal(cluster: JsonObject, port?: number): boolean {
  const isFixed = !isSet(cluster, 'type') || isOneOf(cluster, 'type', fixedTypes);
  if (!isFixed || isSet(cluster, 'cluster_type')) return false;
  const endpoints = repeatedOf(
    { message: messageOf(cluster, 'load_assignment'), path: '' },
    'endpoints',
  )
    .flatMap((locality) => repeatedOf(locality, 'lb_endpoints'))
    .map(({ message }) => ({ message: messageOf(message, 'endpoint'), path: '' }));
  const addresses = endpoints
    .flatMap((endpoint) => [endpoint, ...repeatedOf(endpoint, 'additional_addresses')])
    .map(({ message }) => messageOf(message, 'address'));
  return addresses.length > 0 && addresses.every((address) => isLocalAddress(address, port));
}

/** A host of the pod itself: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(host: string): boolean {
  return /^(?:127\.\d+\.\d+\.\d+|\[?::1\]?|localhost)$/.test(host);
}

function isLocalAddress(address: JsonObject, port: number | undefined): boolean {
  if (isSet(address, 'pipe')) return port === undefined;
  const socket = messageOf(address, 'socket_address');
  // A custom resolver can turn the address into anything, and another network has its own loopback.
  const isElsewhere = ['resolver_name', 'network_namespace_filepath'].some(
    (field) => (textOf(socket, field) ?? '') !== '',
  );
  if (isElsewhere || !isLoopback(textOf(socket, 'address') ?? '')) return false;
  return port === undefined || numberOf(socket, 'port_value') === port;
}

function named(addition: ClusterAddition, name: string): JsonObject {
  const cluster = { ...addition.cluster, name };
  const own = { wished: addition.name, name, cluster, reused: undefined, clash: undefined };
  return withClusterNames(cluster, [own]);
}

/** `NAME`, `NAME-svidecar`, `NAME-svidecar-2`, … */
function* candidates(name: string): Generator<string, void> {
  yield name;
  yield `${name}-svidecar`;
  for (let number = 2; ; number += 1) yield `${name}-svidecar-${number}`;
}

function mapTexts(value: JsonObject, change: (text: string) => string): JsonObject {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      item === undefined ? [] : [[key, mapValue(item, change)]],
    ),
  );
}

function mapValue(value: Json, change: (text: string) => string): Json {
  if (typeof value === 'string') return change(value);
  if (isArray(value)) return value.map((item) => mapValue(item, change));
  return isObject(value) ? mapTexts(value, change) : value;
}
