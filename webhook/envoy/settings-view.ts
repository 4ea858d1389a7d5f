/** What routes set, as a connection manager and its filters see it. */
import { onceFor } from '#kernel/once.ts';
import type { Manager } from './listener.ts';
import type { RouteTerms } from './patch-contract.ts';
import { textOf } from './proto-field.ts';
import { type RouteSetting, type SettingsOfRoute, distinctSettings } from './route-settings.ts';
import type { RouteSource } from './route-sources.ts';

/** What the routes of a connection manager set, and for which filters; seen by one addition. */
export interface SettingsView {
  /** Of each source of routes. */
  readonly parts: readonly SettingsOfRoute[];
  readonly skips: boolean;
  /** Names of the filters in the manager's lists. */
  readonly filters: ReadonlySet<string>;
}

/** @param routes what the addition shares with routes */
export type SettingsReader = (manager: Manager, routes: RouteTerms | undefined) => SettingsView;

/** Visits each connection manager, and each source of routes, once for the same terms. */
export function settingsReader(): SettingsReader {
  const filtersOf = onceFor(
    ({ lists }: Manager) =>
      new Set(
        lists.flatMap(({ filters }) => filters.map(({ message }) => textOf(message, 'name') ?? '')),
      ),
  );
  const readers = new Map<string, (manager: Manager) => SettingsView>();
  return (manager, routes) => {
    const key = JSON.stringify(routes ?? null);
    const read = readers.get(key) ?? readerFor(routes, filtersOf);
    readers.set(key, read);
    return read(manager);
  };
}

function readerFor(
  terms: RouteTerms | undefined,
  filtersOf: (manager: Manager) => ReadonlySet<string>,
): (manager: Manager) => SettingsView {
  const partOf = onceFor(({ settings }: RouteSource) => distinctSettings(settings, terms));
  return onceFor((manager) => {
    const parts = manager.routes.map(partOf);
    return { parts, skips: parts.some((one) => one.skips), filters: filtersOf(manager) };
  });
}

/** Settings under a name, one of each kind. */
export function settingsUnder({ parts }: SettingsView, name: string): readonly RouteSetting[] {
  const found = new Map<string, RouteSetting>();
  for (const [kind, setting] of parts.flatMap(({ byName }) => [...(byName.get(name) ?? [])])) {
    if (!found.has(kind)) found.set(kind, setting);
  }
  return [...found.values()];
}
