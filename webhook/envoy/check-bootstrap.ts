/** What a bootstrap plugs into Envoy as a whole: code there can do anything to connections and listeners. */
import { anyField } from './any-config.ts';
import { type ConfigFile, warningAt } from './config-file.ts';
import type { EnvoyWarning } from './patch-contract.ts';
import { filterTitle } from './judge-filter.ts';
import { type Placed, fieldKey, placedField, repeatedOf, textOf } from './proto-field.ts';

/** Extensions that neither read requests nor change listeners. */
const harmlessTypes: ReadonlySet<string> = new Set([
  'envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
  'envoy.extensions.network.socket_interface.v3.DefaultSocketInterface',
  'envoy.config.listener.v3.ListenerManager',
]);
const usualSockets = 'envoy.extensions.network.socket_interface.default_socket_interface';

/** Warnings about extensions of the bootstrap that are not known. */
export function checkBootstrap(main: ConfigFile): readonly EnvoyWarning[] {
  const { root } = main;
  const manager = placedField(root, 'listener_manager');
  const plugged = [
    ...repeatedOf(root, 'bootstrap_extensions'),
    ...(manager === undefined ? [] : [manager]),
  ].filter((one) => !isHarmless(one));
  const sockets = textOf(root.message, 'default_socket_interface') ?? '';
  const path = `${root.path}/${fieldKey(root.message, 'default_socket_interface')}`;
  return [
    ...plugged.map((one) =>
      warning(main, one.path, filterTitle(one).replace('filter', 'extension')),
    ),
    ...(sockets === '' || sockets === usualSockets
      ? []
      : [warning(main, path, `default_socket_interface "${sockets}"`)]),
  ];
}

function isHarmless(one: Placed): boolean {
  return harmlessTypes.has(anyField(one, 'typed_config')?.type ?? '');
}

function warning(file: ConfigFile, path: string, what: string): EnvoyWarning {
  return warningAt(
    'extension_not_judged',
    { file, path },
    `${what} is plugged into Envoy as a whole and is not judged, so nothing here tells whether connections bypass the filters; remove it, or trust it`,
  );
}
