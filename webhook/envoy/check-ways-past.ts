/** Listeners without a filter of a rule that lead to the same port of the app as those that have one. */
import { onceFor } from '#kernel/once.ts';
import { portsIn } from './cluster-transport.ts';
import { isLocal, isLoopback } from './clusters.ts';
import { warningAt } from './config-file.ts';
import type { EnvoyWarning, InboundView } from './patch-contract.ts';
import type { Chosen } from './guards.ts';
import { type Listener, titleOf } from './listener.ts';
import { messageOf, repeatedOf, textOf } from './proto-field.ts';
import { isOff } from './proto-scalar.ts';
import type { Reach, EnvoySurroundings } from './reach.ts';

/** Warnings about listeners that others can reach. */
export function checkWaysPast(
  { appPorts }: InboundView,
  chosen: readonly Chosen[],
  { listeners, destinationsOf, reachOf }: EnvoySurroundings,
): readonly EnvoyWarning[] {
  if (appPorts.length === 0) return [];
  const byPort = new Map(appPorts.map((one) => [one.port, one]));
  const guarded = new Set(
    chosen
      .filter(({ addition }) => addition.direction === 'inbound')
      .map(({ listener }) => listener),
  );
  // Many listeners lead to the same places.
  const guardedPortOf = onceFor(({ clusters }: Reach) => {
    for (const { message } of clusters) {
      const port = isLocal(message) ? portsIn(message).find((one) => byPort.has(one)) : undefined;
      if (port !== undefined) return byPort.get(port);
    }
    return undefined;
  });
  return listeners
    .filter((listener) => !guarded.has(listener) && isOpen(listener))
    .flatMap((listener): readonly EnvoyWarning[] => {
      const found = guardedPortOf(reachOf(destinationsOf(listener)));
      if (found === undefined) return [];
      const { port, guard } = found;
      return [
        warningAt(
          'way_past_the_check',
          listener,
          `listener ${titleOf(listener)} has no filter of ${guard.rule}, can be reached from outside the pod, and leads to port ${port} of the app, which listener ${guard.listener} lets in with a token only; have it listen on 127.0.0.1, or name it in svidecar.dev/validate-listeners`,
        ),
      ];
    });
}

/** Whether it has an address of its own that is not loopback. */
function isOpen(listener: Listener): boolean {
  if (isOff(listener.message, 'bind_to_port')) return false;
  return [listener, ...repeatedOf(listener, 'additional_addresses')].some(({ message }) => {
    const socket = messageOf(messageOf(message, 'address'), 'socket_address');
    const address = textOf(socket, 'address');
    return address !== undefined && !isLoopback(address);
  });
}
