/** Ports that two programs of one pod would listen on. */
import { type ConfigFiles, warningAt } from './config-file.ts';
import type { EnvoyWarning } from './patch-contract.ts';
import { type Listener, titleOf } from './listener.ts';
import { type Placed, placedField, repeatedOf } from './proto-field.ts';
import { isOff, isUdp, numberOf } from './proto-scalar.ts';

/** Warnings about what Envoy itself listens on: its listeners and its admin page. */
export function checkPorts(
  files: ConfigFiles,
  listeners: readonly Listener[],
  taken: ReadonlySet<number>,
): readonly EnvoyWarning[] {
  const admin = placedField(files.main.root, 'admin');
  const holders = [
    ...listeners.filter(isBound).flatMap((listener) => {
      const at = { file: listener.file, who: `listener ${titleOf(listener)}` };
      const all = [listener, ...repeatedOf(listener, 'additional_addresses')];
      return all.map((holder) => ({ holder, ...at }));
    }),
    ...(admin === undefined ? [] : [{ holder: admin, file: files.main, who: 'the admin page' }]),
  ];
  return holders.flatMap(({ holder, file, who }): readonly EnvoyWarning[] => {
    const socket = socketOf(holder);
    const port = numberOf(socket?.message, 'port_value');
    if (socket === undefined || port === undefined || !taken.has(port)) return [];
    return [
      warningAt(
        'port_clash',
        { file, path: socket.path },
        `${who} uses port ${port}, on which the auth helper listens: one of the two will not start`,
      ),
    ];
  });
}

/** A listener with `bind_to_port: false` only gets connections from another one. */
function isBound({ message }: Listener): boolean {
  return !isOff(message, 'bind_to_port');
}

/** The TCP socket that a message with a field `address` names. */
function socketOf(holder: Placed): Placed | undefined {
  const address = placedField(holder, 'address');
  const socket = address === undefined ? undefined : placedField(address, 'socket_address');
  return isUdp(socket?.message) ? undefined : socket;
}
