/** Which variables templates use, and their Envoy parts: the values of these are what a plan consists of besides its source. */
import { own, setMember } from '#kernel/members.ts';
import type { Json } from '#kernel/json.ts';
import type { NamedTemplate } from '../templates/library.ts';
import { variablesIn, type Variables } from '../templates/substitute.ts';
import type { Fragment } from '../templates/template-schema.ts';

/** Values of the variables that decided about, or appear in, the Envoy parts that apply. */
export function usedValues(
  fragments: readonly Fragment[],
  variables: Variables,
): Readonly<Record<string, Json>> {
  const names = new Set(fragments.flatMap((fragment) => usedNames(fragment)));
  const values: Record<string, Json> = {};
  for (const name of [...names].sort()) {
    const value = own(variables, name);
    if (value !== undefined) setMember(values, name, value);
  }
  return values;
}

export function usedNames(fragment: Fragment): readonly string[] {
  const { envoy, when = {} } = fragment;
  if (envoy === undefined) return [];
  const names = new Set(Object.keys(when));
  for (const { filter, listeners, before, hosts, ...flags } of envoy.filters) {
    const { oneAudienceForAllHosts, exemptsPaths, onceOnly, readsMetadata, leavesMetadata } = flags;
    const optional = [listeners, before, hosts, readsMetadata, leavesMetadata?.always];
    const values = optional.map((value) => value ?? null);
    variablesIn([filter, ...values, oneAudienceForAllHosts, exemptsPaths, onceOnly], names);
  }
  for (const { cluster } of envoy.clusters) variablesIn(cluster, names);
  variablesIn(envoy.bootstrap ?? null, names);
  return [...names];
}

/** Names of the variables that decide about fragments of these templates, or stand in those that apply. */
export function variablesRead(
  templates: readonly NamedTemplate[],
  fragments: readonly Fragment[],
): ReadonlySet<string> {
  const all = templates.flatMap(({ parts }) => parts);
  const names = new Set(all.flatMap(({ fragment }) => Object.keys(fragment.when ?? {})));
  for (const fragment of fragments) {
    for (const name of usedNames(fragment)) names.add(name);
    const { pod, everyContainer, helperRule, helperSettings, sidecars = [] } = fragment;
    for (const part of [pod, everyContainer, helperRule, helperSettings, ...sidecars])
      variablesIn(part ?? null, names);
  }
  return names;
}
