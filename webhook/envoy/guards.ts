/** The listeners whose requests need a token: for callers without one, and for what is behind them. */
import { portsIn } from './cluster-transport.ts';
import { type KnownCluster, isLocal } from './clusters.ts';
import { type ConfigFiles, lineIn } from './config-file.ts';
import type { FilterAddition, Guard, InboundView } from './patch-contract.ts';
import { handsOver } from './hand-over.ts';
import { type Listener, titleOf } from './listener.ts';
import { type Placed, messageOf, placedField, repeatedOf, textOf } from './proto-field.ts';
import { numberOf } from './proto-scalar.ts';
import { type EnvoySurroundings } from './reach.ts';

/** A rule, and one of the listeners that it is for. */
export interface Chosen {
  readonly addition: FilterAddition;
  readonly listener: Listener;
}

export function inboundView(
  chosen: readonly Chosen[],
  files: ConfigFiles,
  surroundings: EnvoySurroundings,
): InboundView {
  const guarded = chosen.filter(({ addition }) => addition.direction === 'inbound');
  const admin = placedField(files.main.root, 'admin');
  const own = [...surroundings.listeners, ...(admin === undefined ? [] : [admin])];
  const guards = guarded.map(guardOf);
  const byPlace = new Map(guards.map((guard) => [`${guard.rule} ${guard.place}`, guard]));
  const appPorts = lastGuards(guarded, surroundings).flatMap(([port, index]) => {
    const guard = guards[index];
    return guard === undefined ? [] : [{ port, guard }];
  });
  return { guards: [...byPlace.values()], ports: own.flatMap(portsOf), appPorts };
}

function guardOf({ addition, listener }: Chosen): Guard {
  return {
    rule: addition.rule,
    listener: titleOf(listener),
    place: lineIn(listener.file, listener.path),
    ports: portsOf(listener),
    getsAllPorts: isRedirectedTo(listener),
  };
}

/** Ports that get requests which passed, and the last listener that sends them there. */
function lastGuards(
  guarded: readonly Chosen[],
  { destinationsOf, reachOf }: EnvoySurroundings,
): readonly (readonly [port: number, index: number])[] {
  const reaches = guarded.map(({ listener }) => reachOf(destinationsOf(listener)));
  const last = new Map<KnownCluster, number>();
  for (const [{ clusters }, index] of new Map(reaches.map((reach, index) => [reach, index]))) {
    for (const cluster of clusters) last.set(cluster, Math.max(index, last.get(cluster) ?? 0));
  }
  const found = new Map<number, number>();
  for (const [{ message }, index] of last) {
    if (!isLocal(message)) continue;
    for (const port of portsIn(message)) found.set(port, Math.max(index, found.get(port) ?? 0));
  }
  return [...found];
}

function portsOf(holder: Placed): readonly number[] {
  return [holder, ...repeatedOf(holder, 'additional_addresses')]
    .map(({ message }) => messageOf(messageOf(message, 'address'), 'socket_address'))
    .map((socket) => numberOf(socket, 'port_value') ?? 0)
    .filter((port) => port > 0);
}

/** Listeners to which the pod's network sends connections for other ports. */
function isRedirectedTo(listener: Listener): boolean {
  if (handsOver(listener)) return true;
  return repeatedOf(listener, 'listener_filters').some(
    ({ message }) => textOf(message, 'name') === 'envoy.filters.listener.original_dst',
  );
}
