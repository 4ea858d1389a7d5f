/** Whether the claims that a filter of ours looks at are there: some `jwt_authn` of the list must leave them behind. */
import { isObject, type JsonObject } from '#kernel/json.ts';
import type { TypedMessage } from './any-config.ts';
import { type ConfigFile, warningAt } from './config-file.ts';
import { authnFilterType } from './http-filters.ts';
import { configsOf } from './judge-filter.ts';
import type { FilterList, Listener } from './listener.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { messageOf, placedField, textOf, type Placed } from './proto-field.ts';

/** What verifies tokens in a filter, and can leave their claims behind. */
export function verifiersIn(filter: Placed): readonly TypedMessage[] {
  return configsOf(filter).filter(({ type }) => type === authnFilterType);
}

/** @param additions filters that are added besides */
export function checkClaims(
  addition: FilterAddition,
  { managers }: Listener,
  additions: readonly FilterAddition[],
): readonly EnvoyWarning[] {
  if (addition.readsMetadata === undefined) return [];
  const ours = additions.map(({ filter }) => filter);
  return managers.flatMap(({ lists, file }) =>
    lists.flatMap((list) => claimsOf(addition, list, { file, ours })),
  );
}

function claimsOf(
  { rule, readsMetadata: key = '' }: FilterAddition,
  list: FilterList,
  { file, ours }: { readonly file: ConfigFile; readonly ours: readonly JsonObject[] },
): readonly EnvoyWarning[] {
  const filters = [...list.filters, ...ours.map((message) => ({ message, path: '' }))];
  // What comes from a control plane is not known here.
  if (filters.some((filter) => placedField(filter, 'config_discovery') !== undefined)) return [];
  const providers = filters
    .flatMap(verifiersIn)
    .flatMap(({ message }) => Object.values(messageOf(message, 'providers')));
  const keys = providers.map((one) => textOf(isObject(one) ? one : {}, 'payload_in_metadata'));
  if (keys.includes(key)) return [];
  const why = `${rule} looks at the claims that jwt_authn leaves under "${key}", and no such filter of this list has that payload_in_metadata: it would refuse nobody; write the key of one of them`;
  return [warningAt('claims_not_left', { file, path: list.path }, why)];
}
