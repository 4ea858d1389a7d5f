/** Connections that a listener accepts and hands to another listener of the same Envoy, past its own chains. */
import { anyField } from './any-config.ts';
import { isLoopback } from './clusters.ts';
import { type ConfigFiles, hasUnseenListeners, lineIn, warningAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { type Listener, titleOf } from './listener.ts';
import { onceFor } from '#kernel/once.ts';
import { type Placed, fieldKey, messageOf, repeatedOf, textOf } from './proto-field.ts';
import { isOn, isSet, isUdp } from './proto-scalar.ts';
import { shortList } from './short-list.ts';

const filters = 'envoy.extensions.filters.listener.';
/** Listener filters that do not choose the address: it stays the one that the kernel saw, which is not loopback. */
const keepsKernelAddress: ReadonlySet<string> = new Set([
  `${filters}original_dst.v3.OriginalDst`,
  `${filters}tls_inspector.v3.TlsInspector`,
  `${filters}http_inspector.v3.HttpInspector`,
]);

/** Whether a listener hands connections to the listener that has their original destination. */
export function handsOver({ message }: Placed): boolean {
  return isOn(message, 'use_original_dst');
}

/** Warnings about chosen listeners whose connections can end in a listener without a filter of this rule. */
export function checkHandOver(
  addition: FilterAddition,
  chosen: readonly Listener[],
  { files, listeners }: { readonly files: ConfigFiles; readonly listeners: readonly Listener[] },
): readonly EnvoyWarning[] {
  const covered = new Set(chosen);
  const open = listeners.filter((one) => !covered.has(one) && canAnswer(one, addition));
  const places = onceFor((isFree: boolean) => {
    const targets = open.filter((one) => addressesOf(one).some((at) => isFree || !isLoopback(at)));
    return shortList([
      ...targets.map((one) => `${titleOf(one)} (${lineIn(one.file, one.path)})`),
      ...(hasUnseenListeners(files)
        ? ['listeners that come from discovery and cannot be seen']
        : []),
    ]);
  });
  return chosen.filter(handsOver).flatMap((front): readonly EnvoyWarning[] => {
    const ends = places(choosesAddress(front));
    if (ends === '') return [];
    const path = `${front.path}/${fieldKey(front.message, 'use_original_dst')}`;
    return [
      warningAt(
        'chain_without_filter',
        { file: front.file, path },
        `listener ${titleOf(front)} has use_original_dst and hands connections to the listener that has their original destination; ${addition.rule} does nothing for those that end in ${ends}; have the rule cover these listeners too, or take use_original_dst away`,
      ),
    ];
  });
}

/** Traffic that an outbound rule misses in an inbound listener is not a request by the app. */
function canAnswer(listener: Listener, { direction }: FilterAddition): boolean {
  if (direction === 'outbound' && listener.direction === 'inbound') return false;
  return listener.managers.length > 0 || listener.gaps.length > 0;
}

/** Whether anything but the kernel can set the original destination: PROXY protocol, code, unknown filters. */
function choosesAddress(listener: Listener): boolean {
  if (isSet(listener.message, 'internal_listener')) return true;
  const isProxied = repeatedOf(listener, 'filter_chains').some(({ message }) =>
    isOn(message, 'use_proxy_proto'),
  );
  return (
    isProxied ||
    repeatedOf(listener, 'listener_filters').some((filter) => {
      const type = anyField(filter, 'typed_config')?.type;
      return type === undefined || !keepsKernelAddress.has(type);
    })
  );
}

/** TCP sockets of a listener, bound or not: those by which it is found. */
function addressesOf(listener: Listener): readonly string[] {
  return [listener, ...repeatedOf(listener, 'additional_addresses')].flatMap(({ message }) => {
    const address = messageOf(message, 'address');
    if (!isSet(address, 'socket_address')) return [];
    const socket = messageOf(address, 'socket_address');
    return isUdp(socket) ? [] : [textOf(socket, 'address') ?? ''];
  });
}
