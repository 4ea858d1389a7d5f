/** The listeners whose requests need a token: for whoever asks them without one, and for what stands behind them. */
import { addressesOf } from './cluster-transport.ts';
import { isLocal } from './clusters.ts';
import { type ConfigFiles, lineIn } from './config-file.ts';
import type { FilterAddition, Guard, InboundView } from './contract.ts';
import { handsOver } from './hand-over.ts';
import { type Listener, titleOf } from './listener.ts';
import { type Placed, messageOf, placedField, repeatedOf, textOf } from './proto-field.ts';
import { numberOf } from './proto-scalar.ts';
import { type Reach, type Surroundings, destinationsOf, reachOf } from './reach.ts';

/** A rule, and one of the listeners that it is for. */
export interface Chosen {
  readonly addition: FilterAddition;
  readonly listener: Listener;
}

export function inboundView(
  chosen: readonly Chosen[],
  files: ConfigFiles,
  surroundings: Surroundings,
): InboundView {
  const guarded = chosen.filter(({ addition }) => addition.direction === 'inbound');
  const admin = placedField(files.main.root, 'admin');
  const own = [...surroundings.listeners, ...(admin === undefined ? [] : [admin])];
  const guards = new Map<string, Guard>();
  const ports = new Map<Reach, readonly number[]>();
  for (const { addition, listener } of guarded) {
    const reach = reachOf(destinationsOf(listener), surroundings);
    const appPorts = ports.get(reach) ?? appPortsOf(reach);
    ports.set(reach, appPorts);
    const guard = { rule: addition.rule, ...guardOf(listener), appPorts };
    guards.set(`${guard.rule} ${guard.place}`, guard);
  }
  return { guards: [...guards.values()], ports: own.flatMap(portsOf) };
}

function guardOf(listener: Listener): Omit<Guard, 'rule' | 'appPorts'> {
  return {
    listener: titleOf(listener),
    place: lineIn(listener.file, listener.path),
    ports: portsOf(listener),
    getsAllPorts: isRedirectedTo(listener),
  };
}

function appPortsOf({ clusters }: Reach): readonly number[] {
  return clusters
    .filter(({ message }) => isLocal(message))
    .flatMap(({ message }) => addressesOf(message))
    .map((address) => numberOf(messageOf(address, 'socket_address'), 'port_value') ?? 0)
    .filter((port) => port > 0);
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
