/** What routes set, as a connection manager and its filters meet it. */
import { onceFor } from '#kernel/once.ts';
import type { Manager } from './listener.ts';
import { textOf } from './proto-field.ts';
import type { RouteSetting, SettingsOfRoute } from './route-settings.ts';

/** What the routes of a connection manager set, and for which filters. */
export interface SettingsView {
  /** Of each source of routes. */
  readonly parts: readonly SettingsOfRoute[];
  readonly skips: boolean;
  /** Names of the filters in the manager's lists. */
  readonly filters: ReadonlySet<string>;
}

/** Looks at each connection manager once. */
export function settingsReader(): (manager: Manager) => SettingsView {
  return onceFor(({ lists, routes }) => {
    const names = lists.flatMap(({ filters }) =>
      filters.map(({ message }) => textOf(message, 'name') ?? ''),
    );
    const parts = routes.map(({ settings }) => settings);
    return { parts, skips: parts.some((one) => one.skips), filters: new Set(names) };
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
